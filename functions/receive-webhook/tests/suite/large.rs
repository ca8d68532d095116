//! Payloads over SNS's limit: kept in the bucket, named in the event.

use tidegate_runtime::s3::Payloads;
use tidegate_runtime::sns::MAX_MESSAGE_BYTES;
use tidegate_testkit::Fault;

use crate::fixtures::{Delivery, Gate, SOURCES};

fn body(len: usize) -> String {
    let (before, after) = (r#"{"repository":{"full_name":"octo-harbour/tide-tables"},"long":""#, r#""}"#);
    format!("{before}{}{after}", "x".repeat(len - before.len() - after.len()))
}

fn large(gate: &Gate, id: &str) -> Delivery {
    gate.signed("github", id, body(MAX_MESSAGE_BYTES + 1))
}

#[tokio::test(start_paused = true)]
async fn a_payload_over_the_limit_is_kept_and_the_event_says_where() {
    let gate = Gate::new();
    assert_eq!(gate.send(&large(&gate, "d1")).await.told(), (202, "accepted"));
    let [event] = &gate.published()[..] else { panic!("not one event") };
    assert!(event.data().is_none());
    assert_eq!((event.id(), event.ty()), ("d1", "com.github.push"));
    assert_eq!(event.subject(), Some("octo-harbour/tide-tables"));
    let dataref = event.dataref_to_fetch().expect("a claim check");
    assert!(dataref.starts_with("s3://memory/payloads/"), "{dataref}");
    let kept = gate.payloads.fetch(dataref).await.unwrap();
    assert_eq!(kept, body(MAX_MESSAGE_BYTES + 1).as_bytes());
    assert_eq!(gate.topic.published()[0].attributes["type"], "com.github.push");
}

/// In small steps over the edge: no payload falls between "small enough" and what SNS, and so this topic, takes.
#[tokio::test(start_paused = true)]
async fn every_size_around_the_limit_goes_out_within_it() {
    let gate = Gate::new();
    let mut checks = Vec::new();
    for len in (MAX_MESSAGE_BYTES - 700..MAX_MESSAGE_BYTES).step_by(7) {
        let answer = gate.send(&gate.signed("github", &format!("d{len}"), body(len))).await;
        assert_eq!(answer.told(), (202, "accepted"), "{len}");
        let message = gate.topic.published().pop().unwrap();
        checks.push(message.body.contains("\"dataref\""));
    }
    assert!(checks.is_sorted() && !checks[0] && checks[checks.len() - 1], "{checks:?}");
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_cannot_be_kept_makes_the_delivery_its_senders_again() {
    let gate = Gate::new();
    gate.payloads.fail_next(Fault::Transient);
    assert_eq!(gate.send(&large(&gate, "d1")).await.told(), (503, "not-published"));
    assert_eq!(gate.ids(), [""; 0]);
    assert_eq!(gate.send(&large(&gate, "d1")).await.told(), (202, "accepted"));
    assert_eq!(gate.ids(), ["d1"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_try_keeps_the_payload_in_the_same_place() {
    let gate = Gate::new();
    gate.topic.fail_next(Fault::Transient);
    assert_eq!(gate.send(&large(&gate, "d1")).await.told(), (503, "not-published"));
    assert_eq!(gate.send(&large(&gate, "d2")).await.told(), (202, "accepted"), "by hand, so under another id");
    assert_eq!(gate.payloads.keys().len(), 1);
    assert_eq!(gate.ids(), ["d1"]);
}

#[tokio::test(start_paused = true)]
async fn two_senders_that_name_their_events_alike_do_not_overwrite_each_others_payloads() {
    let gate = Gate::new();
    let document = SOURCES.iter().find(|(name, _)| *name == "cloudevents").expect("a source of these tests").1;
    gate.secrets.put("tidegate/webhooks/another", document);
    let event = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/harbour","type":"t","data":{}}}"#,
        body(MAX_MESSAGE_BYTES + 1)
    );
    for source in ["cloudevents", "another"] {
        let delivery = Delivery::new(source, event.clone()).signed_by(document, "", gate.now());
        let delivery = delivery.with("content-type", "application/cloudevents+json");
        assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"));
    }
    assert_eq!(gate.payloads.keys().len(), 2);
}
