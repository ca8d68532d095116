//! What the log says of a delivery, and what it must never say.
//!
//! In a binary of its own, in which every thread that logs has a subscriber: `tracing` remembers of each place in the
//! code whether anybody listens, and asks only the thread that comes there first.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/fixtures.rs"]
mod fixtures;

use tidegate_testkit::{Fault, Log};

use crate::fixtures::{Delivery, Gate};

const BODY_MARKER: &str = "marker-in-the-body";
const SECRET_MARKER: &str = "marker-in-the-secret";

/// A source whose secret is marked.
fn document(tail: &str) -> String {
    format!(r#"{{"scheme":"github","secrets":["{SECRET_MARKER}"]{tail}}}"#)
}

fn delivery(gate: &Gate, id: &str, body: &str) -> Delivery {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    Delivery::new("github", body).signed_by(&document(""), id, gate.now()).with("traceparent", traceparent)
}

#[tokio::test(start_paused = true)]
async fn no_secret_no_signature_and_no_payload_is_logged_whatever_happens() {
    let log = Log::default();
    let _capture = log.capture();
    let gate = Gate::new();
    gate.secrets.put("tidegate/webhooks/github", document(""));
    let body = format!(r#"{{"repository":{{"full_name":"{BODY_MARKER}"}},"{BODY_MARKER}":"{BODY_MARKER}"}}"#);
    let good = delivery(&gate, "d1", &body);
    let signature = good.headers["x-hub-signature-256"].to_str().unwrap().to_owned();

    let mut statuses = Vec::new();
    gate.receiver.claims.fail_next_claim(Fault::Transient);
    statuses.push(gate.send(&good).await.status);
    gate.topic.fail_next(Fault::Permanent);
    statuses.push(gate.send(&good).await.status);
    gate.receiver.claims.fail_next_finish(Fault::Transient);
    statuses.push(gate.send(&good).await.status);
    let repeated = format!(r#"{{"{BODY_MARKER}":1,"{BODY_MARKER}":2}}"#);
    statuses.push(gate.send(&delivery(&gate, "d2", &repeated)).await.status);
    statuses.push(gate.send(&delivery(&gate, "d3", BODY_MARKER)).await.status);
    statuses.push(gate.send(&delivery(&gate, "d4", "{}").with("x-github-event", BODY_MARKER)).await.status);
    statuses.push(gate.send(&Delivery { body: BODY_MARKER.into(), ..good.clone() }).await.status);
    statuses.push(gate.send(&good.clone().and("x-hub-signature-256", &signature)).await.status);
    let large = format!("\"{BODY_MARKER}{}\"", "x".repeat(300_000));
    statuses.push(gate.send(&delivery(&gate, "d5", &large)).await.status);
    for tail in [
        r#","options":{"header":"marker-in-the-secret"}"#,
        r#","secret":"marker-in-the-secret""#,
        r#","tolerance_secs":"marker-in-the-secret""#,
    ] {
        let gate = Gate::new();
        gate.secrets.put("tidegate/webhooks/github", document(tail));
        statuses.push(gate.send(&good).await.status);
    }
    assert_eq!(statuses, [503, 503, 202, 400, 400, 202, 401, 401, 202, 503, 503, 503]);

    let text = log.text();
    let hex = signature.strip_prefix("sha256=").unwrap();
    for kept_quiet in [BODY_MARKER, SECRET_MARKER, hex] {
        let told: Vec<_> = text.lines().filter(|line| line.contains(kept_quiet)).collect();
        assert!(told.is_empty(), "{kept_quiet} in {told:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_found_by_its_id_its_trace_and_its_request() {
    let log = Log::default();
    let _capture = log.capture();
    let gate = Gate::new();
    gate.secrets.put("tidegate/webhooks/github", document(""));
    gate.send(&delivery(&gate, "d1", "{}").with("x-correlation-id", "order-66")).await;
    let lines = log.lines();
    let [settled] = &lines[..] else { panic!("not one line: {lines:#?}") };
    assert_eq!(
        (&settled["level"], &settled["accepted"], &settled["duplicate"]),
        (&"INFO".into(), &1.into(), &0.into())
    );
    for (field, value) in [
        ("request_id", "made-up-request"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("source", "github"),
        ("delivery_id", "d1"),
        ("correlation_id", "order-66"),
    ] {
        assert_eq!(settled["span"][field], value, "{field} in {settled:#}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outsider_writes_no_field_of_the_log() {
    let log = Log::default();
    let _capture = log.capture();
    let gate = Gate::new();
    let outsider = Delivery::new("made-up-source", "{}")
        .with("x-github-delivery", "made-up-delivery")
        .with("x-correlation-id", "made-up-correlation");
    assert_eq!(gate.send(&outsider).await.status, 404);
    assert_eq!(gate.send(&Delivery { source: "github".to_owned(), ..outsider }).await.status, 401);
    let made_up = log.text().replace("made-up-request", "");
    assert!(!made_up.contains("made-up"), "{made_up}");
    assert!(made_up.contains("bad-signature"), "the refusals are logged: {made_up}");
}
