//! The handler over memory: what is said, what is counted, and what a failure leaves to be said again.

#![allow(clippy::unwrap_used, reason = "clippy sees tests in #[test] functions only, not in what they call")]

mod fixtures;

use relay_outbox::Relay;
use serde_json::{Value, json};
use tidegate_outbox::{Reply, SfnTasks, SnsPublisher};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::{Fault, PrimingTest};

use crate::fixtures::{PAYLOAD, change, event, hand_over, published, relay, reply, version};

fn two_versions() -> [Value; 2] {
    [
        version("order-17", 1, &[event("order-17/1/0"), event("order-17/1/1"), reply("saga-17/ReserveStock", "t1")]),
        version("order-17", 2, &[event("order-17/2/0")]),
    ]
}

#[tokio::test]
async fn a_batch_is_said_in_order_and_counted_under_its_table() {
    let relay = relay();
    relay.tasks.wait("t1");
    hand_over(&relay, &two_versions()).await.unwrap();
    assert_eq!(published(&relay), ["order-17/1/0", "order-17/1/1", "order-17/2/0"]);
    assert_eq!(relay.publisher.published()[0].attributes["type"], "OrderConfirmed");
    assert_eq!(relay.tasks.answer("t1"), Some(Reply::success(&json!({ "note": PAYLOAD })).unwrap()));
    let counts = [Metric::RelayPublished, Metric::RelayReplied, Metric::RelayExpired, Metric::RelayStopped];
    assert_eq!(counts.map(|it| relay.ports.total(it)), [3, 1, 0, 0]);
    assert!(relay.ports.dimensions().iter().all(|it| it == "tidegate-orders"));
}

#[tokio::test]
async fn an_answer_that_nobody_waits_for_is_counted_and_what_follows_is_said() {
    let relay = relay();
    hand_over(&relay, &two_versions()).await.unwrap();
    assert_eq!(published(&relay).last().unwrap(), "order-17/2/0");
    let counts = [Metric::RelayReplied, Metric::RelayExpired, Metric::RelayStopped];
    assert_eq!(counts.map(|it| relay.ports.total(it)), [0, 1, 0]);
}

#[tokio::test]
async fn what_is_not_said_fails_the_invocation_and_nothing_overtakes_it() {
    for refused in [Fault::Transient, Fault::Permanent] {
        let relay = relay();
        relay.tasks.wait("t1");
        relay.publisher.fail_next(refused);
        let stopped = hand_over(&relay, &two_versions()).await.unwrap_err();
        assert_eq!(stopped.sequence, "100");
        assert_eq!(published(&relay), Vec::<String>::new());

        relay.tasks.fail_next(refused);
        hand_over(&relay, &two_versions()).await.unwrap_err();
        assert_eq!(published(&relay), ["order-17/1/0", "order-17/1/1"], "the second version waits for the answer");

        hand_over(&relay, &two_versions()).await.unwrap();
        assert_eq!(published(&relay)[2..], ["order-17/1/0", "order-17/1/1", "order-17/2/0"]);
        assert!(relay.tasks.answer("t1").is_some());
        let counts = [Metric::RelayPublished, Metric::RelayReplied, Metric::RelayStopped];
        assert_eq!(counts.map(|it| relay.ports.total(it)), [5, 1, 2]);
    }
}

#[tokio::test]
async fn a_publication_that_fails_in_part_is_counted_for_what_went_out() {
    let relay = relay();
    let of_two = [version("a", 1, &[event("a/1/0")]), version("b", 1, &[event("b/1/0")])];
    relay.publisher.fail_next(Fault::Transient);
    let stopped = hand_over(&relay, &of_two).await.unwrap_err();
    assert_eq!((stopped.sequence.as_str(), published(&relay)), ("100", vec!["b/1/0".to_owned()]));
    assert_eq!((relay.ports.total(Metric::RelayPublished), relay.ports.total(Metric::RelayStopped)), (1, 1));
}

#[tokio::test]
async fn a_version_that_cannot_be_read_stops_its_shard() {
    let relay = relay();
    let [first, second] = two_versions();
    let broken = version("order-18", 1, &[json!({ "event": {} })]);
    let stopped = hand_over(&relay, &[first, broken, second]).await.unwrap_err();
    assert_eq!(stopped.sequence, "101");
    assert_eq!(published(&relay), ["order-17/1/0", "order-17/1/1"]);
}

/// What docs/runbooks/order-does-not-end.md has operators do where the stream has dropped a record.
#[tokio::test]
async fn an_item_that_was_touched_by_hand_publishes_its_outbox_again_under_the_same_ids() {
    let relay = relay();
    let mut touched = version("order-17", 1, &[event("order-17/1/0")]);
    touched["dynamodb"]["NewImage"]["republished"] = json!({ "S": "2027-01-02" });
    hand_over(&relay, &[version("order-17", 1, &[event("order-17/1/0")]), touched]).await.unwrap();
    assert_eq!(published(&relay), ["order-17/1/0", "order-17/1/0"]);
}

#[tokio::test]
async fn what_is_no_aggregate_says_nothing_and_counts_nothing() {
    let relay = relay();
    let row = json!({ "id": { "S": "counter" }, "count": { "N": "1" } });
    hand_over(&relay, &[change("REMOVE", &Value::Null), change("INSERT", &row)]).await.unwrap();
    hand_over(&relay, &[]).await.unwrap();
    assert_eq!((published(&relay).len(), relay.ports.dimensions().len()), (0, 0));
}

#[tokio::test]
async fn priming_publishes_nothing_and_answers_nobody() {
    let primed = PrimingTest::start("").await.handler(|function| Relay {
        ports: function.ports.clone(),
        publisher: SnsPublisher::new(
            aws_sdk_sns::Client::new(&function.aws),
            "arn:aws:sns:us-east-1:000000000000:events",
        ),
        tasks: SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws)),
    });
    let primed = primed.await;
    assert_eq!(primed.sent, ["HEAD /"]);
    assert_eq!(primed.ports.total(Metric::RelayReplied), 1, "the sample comes to its end");
}
