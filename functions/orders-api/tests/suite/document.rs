//! The API's description, held against everything that the tests are answered.

use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::fixtures::{Answer, Call};

pub(crate) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!("../../../../docs/openapi/orders.yaml");
    let documents = Yaml::load_from_str(text).unwrap();
    to_json(&documents[0])
});

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
            let text = |key: &Yaml<'_>| to_json(key).as_str().expect("keys are texts").to_owned();
            Value::Object(entries.iter().map(|(key, value)| (text(key), to_json(value))).collect::<Map<_, _>>())
        }
        other => panic!("{other:?}"),
    }
}

/// What a `$ref` stands for.
fn resolved(node: &'static Value) -> &'static Value {
    node["$ref"].as_str().map_or(node, |it| DOCUMENT.pointer(&it[1..]).unwrap_or_else(|| panic!("there is no {it}")))
}

#[track_caller]
pub(crate) fn assert_valid(schema: &Value, value: &Value, what: &str) {
    let errors = errors(schema, value);
    assert!(errors.is_empty(), "{what}: {errors:?}\n{value:#}");
}

fn errors(schema: &Value, value: &Value) -> Vec<String> {
    let schema = json!({ "allOf": [schema], "components": DOCUMENT["components"] });
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
    validator.iter_errors(value).map(|it| format!("{it} at {}", it.instance_path())).collect()
}

/// The operation that a request asks for, and its name.
fn operation(call: &Call) -> Option<&'static Value> {
    let segments: Vec<_> = call.path.split('/').collect();
    let path = match segments.as_slice() {
        ["", "orders"] => "/orders",
        ["", "orders", id] if !id.is_empty() => "/orders/{order_id}",
        ["", "orders", _, "cancellation"] => "/orders/{order_id}/cancellation",
        _ => return None,
    };
    DOCUMENT["paths"][path].get(call.method.to_lowercase())
}

/// The answer is one that is described, and all of it is as described.
#[track_caller]
pub(crate) fn check(call: &Call, answer: &Answer) {
    let Some(operation) = operation(call) else {
        return assert!(matches!(answer.status, 404 | 405), "a route that is not described is answered: {answer:?}");
    };
    let what = format!("{} {} -> {}", call.method, call.path, answer.status);
    let response = resolved(operation["responses"].get(answer.status.to_string()).unwrap_or_else(|| {
        panic!("{what} is not described: {answer:?}");
    }));
    let media_type = answer.headers.get("content-type").map(|it| it.to_str().unwrap());
    match (response["content"].as_object(), media_type) {
        (Some(content), Some(media_type)) => {
            let described = content.get(media_type).unwrap_or_else(|| panic!("{what}: {media_type} is not described"));
            assert_valid(&described["schema"], &answer.body, &what);
        }
        (None, None) => assert_eq!(answer.body, Value::Null, "{what}"),
        (described, sent) => panic!("{what}: {sent:?} is not {described:?}"),
    }
    let described = response["headers"].as_object();
    for (name, header) in described.into_iter().flatten() {
        let header = resolved(header);
        match answer.headers.get(name) {
            Some(value) => assert_valid(&header["schema"], &value.to_str().unwrap().into(), &format!("{what}, {name}")),
            None => assert_ne!(header["required"], true, "{what}: {name} is missing"),
        }
    }
    for name in answer.headers.keys().filter(|it| *it != "content-type") {
        let is_it = |it: &String| it.eq_ignore_ascii_case(name.as_str());
        assert!(described.is_some_and(|it| it.keys().any(is_it)), "{what}: {name} is not described");
    }
}

/// A body that is taken is one that the description allows. (It cannot say all that is refused.)
pub(crate) fn allows(body: &[u8]) -> bool {
    let schema = json!({ "$ref": "#/components/schemas/PlaceOrder" });
    serde_json::from_slice(body).is_ok_and(|value| errors(&schema, &value).is_empty())
}
