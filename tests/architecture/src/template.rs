//! Templates as JSON values: CloudFormation's short forms (`!Ref`, `!Sub`, `!GetAtt`) become the long ones and its loops what they make, so
//! that rules see one shape.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

/// A template, read.
#[derive(Debug)]
pub struct Template {
    /// The file's name, for messages.
    pub name: String,
    root: Value,
}

/// One resource of a template.
#[derive(Clone, Copy, Debug)]
pub struct Resource<'t> {
    /// Its name within the template.
    pub id: &'t str,
    /// For instance `AWS::SQS::Queue`.
    pub kind: &'t str,
    /// Its properties; null where it has none.
    pub properties: &'t Value,
    /// What becomes of it when its stack goes, if it says so.
    pub deletion_policy: Option<&'t str>,
}

/// All templates of a folder, by name.
///
/// # Errors
/// When the folder or a template cannot be read, or there is none.
pub fn read_all(folder: &Path) -> Result<Vec<Template>> {
    let mut templates = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let template = Template::parse(&name, &fs::read_to_string(&path)?)?;
            templates.insert(name, template);
        }
    }
    ensure!(!templates.is_empty(), "no templates in {}", folder.display());
    Ok(templates.into_values().collect())
}

impl Template {
    /// Reads a template's text.
    ///
    /// # Errors
    /// When it is not YAML, or uses what CloudFormation does not take (anchors).
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let documents = Yaml::load_from_str(text).with_context(|| name.to_owned())?;
        let [document] = documents.as_slice() else { bail!("{name}: {} documents", documents.len()) };
        let mut root = to_json(document).with_context(|| name.to_owned())?;
        if let Some(resources) = root.get_mut("Resources").and_then(Value::as_object_mut) {
            *resources = unrolled(resources).with_context(|| name.to_owned())?;
        }
        Ok(Self { name: name.to_owned(), root })
    }

    #[must_use]
    pub fn root(&self) -> &Value {
        &self.root
    }

    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.root["Resources"].as_object().into_iter().flatten().map(|(id, body)| Resource {
            id,
            kind: body["Type"].as_str().unwrap_or_default(),
            properties: &body["Properties"],
            deletion_policy: body["DeletionPolicy"].as_str(),
        })
    }

    /// Its resources of one type.
    pub fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = Resource<'_>> {
        self.resources().filter(move |resource| resource.kind == kind)
    }

    /// The resource that a `Ref` or `GetAtt` points at, when it is in this template.
    #[must_use]
    pub fn target(&self, reference: &Value) -> Option<Resource<'_>> {
        let id = reference["Ref"].as_str().or_else(|| reference["Fn::GetAtt"][0].as_str())?;
        self.resources().find(|resource| resource.id == id)
    }

    /// The resource that is exported under the name in an `ImportValue`, when this template exports it.
    #[must_use]
    pub fn exported(&self, import: &Value) -> Option<Resource<'_>> {
        let wanted = import.get("Fn::ImportValue")?;
        let output = self.root["Outputs"].as_object()?.values().find(|it| it["Export"]["Name"] == *wanted)?;
        self.target(&output["Value"])
    }

    /// A parameter's declaration, when the value is a `Ref` to one.
    #[must_use]
    pub fn parameter(&self, reference: &Value) -> Option<&Value> {
        self.root["Parameters"].get(reference["Ref"].as_str()?)
    }

    /// A function's property: its own, or else what `Globals` gives to all. Objects are merged, as SAM does.
    #[must_use]
    pub fn function_property(&self, function: Resource<'_>, path: &[&str]) -> Value {
        let dig = |from: &Value| path.iter().fold(from.clone(), |value, key| value[*key].clone());
        let own = dig(function.properties);
        if own.is_null() && function.kind == "AWS::Serverless::Function" {
            return dig(&self.root["Globals"]["Function"]);
        }
        own
    }
}

fn to_json(yaml: &Yaml<'_>) -> Result<Value> {
    Ok(match yaml {
        Yaml::Value(scalar) => match scalar {
            Scalar::Null => Value::Null,
            Scalar::Boolean(flag) => json!(flag),
            Scalar::Integer(number) => json!(number),
            Scalar::FloatingPoint(number) => json!(number.into_inner()),
            Scalar::String(text) => json!(text),
        },
        Yaml::Representation(text, ..) => json!(text),
        Yaml::Sequence(items) => Value::Array(items.iter().map(to_json).collect::<Result<_>>()?),
        Yaml::Mapping(entries) => {
            let mut object = Map::new();
            for (key, value) in entries {
                let Value::String(key) = to_json(key)? else { bail!("a key that is no string: {key:?}") };
                object.insert(key, to_json(value)?);
            }
            Value::Object(object)
        }
        Yaml::Tagged(tag, value) => long_form(&tag.suffix, to_json(value)?),
        Yaml::Alias(_) | Yaml::BadValue => bail!("anchors are nothing that CloudFormation takes"),
    })
}

/// `Fn::ForEach::Name: [Word, [values], body]` as CloudFormation makes it: the body for each value, with it in the word's place.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-foreach.html>
fn unrolled(resources: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut all = Map::new();
    for (id, body) in resources {
        if !id.starts_with("Fn::ForEach::") {
            all.insert(id.clone(), body.clone());
            continue;
        }
        let parts = (body[0].as_str(), body[1].as_array(), body[2].as_object());
        let (Some(word), Some(values), Some(body)) = parts else { bail!("{id} is no loop") };
        for value in values {
            let Some(value) = value.as_str() else { bail!("{id} goes over something else than words") };
            for (id, body) in body {
                let known = all.insert(with(word, value, id), replaced(word, value, body));
                ensure!(known.is_none(), "{id} makes two resources of one name");
            }
        }
    }
    Ok(all)
}

fn replaced(word: &str, by: &str, value: &Value) -> Value {
    match value {
        Value::String(text) => json!(with(word, by, text)),
        Value::Array(items) => items.iter().map(|it| replaced(word, by, it)).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, it)| (with(word, by, key), replaced(word, by, it))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// `${Word}` becomes the value, `&{Word}` its letters and digits.
fn with(word: &str, by: &str, text: &str) -> String {
    let plain: String = by.chars().filter(char::is_ascii_alphanumeric).collect();
    text.replace(&format!("${{{word}}}"), by).replace(&format!("&{{{word}}}"), &plain)
}

fn long_form(tag: &str, value: Value) -> Value {
    let value = match (tag, value) {
        ("GetAtt", Value::String(path)) => json!(path.splitn(2, '.').collect::<Vec<_>>()),
        (_, value) => value,
    };
    let function = if matches!(tag, "Ref" | "Condition") { tag.to_owned() } else { format!("Fn::{tag}") };
    json!({ function: value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_become_long_ones() {
        let text = "Resources:\n  A:\n    Type: T\n    Properties: { X: !Ref B, Y: !GetAtt B.C.D, Z: !Sub '${B}', N: 5, S: '5' }";
        let template = Template::parse("t", text).unwrap();
        let properties = template.of_kind("T").next().unwrap().properties;
        assert_eq!(
            *properties,
            json!({ "X": { "Ref": "B" }, "Y": { "Fn::GetAtt": ["B", "C.D"] }, "Z": { "Fn::Sub": "${B}" }, "N": 5, "S": "5" })
        );
    }

    #[test]
    fn a_function_takes_from_globals_what_it_does_not_say() {
        let text = "Globals:\n  Function: { Timeout: 3, LoggingConfig: { LogFormat: JSON } }\nResources:\n  \
                    F: { Type: 'AWS::Serverless::Function', Properties: { LoggingConfig: { LogGroup: g } } }";
        let template = Template::parse("t", text).unwrap();
        let function = template.resources().next().unwrap();
        assert_eq!(template.function_property(function, &["Timeout"]), 3);
        assert_eq!(template.function_property(function, &["LoggingConfig", "LogFormat"]), "JSON");
        assert_eq!(template.function_property(function, &["LoggingConfig", "LogGroup"]), "g");
    }

    #[test]
    fn a_loop_becomes_what_it_makes() {
        let text = "Resources:\n  Fn::ForEach::All:\n    - Name\n    - [a-b, c]\n    \
                    - '&{Name}Alarm': { Type: T, Properties: { N: !Sub '${D}-${Name}' } }";
        let template = Template::parse("t", text).unwrap();
        let made: Vec<_> = template.of_kind("T").map(|it| (it.id, it.properties["N"]["Fn::Sub"].as_str())).collect();
        assert_eq!(made, [("abAlarm", Some("${D}-a-b")), ("cAlarm", Some("${D}-c"))]);
        assert!(Template::parse("t", &text.replace("a-b", "c")).is_err(), "one would hide the other");
        assert!(Template::parse("t", &text.replace("[a-b, c]", "names")).is_err(), "a loop over nothing hides all");
    }

    #[test]
    fn an_import_leads_to_what_is_exported() {
        let text =
            "Resources:\n  A: { Type: T }\nOutputs:\n  O: { Value: !GetAtt A.Arn, Export: { Name: !Sub '${D}-A' } }";
        let template = Template::parse("t", text).unwrap();
        assert_eq!(template.exported(&json!({ "Fn::ImportValue": { "Fn::Sub": "${D}-A" } })).unwrap().id, "A");
        assert!(template.exported(&json!({ "Fn::ImportValue": { "Fn::Sub": "${D}-B" } })).is_none());
    }
}
