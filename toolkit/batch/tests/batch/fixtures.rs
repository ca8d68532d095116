//! Whole events, as Lambda documents them, are read and written without loss. Names are made up.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tidegate_batch::{dynamodb, kafka, kinesis, rabbitmq};

fn round_trip<E: DeserializeOwned + Serialize>(text: &str) -> E {
    let event: E = serde_json::from_str(text).unwrap();
    let expected: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&event).unwrap(), expected);
    event
}

#[test]
fn sqs() {
    for text in [include_str!("../fixtures/sqs.json"), include_str!("../fixtures/sqs-fifo.json")] {
        round_trip::<aws_lambda_events::sqs::SqsEvent>(text);
    }
}

#[test]
fn kinesis() {
    let event: kinesis::Event = round_trip(include_str!("../fixtures/kinesis.json"));
    assert_eq!(event.records[0].data().unwrap(), b"{\"height_mm\":4210}");
}

#[test]
fn dynamodb() {
    let event: dynamodb::Event = round_trip(include_str!("../fixtures/dynamodb.json"));
    assert!(event.records[1].new_image::<Value>().unwrap().is_none());
    assert_eq!(event.records[0].new_image::<Value>().unwrap().unwrap()["height_mm"]["N"], "4210");
    assert_eq!(event.records[1].old_image::<Value>().unwrap().unwrap()["height_mm"]["N"], "4210");
}

#[test]
fn kafka() {
    let event: kafka::Event = round_trip(include_str!("../fixtures/kafka-msk.json"));
    let records = &event.records["tides-0"];
    assert_eq!(records[0].key().unwrap().unwrap(), b"made-up-quay");
    assert_eq!(records[0].headers().unwrap(), [("place", Some("quä".as_bytes().to_vec()))]);
    assert_eq!((records[1].key().unwrap(), records[1].value().unwrap()), (None, None));
    round_trip::<kafka::Event>(include_str!("../fixtures/kafka-self-managed.json"));
}

#[test]
fn rabbitmq() {
    let event: rabbitmq::Event = round_trip(include_str!("../fixtures/rabbitmq.json"));
    assert_eq!(event.rmq_messages_by_queue["tides::/"][0].data().unwrap(), b"{\"height_mm\":4210}");
}
