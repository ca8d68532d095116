//! What DynamoDB is asked, and what its answers mean.

use record_timeline::dynamodb::DynamoDbTimelines;
use record_timeline::{Recorder, Timelines};
use serde_json::{Value, json};
use tidegate_cloudevents::Event;
use tidegate_events::{EventType, TimelineEntry};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::{CannedHttp, PrimingTest};

use crate::fixtures::{PAYLOAD, event};

fn timelines(http: &CannedHttp) -> DynamoDbTimelines {
    DynamoDbTimelines::new(aws_sdk_dynamodb::Client::new(&http.sdk_config()), "tidegate-timeline")
}

fn entry() -> TimelineEntry {
    let event = event(EventType::PaymentDeclined).to_string();
    TimelineEntry::of(&Event::from_json(event.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn an_entry_is_one_put_without_a_condition() {
    let http = CannedHttp::default();
    http.answer(200, json!({}));
    timelines(&http).keep(&entry()).await.unwrap();
    let [(operation, asked)] = &http.requests()[..] else { panic!("not one request") };
    let text = |text: &str| json!({ "S": text });
    assert_eq!(operation, "PutItem");
    assert_eq!(
        *asked,
        json!({
            "TableName": "tidegate-timeline",
            "Item": {
                "order_id": text("ord_1"),
                "entry": text("2027-01-02T03:04:05.000000000Z#/payments#ord_1/2/0"),
                "type": text("com.tidegate.orders.payment-declined.v1"),
                "source": text("/payments"),
                "id": text("ord_1/2/0"),
                "time": text("2027-01-02T03:04:05.000000000Z"),
                "cause": text("ord_1/AuthorisePayment"),
                "data": text(r#"{"amount":{"currency":"EUR","minor_units":6500},"reason":"insufficient_funds"}"#),
            },
        })
    );
}

#[tokio::test]
async fn an_item_that_is_refused_stays_refused_and_everything_else_may_pass() {
    for (status, code, transient) in [
        (400, "ValidationException", false),
        (400, "ProvisionedThroughputExceededException", true),
        (400, "ThrottlingException", true),
        (400, "ResourceNotFoundException", true),
        (400, "AccessDeniedException", true),
        (500, "InternalServerError", true),
    ] {
        let http = CannedHttp::default();
        let body: Value = json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": PAYLOAD });
        http.answer(status, body);
        let failed = timelines(&http).keep(&entry()).await.unwrap_err();
        assert_eq!(failed.transient, transient, "{code}");
        let text = tidegate_runtime::chain(&failed);
        assert_eq!(text, format!("cannot keep the entry ord_1/2/0 of ord_1: {code}"), "and nothing that was sent");
    }
    let failed = timelines(&CannedHttp::default()).keep(&entry()).await.unwrap_err();
    assert!(failed.transient, "no answer: {failed:?}");
}

#[tokio::test]
async fn priming_writes_no_entry() {
    let primed = PrimingTest::start("").await.consumer(|function| {
        let timelines = DynamoDbTimelines::new(aws_sdk_dynamodb::Client::new(&function.aws), "tidegate-timeline");
        Recorder { ports: function.ports.clone(), timelines }
    });
    let primed = primed.await;
    assert_eq!((primed.sent, primed.letters, primed.retried), (vec!["HEAD /".to_owned()], vec![], false));
    assert_eq!(primed.ports.total(Metric::TimelineRecorded), 1, "the sample comes to its end");
}
