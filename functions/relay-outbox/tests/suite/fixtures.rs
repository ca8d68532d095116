//! A relay over memory, and batches as a table's stream hands them over.

use std::ops::Deref;
use std::sync::Arc;

use aws_lambda_events::dynamodb::Event;
use relay_outbox::Relay;
use serde_json::{Value, json};
use tidegate_outbox::Stopped;
use tidegate_testkit::{MemoryTopic, MemoryWorkflows, TestPorts};

/// What an event's data says, so that a test sees where it turns up.
pub(crate) const PAYLOAD: &str = "marker-in-the-payload";

/// The handler over memory, and the ports it stands on.
pub(crate) struct MemoryRelay {
    pub(crate) relay: Relay<MemoryTopic, MemoryWorkflows>,
    pub(crate) ports: Arc<TestPorts>,
}

impl Deref for MemoryRelay {
    type Target = Relay<MemoryTopic, MemoryWorkflows>;

    fn deref(&self) -> &Self::Target {
        &self.relay
    }
}

pub(crate) fn relay() -> MemoryRelay {
    let ports = TestPorts::at(0);
    let (publisher, tasks) = (MemoryTopic::default(), MemoryWorkflows::default());
    MemoryRelay { relay: Relay { ports: Arc::<TestPorts>::clone(&ports), publisher, tasks }, ports }
}

pub(crate) async fn hand_over(relay: &MemoryRelay, records: &[Value]) -> Result<(), Stopped> {
    relay.relay.relay(&batch(records), "made-up-request").await
}

/// The ids of what was published, in order.
pub(crate) fn published(relay: &MemoryRelay) -> Vec<String> {
    let id = |body: &str| serde_json::from_str::<Value>(body).unwrap()["id"].as_str().unwrap().to_owned();
    relay.publisher.published().iter().map(|it| id(&it.body)).collect()
}

/// A version of an aggregate that was written, and what is to be said of it.
pub(crate) fn version(aggregate: &str, version: u64, outbox: &[Value]) -> Value {
    change(
        "MODIFY",
        &json!({
            "id": { "S": aggregate },
            "version": { "N": version.to_string() },
            "state": { "S": json!({ "note": PAYLOAD }).to_string() },
            "proofs": { "S": "[]" },
            "outbox": { "S": Value::from(outbox).to_string() },
        }),
    )
}

/// An event as it stands in an outbox.
pub(crate) fn event(id: &str) -> Value {
    let data = json!({ "note": PAYLOAD });
    json!({ "event": { "specversion": "1.0", "id": id, "source": "/orders", "type": "OrderConfirmed", "data": data } })
}

/// An answer as it stands in an outbox.
pub(crate) fn reply(command: &str, token: &str) -> Value {
    let output = json!({ "success": { "output": { "note": PAYLOAD } } });
    json!({ "reply": { "command": command, "token": token, "reply": output } })
}

/// One record of the stream.
pub(crate) fn change(name: &str, new_image: &Value) -> Value {
    json!({
        "eventID": "0d1f0d1f",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/tidegate-orders/stream/2026-03-01T08:15:00.000",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_772_352_900.0,
            "Keys": { "id": { "S": new_image["id"]["S"].as_str().unwrap_or("deleted") } },
            "NewImage": new_image,
            "SizeBytes": 300,
            "StreamViewType": "NEW_IMAGE",
        },
    })
}

fn batch(records: &[Value]) -> Event {
    let mut records = records.to_vec();
    for (number, record) in records.iter_mut().enumerate() {
        record["dynamodb"]["SequenceNumber"] = (100 + number).to_string().into();
    }
    serde_json::from_value(json!({ "Records": records })).unwrap()
}
