//! A delivery that comes again, at once or later, as it was or in disguise, is published once.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use receive_webhook::{Receiver, Sources};
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::sns::SnsTopic;
use tidegate_testkit::{Fault, PrimingTest};

use crate::fixtures::{Answer, Delivery, Gate, MAX_BODY_BYTES, MemoryKeys};

const DAY: Duration = Duration::from_secs(86_400);

/// A delivery of each scheme under `id`, signed now.
fn deliveries(gate: &Gate, id: &str) -> Vec<Delivery> {
    let stripe = format!(r#"{{"id":"{id}","type":"charge.succeeded"}}"#);
    let slack = format!(r#"{{"event_id":"{id}","type":"event_callback","event":{{"type":"app_mention"}}}}"#);
    vec![
        gate.push(id),
        gate.signed("stripe", id, stripe),
        gate.signed("slack", id, slack),
        gate.signed("shopify", id, "{}").with("x-shopify-topic", "orders/create"),
        gate.signed("standard", id, "{}"),
        gate.signed("standard-ed25519", id, "{}"),
        gate.signed("hmac", id, "{}"),
        gate.signed("hmac-named", id, "{}").with("x-event", "tide.turned"),
    ]
}

fn count(answers: &[Answer], told: (u16, &str)) -> usize {
    answers.iter().filter(|answer| answer.told() == told).count()
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_is_answered_200_and_published_once_also_when_it_was_signed_anew() {
    let gate = Gate::new();
    let first = deliveries(&gate, "d1");
    for delivery in &first {
        assert_eq!(gate.send(delivery).await.told(), (202, "accepted"), "{}", delivery.source);
    }
    gate.skip(Duration::from_secs(240));
    for again in first.iter().chain(&deliveries(&gate, "d1")) {
        let answer = gate.send(again).await;
        assert_eq!(answer.told(), (200, "duplicate"), "{}", again.source);
    }
    assert_eq!(gate.published().len(), first.len());
    assert_eq!(gate.receiver.ports.total(Metric::WebhookDuplicate), 2 * first.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn of_fifty_that_race_one_is_published_and_the_others_are_duplicates() {
    for index in 0..deliveries(&Gate::new(), "d1").len() {
        let gate = Gate::new();
        let delivery = &deliveries(&gate, "d1")[index];
        let answers = join_all((0..50).map(|_| gate.send(delivery))).await;
        assert_eq!(count(&answers, (202, "accepted")), 1, "{}", delivery.source);
        assert_eq!(count(&answers, (200, "duplicate")), 49, "{}", delivery.source);
        assert_eq!(gate.published().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_ids_that_race_each_is_published_once() {
    let gate = Gate::new();
    let deliveries: Vec<_> = (0..500)
        .map(|n| gate.signed("github", &format!("d{}", n % 60), format!("{{\"number\":{}}}", n % 60)))
        .collect();
    let answers = join_all(deliveries.iter().map(|delivery| gate.send(delivery))).await;
    assert_eq!((count(&answers, (202, "accepted")), count(&answers, (200, "duplicate"))), (60, 440));
    let mut ids = gate.ids();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), gate.published().len()), (60, 60));
}

#[tokio::test(start_paused = true)]
async fn when_the_owner_of_a_race_cannot_publish_another_takes_over() {
    let gate = Gate::new();
    gate.topic.fail_next(Fault::Transient);
    let delivery = gate.push("d1");
    let answers = join_all((0..50).map(|_| gate.send(&delivery))).await;
    assert_eq!(count(&answers, (503, "not-published")), 1);
    assert_eq!(count(&answers, (202, "accepted")), 1);
    assert_eq!(count(&answers, (200, "duplicate")), 48);
    assert_eq!(gate.ids(), ["d1"]);
}

/// GitHub and Shopify sign neither id nor time, so whoever captured a delivery could send it under a new id for ever.
#[tokio::test(start_paused = true)]
async fn a_captured_delivery_under_another_id_is_a_duplicate_for_months() {
    for (source, id_header) in
        [("github", "x-github-delivery"), ("shopify", "x-shopify-webhook-id"), ("hmac-named", "x-delivery")]
    {
        let gate = Gate::new();
        let all = deliveries(&gate, "d1");
        let captured = all.iter().find(|delivery| delivery.source == source).unwrap();
        assert_eq!(gate.send(captured).await.told(), (202, "accepted"));
        for (days, id) in [(0, "d2"), (30, "d3"), (59, "d4")] {
            gate.skip(DAY * days);
            let replay = captured.clone().with(id_header, id);
            assert_eq!(gate.send(&replay).await.told(), (200, "duplicate"), "{source}, {id}");
        }
        assert_eq!(gate.ids(), ["d1"]);
    }
}

/// A redelivery after a rotation carries another signature, and a sender may touch up the body.
#[tokio::test(start_paused = true)]
async fn another_signed_body_under_the_same_id_is_a_duplicate() {
    let gate = Gate::new();
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"));
    let other = gate.signed("github", "d1", r#"{"repository":{"full_name":"octo-harbour/other"}}"#);
    assert_eq!(gate.send(&other).await.told(), (200, "duplicate"));
    assert_eq!(gate.send(&other.with("x-github-delivery", "d2")).await.told(), (200, "duplicate"), "by its signature");
    assert_eq!(gate.ids(), ["d1"]);
}

#[tokio::test(start_paused = true)]
async fn a_signed_delivery_is_replayed_no_longer_than_its_timestamp_is_fresh() {
    let gate = Gate::new();
    let captured: Vec<_> = deliveries(&gate, "d1");
    gate.skip(Duration::from_secs(301));
    for source in ["stripe", "slack", "standard", "standard-ed25519"] {
        let replay = captured.iter().find(|delivery| delivery.source == source).unwrap();
        assert_eq!(gate.send(replay).await.told(), (401, "bad-signature"), "{source}");
    }
    gate.assert_nothing_was_kept("a stale delivery");
}

#[tokio::test(start_paused = true)]
async fn the_same_id_from_two_sources_is_two_events() {
    let gate = Gate::new();
    for delivery in deliveries(&gate, "d1") {
        assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"), "{}", delivery.source);
    }
}

#[tokio::test]
async fn priming_claims_and_publishes_nothing() {
    let primed = PrimingTest::start("{}").await.route(|function| {
        let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
        Receiver {
            max_body_bytes: MAX_BODY_BYTES,
            ports: function.ports.clone(),
            sources: Sources::new(Arc::new(secrets), "tidegate", Arc::new(MemoryKeys::default())),
            claims: DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&function.aws), "claims"),
            topic: Arc::new(SnsTopic::new(aws_sdk_sns::Client::new(&function.aws), "arn:aws:sns:us-east-1:0:events")),
            payloads: Arc::new(S3Payloads::new(&function.http, &function.aws, "payloads")),
        }
    });
    let primed = primed.await;
    assert_eq!(primed.sent, ["GetSecretValue", "HEAD /"]);
    assert_eq!(primed.ports.total(Metric::WebhookAccepted), 1, "the sample comes to its end");
}
