//! The handler over memory, and the adapter on the wire: what is started, what is a duplicate, and what goes to the dead-letter queue.

#![allow(clippy::unwrap_used, reason = "clippy sees tests in #[test] functions only, not in what they call")]

mod fixtures;
mod wire;

use serde_json::json;
use start_workflow::{MAX_INPUT_BYTES, WorkflowStarter};
use tidegate_batch::Reason;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::queue::Handler;

use crate::fixtures::{Call, MemoryExecutions, PAYLOAD, body, desk, placed};

const NONE: [&str; 0] = [];

#[tokio::test]
async fn an_order_that_was_placed_starts_a_saga_of_its_name() {
    let desk = desk();
    assert_eq!(desk.handle(&[body("ord_1"), body("ord_2")]).await, NONE);
    let started = desk.workflows.started();
    assert_eq!(started.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["ord_1", "ord_2"]);
    let input = &started[0].1;
    assert_eq!((&input["order_id"], &input["amount"]["minor_units"]), (&json!("ord_1"), &json!(6500)));
    assert_eq!(input["traceparent"], placed("ord_1")["traceparent"], "the trace goes on in the saga's commands");
    assert_eq!((desk.count(Metric::WorkflowStarted), desk.count(Metric::WorkflowDuplicate)), (2, 0));
    assert!(desk.ports.dimensions().iter().all(|it| it == "tidegate-order-saga"));
}

#[tokio::test]
async fn the_same_event_again_starts_nothing_whether_the_saga_runs_or_has_ended() {
    for forgiving in [false, true] {
        let mut desk = desk();
        desk.workflows.forgiving = forgiving;
        assert_eq!(desk.handle(&[body("ord_1"), body("ord_1")]).await, NONE);
        desk.workflows.end("ord_1");
        assert_eq!(desk.handle(&[body("ord_1")]).await, NONE);
        assert_eq!(desk.workflows.started().len(), 1);
        assert_eq!(desk.letters(), []);
        assert_eq!(desk.count(Metric::WorkflowDuplicate), if forgiving { 1 } else { 2 });
    }
}

#[tokio::test]
async fn an_input_that_comes_back_in_other_words_is_the_same() {
    let desk = desk();
    desk.handle(&[body("ord_1")]).await;
    let in_other_words = serde_json::to_string_pretty(&desk.workflows.started()[0].1).unwrap();
    desk.workflows.put("ord_1", &in_other_words);
    assert_eq!(desk.handle(&[body("ord_1")]).await, NONE);
    assert_eq!((desk.letters(), desk.count(Metric::WorkflowDuplicate)), (vec![], 1));
}

#[tokio::test]
async fn another_order_under_a_name_that_is_taken_is_set_aside() {
    for theirs in [r#"{"order_id":"ord_1"}"#, "", "not JSON"] {
        let desk = desk();
        desk.workflows.put("ord_1", theirs);
        assert_eq!(desk.handle(&[body("ord_1")]).await, NONE, "acknowledged, because it is safe elsewhere");
        let error = "the execution ord_1 was started before, with another input".to_owned();
        assert_eq!(desk.letters(), [("m0".to_owned(), Reason::Permanent, error)]);
        assert_eq!((desk.count(Metric::WorkflowDuplicate), desk.count(Metric::MessageDeadLettered)), (0, 1));
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_is_set_aside_in_the_end() {
    let desk = desk();
    desk.workflows.fail_next(Call::Start, true);
    assert_eq!(desk.handle(&[body("ord_1")]).await, ["m0"]);
    assert_eq!((desk.delays().len(), desk.count(Metric::MessageRetried)), (1, 1));
    assert_eq!(desk.handle(&[body("ord_1")]).await, NONE);
    assert_eq!(desk.count(Metric::WorkflowStarted), 1);

    desk.workflows.fail_next(Call::Input, true);
    assert_eq!(desk.handle(&[body("ord_1")]).await, ["m0"], "nobody knows yet whether it is a repeat");
    assert_eq!(desk.handle(&[body("ord_1")]).await, NONE);
    assert_eq!(desk.count(Metric::WorkflowDuplicate), 1);

    desk.workflows.fail_next(Call::Start, true);
    assert_eq!(
        desk.handle_received(&[body("ord_2")], WorkflowStarter::<MemoryExecutions>::policy().max_receives).await,
        NONE
    );
    let error = "cannot start an execution: the test says so".to_owned();
    assert_eq!(desk.letters(), [("m0".to_owned(), Reason::AttemptsExhausted, error)]);
}

#[tokio::test]
async fn a_refusal_for_good_is_set_aside_at_once() {
    let desk = desk();
    desk.workflows.fail_next(Call::Start, false);
    assert_eq!(desk.handle(&[body("ord_1")]).await, NONE);
    let error = "cannot start an execution: the test says so".to_owned();
    assert_eq!(desk.letters(), [("m0".to_owned(), Reason::Permanent, error)]);
    assert_eq!(desk.workflows.started(), []);
}

#[tokio::test]
async fn an_event_that_starts_nothing_is_acknowledged() {
    let desk = desk();
    let confirmed = include_str!("../../../../crates/events/tests/fixtures/events/order-confirmed.json");
    assert_eq!(desk.handle(&[confirmed.to_owned()]).await, NONE);
    assert_eq!((desk.workflows.started(), desk.letters()), (vec![], vec![]));
    assert_eq!(desk.ports.dimensions(), NONE);
}

#[tokio::test]
async fn what_is_no_order_is_set_aside_without_being_quoted() {
    let changed = |member: &str, to: serde_json::Value| {
        let mut event = placed("ord_1");
        event[member] = to;
        event.to_string()
    };
    for (body, why) in [
        (PAYLOAD.to_owned(), "the body is not a CloudEvent"),
        (changed("type", json!("com.tidegate.orders.order-placed.v9")), "the event is of a type that is not known"),
        (changed("source", json!("https://elsewhere.example")), "the event is of a type that is not known"),
        (changed("subject", json!(PAYLOAD)), "the event's subject is not an order"),
        (changed("data", json!({ "customer_id": PAYLOAD })), "the data of the com.tidegate.orders.order-placed.v1"),
    ] {
        let desk = desk();
        assert_eq!(desk.handle(&[body, fixtures::body("ord_2")]).await, NONE);
        let [(id, Reason::Undecodable, error)] = &desk.letters()[..] else { panic!("{why}: not one letter") };
        assert!(id == "m0" && error.starts_with(why) && !error.contains(PAYLOAD), "{error}");
        assert_eq!(desk.workflows.started().len(), 1, "the other is judged by itself");
    }
}

#[tokio::test]
async fn an_input_that_step_functions_would_not_take_is_set_aside_before_it_is_asked() {
    let desk = desk();
    let mut event = placed("ord_1");
    let line = event["data"]["lines"][0].clone();
    event["data"]["lines"] = (0..8000).map(|_| line.clone()).collect();
    assert_eq!(desk.handle(&[event.to_string()]).await, NONE);
    let [(_, Reason::Permanent, error)] = &desk.letters()[..] else { panic!("not one letter") };
    assert!(error.starts_with("the input is ") && error.contains(&MAX_INPUT_BYTES.to_string()), "{error}");
    assert_eq!(desk.workflows.started(), []);
}
