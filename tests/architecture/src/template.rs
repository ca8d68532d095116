//! Templates as JSON values: CloudFormation's short forms (`!Ref`, `!Sub`, `!GetAtt`) become the long ones, so that rules see one shape.

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
        Ok(Self { name: name.to_owned(), root: to_json(document).with_context(|| name.to_owned())? })
    }

    /// Its resources.
    pub fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.root["Resources"].as_object().into_iter().flatten().map(|(id, body)| Resource {
            id,
            kind: body["Type"].as_str().unwrap_or_default(),
            properties: &body["Properties"],
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
}
