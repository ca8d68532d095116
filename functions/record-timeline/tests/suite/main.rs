//! The handler over memory, and the adapter on the wire: what is recorded, what is retried, and what goes to the dead-letter queue.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![allow(clippy::unwrap_used, reason = "clippy sees tests in #[test] functions only, not in what they call")]

mod fixtures;
mod wire;

use std::slice::from_ref;

use record_timeline::Recorder;
use serde_json::{Value, json};
use tidegate_batch::Reason;
use tidegate_events::EventType;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::queue::Handler;

use crate::fixtures::{MemoryTimelines, PAYLOAD, desk, event};

const NONE: [&str; 0] = [];

/// An event whose one member is another, or not there.
fn changed(member: &str, to: Value) -> String {
    let mut event = event(EventType::StockReserved);
    match to {
        Value::Null => drop(event.as_object_mut().unwrap().remove(member)),
        to => event[member] = to,
    }
    event.to_string()
}

#[tokio::test]
async fn every_event_of_an_order_is_recorded_and_counted_under_who_said_it() {
    let desk = desk();
    // Each at its own time, the last one first: queues keep no order.
    let moment = |minute: usize| json!(format!("2027-01-02T03:{minute:02}:05Z"));
    let mut bodies: Vec<String> = EventType::ALL
        .iter()
        .enumerate()
        .map(|(minute, event_type)| {
            let mut event = event(*event_type);
            event["time"] = moment(minute);
            event.to_string()
        })
        .collect();
    bodies.reverse();
    assert_eq!(desk.handle(&bodies).await, NONE);
    let types: Vec<_> = desk.timelines.of("ord_1").into_iter().map(|it| it.event_type).collect();
    assert_eq!(types, EventType::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>(), "in the order of their times");
    assert_eq!(desk.count(Metric::TimelineRecorded), u64::try_from(EventType::ALL.len()).unwrap());
    let mut dimensions = desk.ports.dimensions();
    dimensions.sort();
    assert_eq!(dimensions, ["/inventory", "/orders", "/payments", "/shipping"]);
}

#[tokio::test]
async fn twice_is_once_and_late_is_in_its_place() {
    let desk = desk();
    let late = changed("time", json!("2027-01-02T03:04:04.999999999Z"));
    let body = event(EventType::PaymentCaptured).to_string();
    for bodies in [vec![body.clone(), body.clone()], vec![late, body]] {
        assert_eq!(desk.handle(&bodies).await, NONE);
    }
    let types: Vec<_> = desk.timelines.of("ord_1").into_iter().map(|it| it.event_type).collect();
    assert_eq!(types, [EventType::StockReserved.as_str(), EventType::PaymentCaptured.as_str()]);
}

#[tokio::test]
async fn neither_address_nor_means_of_payment_nor_callback_is_recorded() {
    let desk = desk();
    assert_eq!(desk.handle(&[event(EventType::OrderPlaced).to_string()]).await, NONE);
    let [entry] = &desk.timelines.of("ord_1")[..] else { panic!("not one entry") };
    let members: Vec<_> = entry.data.as_object().unwrap().keys().collect();
    assert_eq!(members, ["customer_id", "lines", "total"]);
    let kept: String = entry.attributes().into_iter().map(|(_, text)| text).collect();
    assert!(![PAYLOAD, "pm_made_up", "shop.example"].iter().any(|it| kept.contains(it)), "{kept}");
}

#[tokio::test]
async fn a_newer_event_waits_for_a_newer_program_and_is_set_aside_in_the_end() {
    for newer in ["com.tidegate.orders.stock-reserved.v2", "com.tidegate.orders.stock-counted.v1"] {
        let desk = desk();
        let body = changed("type", json!(newer));
        assert_eq!(desk.handle(from_ref(&body)).await, ["m0"]);
        assert_eq!((desk.delays().len(), desk.letters()), (1, vec![]));
        assert_eq!(desk.handle_received(&[body], Recorder::<MemoryTimelines>::policy().max_receives).await, NONE);
        let error = "the event is of a type that is not known".to_owned();
        assert_eq!(desk.letters(), [("m0".to_owned(), Reason::AttemptsExhausted, error)]);
        assert_eq!(desk.timelines.of("ord_1"), []);
    }
}

#[tokio::test]
async fn what_is_no_event_of_an_order_is_set_aside_without_being_quoted() {
    for (body, why) in [
        (PAYLOAD.to_owned(), "the body is not a CloudEvent"),
        (changed("time", Value::Null), "the event has no time"),
        (changed("subject", Value::Null), "the event's subject is not an order"),
        (changed("subject", json!(PAYLOAD)), "the event's subject is not an order"),
        (changed("type", json!("com.github.push")), "the event is of a type that is not known"),
        (changed("data", json!({ "lines": PAYLOAD })), "the data of the com.tidegate.orders.stock-reserved.v1"),
        (changed("id", json!("i".repeat(1024))), "the event's id is too long to be part of a key"),
    ] {
        let desk = desk();
        assert_eq!(desk.handle(&[body, event(EventType::OrderConfirmed).to_string()]).await, NONE);
        let [(id, Reason::Undecodable, error)] = &desk.letters()[..] else { panic!("{why}: not one letter") };
        assert!(id == "m0" && error.starts_with(why) && !error.contains(PAYLOAD), "{error}");
        assert_eq!(desk.timelines.of("ord_1").len(), 1, "the other is judged by itself");
        assert_eq!(desk.count(Metric::MessageDeadLettered), 1);
    }
}

/// A sender of CloudEvents names itself as it likes; a source that is not the type's own is none of ours.
#[tokio::test]
async fn what_somebody_else_says_of_an_order_is_not_recorded() {
    let desk = desk();
    desk.handle(&[changed("source", json!("https://elsewhere.example"))]).await;
    assert_eq!((desk.timelines.of("ord_1"), desk.count(Metric::TimelineRecorded)), (vec![], 0));
}

#[tokio::test]
async fn a_table_that_fails_now_is_tried_again_and_one_that_refuses_is_told_of() {
    let desk = desk();
    let body = event(EventType::OrderConfirmed).to_string();
    desk.timelines.fail_next(true);
    assert_eq!(desk.handle(from_ref(&body)).await, ["m0"]);
    assert_eq!(desk.handle(from_ref(&body)).await, NONE);
    assert_eq!((desk.count(Metric::MessageRetried), desk.count(Metric::TimelineRecorded)), (1, 1));
    desk.timelines.fail_next(false);
    assert_eq!(desk.handle(&[body]).await, NONE);
    let [(_, Reason::Permanent, error)] = &desk.letters()[..] else { panic!("not one letter") };
    assert_eq!(error, "cannot keep the entry ord_1/2/0: the test says so");
}
