//! The API's description, held against everything that the tests are answered.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};
use tidegate_outbox::Commits;

use crate::fixtures::{Answer, Call, MAX_BODY_BYTES, Shop, body};
use crate::memory::Broken;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
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
fn assert_valid(schema: &Value, value: &Value, what: &str) {
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

#[test]
fn examples_are_what_they_are_examples_of() {
    let mut seen = 0;
    let mut waiting = vec![&*DOCUMENT];
    while let Some(node) = waiting.pop() {
        if let Some(example) = node.get("example") {
            assert_valid(&node["schema"], example, "an example");
            seen += 1;
        }
        match node {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(entries) => waiting.extend(entries),
            _ => {}
        }
    }
    assert!(seen >= 5, "{seen}");
    assert_valid(&json!({ "$ref": "#/components/schemas/PlaceOrder" }), &body(), "the fixture");
}

/// A body that is taken is one that the description allows. (It cannot say all that is refused.)
pub(crate) fn allows(body: &[u8]) -> bool {
    let schema = json!({ "$ref": "#/components/schemas/PlaceOrder" });
    serde_json::from_slice(body).is_ok_and(|value| errors(&schema, &value).is_empty())
}

/// All that is described can happen: each operation is brought to each of its answers.
#[tokio::test]
async fn every_answer_that_is_described_is_given() {
    let mut given = BTreeSet::new();
    for (name, call) in [
        ("place", Call::place("key-1", body().to_string())),
        ("list", Call::get("/orders")),
        ("read", Call::get("/orders/{id}")),
        ("cancel", Call::cancel("{id}")),
    ] {
        let shop = Shop::new();
        let id = shop.placed("key-0").await;
        let path = call.path.replace("{id}", &id);
        let call = call.to(&path);
        let mut ask = async |call: &Call| {
            let answer = shop.ask(call).await;
            given.insert((name, answer.status));
            answer
        };
        ask(&call.clone().claiming(None)).await;
        ask(&call.clone().scoped("")).await;
        shop.orders.broken.lock().unwrap().push_back(Broken::Unwritten);
        *shop.orders.unread.lock().unwrap() = Some(true);
        ask(&call).await;
        shop.orders.broken.lock().unwrap().clear();
        *shop.orders.unread.lock().unwrap() = Some(false);
        ask(&call).await;
        *shop.orders.unread.lock().unwrap() = None;
        let first = ask(&call).await;
        match name {
            "place" => {
                ask(&call.clone().without("idempotency-key")).await;
                ask(&call.clone().without("content-type")).await;
                ask(&Call::place("key-2", vec![b' '; MAX_BODY_BYTES + 1])).await;
                ask(&Call::place("key-1", "{}")).await;
                shop.orders.spoil(first.order_id()).await;
                ask(&call).await;
            }
            "list" => {
                ask(&Call::get("/orders?limit=0")).await;
            }
            "read" => {
                let etag = first.headers["etag"].to_str().unwrap().to_owned();
                ask(&call.clone().with("if-none-match", &etag)).await;
                ask(&Call::get("/orders/ord_0")).await;
            }
            _ => {
                ask(&Call::cancel("ord_0")).await;
                ask(&Call::place("", vec![b' '; MAX_BODY_BYTES + 1]).to(&call.path)).await;
                shop.command(&id, tidegate_events::OrderCommand::Confirm {}).await;
                ask(&call).await;
                shop.orders.spoil(&id).await;
                ask(&call).await;
            }
        }
    }
    let operations = ["placeOrder", "listOrders", "readOrder", "cancelOrder"];
    let mut described = BTreeSet::new();
    for path in DOCUMENT["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values().filter(|it| it.get("operationId").is_some()) {
            let at = operations.iter().position(|it| operation["operationId"] == *it).unwrap();
            let statuses = operation["responses"].as_object().unwrap().keys();
            described.extend(statuses.map(|it| (["place", "list", "read", "cancel"][at], it.parse().unwrap())));
        }
    }
    assert_eq!(given, described);
}

#[tokio::test]
async fn warming_up_harms_nothing() {
    let shop = Shop::new();
    *shop.orders.silent.lock().unwrap() = true;
    shop.api.warm().await;
    *shop.orders.silent.lock().unwrap() = false;
    shop.api.warm().await;
    assert!(shop.orders.images().is_empty());
    assert!(shop.orders.load(&tidegate_outbox::AggregateId::new("warm").unwrap()).await.is_ok());
}
