//! The description and what it describes are the same.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::document::{DOCUMENT, assert_valid};
use crate::fixtures::{Call, MAX_BODY_BYTES, Shop, body};
use crate::memory::Broken;

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
async fn priming_places_no_order() {
    let test = tidegate_testkit::PrimingTest::start("").await;
    let primed = test.route(|function| {
        let dynamodb = aws_sdk_dynamodb::Client::new(&function.aws);
        let store = tidegate_outbox::DynamoDbAggregates::new(dynamodb.clone(), "orders");
        let views = orders_api::DynamoDbViews::new(dynamodb, "orders", "timeline");
        orders_api::Api { max_body_bytes: MAX_BODY_BYTES, ports: function.ports.clone(), store, views }
    });
    assert_eq!(primed.await.sent, ["HEAD /"]);
}
