//! The functions of the order pipeline, each at its most frequent work; what the stub of AWS has for them.

use serde_json::{Value, json};

use crate::subject::{Subject, http_request, sqs_record};

/// Where the order of every id stands, for who confirms it or tells of it. Who places one looks elsewhere and finds nothing.
pub(crate) const ORDERS_TABLE: &str = "tidegate-orders";

macro_rules! fixture {
    ($path:literal) => {
        include_str!(concat!("../../../crates/events/tests/fixtures/", $path))
    };
}

pub(crate) const FUNCTIONS: &[Subject] = &[
    Subject {
        name: "orders-api",
        environment: &[("ORDERS_TABLE", "tidegate-no-orders-yet"), ("TIMELINE_TABLE", "tidegate-timeline")],
        event: place,
        done: |answer| answer["statusCode"] == 202,
    },
    consumer("orders-worker", |call| message(fixture!("commands/ConfirmOrder.json"), call)),
    consumer("inventory-worker", |call| message(fixture!("commands/ReserveStock.json"), call)),
    consumer("payments-worker", |call| message(fixture!("commands/AuthorisePayment.json"), call)),
    consumer("shipping-worker", |call| message(fixture!("commands/CreateShipment.json"), call)),
    consumer("start-workflow", |call| message(fixture!("events/order-placed.json"), call)),
    consumer("record-timeline", |call| message(fixture!("events/order-placed.json"), call)),
    consumer("deliver-callback", |call| message(fixture!("events/order-confirmed.json"), call)),
    consumer("relay-outbox", change),
];

const ENVIRONMENT: &[(&str, &str)] = &[
    ("TIDEGATE_DEPLOYMENT", "tidegate"),
    ("ORDERS_TABLE", ORDERS_TABLE),
    ("INVENTORY_TABLE", "tidegate-inventory"),
    ("PAYMENTS_TABLE", "tidegate-payments"),
    ("SHIPPING_TABLE", "tidegate-shipping"),
    ("TIMELINE_TABLE", "tidegate-timeline"),
    ("CALLBACKS_TABLE", "tidegate-callbacks"),
    ("EVENTS_TOPIC_ARN", "arn:aws:sns:us-east-1:000000000000:tidegate-events"),
    ("STATE_MACHINE_ARN", "arn:aws:states:us-east-1:000000000000:stateMachine:tidegate-order-saga"),
    ("SERVED_COUNTRIES", "DE,NL"),
    ("ALLOW_PRIVATE_CALLBACKS", "true"),
    ("ORDERS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-orders-worker"),
    ("INVENTORY_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-inventory-worker"),
    ("PAYMENTS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-payments-worker"),
    ("SHIPPING_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-shipping-worker"),
    ("START_WORKFLOW_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-start-workflow"),
    ("RECORD_TIMELINE_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-record-timeline"),
    ("DELIVER_CALLBACK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-deliver-callback"),
    // A message that ends here is told as a call of SendMessage, which none of these makes otherwise.
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-dlq"),
];

const fn consumer(name: &'static str, event: fn(u64) -> Value) -> Subject {
    let done = |answer: &Value| answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty);
    Subject { name, environment: ENVIRONMENT, event, done }
}

/// A queue's batch of one. Each call is about another order.
fn message(fixture: &str, call: u64) -> Value {
    json!({"Records": [sqs_record(&format!("message-{call}"), &of_order(fixture, call))]})
}

fn of_order(fixture: &str, call: u64) -> String {
    fixture.replace("ord_1", &order_id(call))
}

fn order_id(call: u64) -> String {
    format!("ord_{call}")
}

fn place(call: u64) -> Value {
    let headers = json!({"content-type": "application/json", "idempotency-key": format!("key-{call}")});
    let mut event = http_request("POST", "/orders", call, headers, Some(fixture!("place-order.json")));
    let claims = json!({"sub": "customer-mona", "scope": "orders/read orders/write"});
    event["requestContext"]["authorizer"] = json!({"jwt": {"claims": claims, "scopes": null}});
    event
}

/// The stream's record of an order that was placed.
fn change(call: u64) -> Value {
    let event: Value = serde_json::from_str(&of_order(fixture!("events/order-placed.json"), call)).unwrap_or_default();
    let image = item(&order_id(call), "https://shop.example/hooks/orders", &json!([{"event": event}]));
    let arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tidegate-orders/stream/2026-03-01T08:15:00.000";
    json!({"Records": [{
        "eventID": format!("{call:032x}"),
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": arn,
        "dynamodb": {
            "ApproximateCreationDateTime": 1_772_352_900.0,
            "Keys": {"id": {"S": order_id(call)}},
            "NewImage": image,
            "SequenceNumber": format!("{call}"),
            "SizeBytes": 1500,
            "StreamViewType": "NEW_IMAGE",
        },
    }]})
}

/// The answer to a read: an order that was placed, at whose customer's the stub itself answers, or nothing.
pub(crate) fn found(asked: &Value, host: &str) -> Value {
    match (asked["TableName"].as_str(), asked["Key"]["id"]["S"].as_str()) {
        (Some(ORDERS_TABLE), Some(id)) => json!({"Item": item(id, &format!("http://{host}/hooks/orders"), &json!([]))}),
        _ => json!({}),
    }
}

fn item(id: &str, callback_url: &str, outbox: &Value) -> Value {
    let money = |minor_units: u64| json!({"minor_units": minor_units, "currency": "EUR"});
    let state = json!({
        "customer_id": "customer-mona",
        "lines": [{"sku": "tide-table", "quantity": 2, "unit_price": money(1250)}],
        "total": money(2500),
        "callback_url": callback_url,
        "placed_at": "2026-03-01T08:15:00Z",
        "status": {"is": "placed"},
    });
    json!({
        "id": {"S": id},
        "version": {"N": "1"},
        "state": {"S": state.to_string()},
        "proofs": {"S": "[]"},
        "outbox": {"S": outbox.to_string()},
        "customer_id": {"S": "customer-mona"},
        "placed_at": {"S": "2026-03-01T08:15:00.000000000Z"},
    })
}
