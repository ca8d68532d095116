//! The description of an API (OpenAPI 3.1), held against what the API answers.
#![expect(
    clippy::unwrap_used,
    reason = "a description that cannot be read fails a test as the test itself does: by panicking"
)]

use http::HeaderMap;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

#[derive(Debug)]
pub struct Description(Value);

/// A request and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    pub method: &'a str,
    /// Of which path, without its query.
    pub path: &'a str,
    pub status: u16,
    /// With these headers.
    pub headers: &'a HeaderMap,
    /// And this body; null where there was none.
    pub body: &'a Value,
}

impl Description {
    /// Reads a description.
    ///
    /// # Panics
    /// Where it is no YAML that has the shape of JSON.
    #[must_use]
    pub fn of(yaml: &str) -> Self {
        Self(to_json(&Yaml::load_from_str(yaml).unwrap()[0]))
    }

    /// The description as JSON.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.0
    }

    /// What of a value is not as a schema says.
    ///
    /// # Panics
    /// Where the schema is none.
    #[must_use]
    pub fn errors(&self, schema: &Value, value: &Value) -> Vec<String> {
        let schema = json!({ "allOf": [schema], "components": self.0["components"] });
        let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        validator.iter_errors(value).map(|it| format!("{it} at {}", it.instance_path())).collect()
    }

    /// What of an answer is not as it is described: its status, its body's type and shape, the headers that it has to have.
    ///
    /// # Panics
    /// Where the description refers to what it does not have.
    #[must_use]
    pub fn faults(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let Exchange { status, headers, body, .. } = *exchange;
        let Some(operation) = self.operation(exchange) else {
            let refused = matches!(status, 404 | 405);
            return if refused {
                Vec::new()
            } else {
                vec![format!("a route that is not described is answered {status}")]
            };
        };
        let Some(response) = operation["responses"].get(status.to_string()).map(|it| self.resolved(it)) else {
            return vec![format!("{status} is not described")];
        };
        let media_type = headers.get(http::header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let mut faults = match (response["content"].as_object(), media_type) {
            (Some(content), Some(media_type)) => match content.get(media_type) {
                Some(described) => self.errors(&described["schema"], body),
                None => vec![format!("{media_type} is not described")],
            },
            (None, _) if body.is_null() => Vec::new(),
            (described, sent) => vec![format!("{sent:?} is not {described:?}")],
        };
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = self.resolved(header);
            match headers.get(name).map(|it| it.to_str().unwrap_or_default()) {
                Some(value) => faults.extend(self.errors(&header["schema"], &value.into())),
                None if header["required"] == true => faults.push(format!("{name} is missing")),
                None => {}
            }
        }
        faults
    }

    /// The headers of an answer, but for its body's type, of which its description says nothing.
    #[must_use]
    pub fn undescribed_headers(&self, exchange: &Exchange<'_>) -> Vec<String> {
        let Some(operation) = self.operation(exchange) else { return Vec::new() };
        let described = self.resolved(&operation["responses"][exchange.status.to_string()])["headers"].as_object();
        let is_described =
            |name: &str| described.is_some_and(|headers| headers.keys().any(|it| it.eq_ignore_ascii_case(name)));
        let names = exchange.headers.keys().map(http::HeaderName::as_str);
        names.filter(|name| *name != "content-type" && !is_described(name)).map(str::to_owned).collect()
    }

    fn operation(&self, exchange: &Exchange<'_>) -> Option<&Value> {
        let paths = self.0["paths"].as_object()?;
        let (_, operations) = paths.iter().find(|(template, _)| is_like(template, exchange.path))?;
        operations.get(exchange.method.to_lowercase())
    }

    /// What a `$ref` stands for.
    fn resolved<'a>(&'a self, node: &'a Value) -> &'a Value {
        let pointer = node["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
        pointer.map_or(node, |it| self.0.pointer(it).unwrap_or_else(|| panic!("there is no {it}")))
    }
}

fn is_like(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
    let part_is_like = |(wanted, part): (&&str, &&str)| wanted == part || (wanted.starts_with('{') && !part.is_empty());
    template.len() == path.len() && template.iter().zip(&path).all(part_is_like)
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Representation(text, ..) => json!(text),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => {
            let text = |key: &Yaml<'_>| to_json(key).as_str().unwrap().to_owned();
            Value::Object(entries.iter().map(|(key, value)| (text(key), to_json(value))).collect::<Map<_, _>>())
        }
        Yaml::Tagged(..) | Yaml::Alias(_) | Yaml::BadValue => panic!("{yaml:?}"),
    }
}
