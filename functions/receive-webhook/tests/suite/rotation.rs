//! A secret is replaced while its document is cached.

use std::time::Duration;

use crate::fixtures::{Delivery, Gate, PUSH, SOURCES};

const NEW: &str = r#"{"scheme":"github","secrets":["another made-up secret"]}"#;
const BOTH: &str = r#"{"scheme":"github","secrets":["another made-up secret","It's a Secret to Everybody"]}"#;

fn rotate(gate: &Gate, document: &str) {
    gate.secrets.put("tidegate/webhooks/github", document);
}

/// A push that is signed with the secret the rotation brings.
fn signed_anew(gate: &Gate, id: &str) -> Delivery {
    Delivery::new("github", format!("{{\"id\":\"{id}\"}}")).signed_by(NEW, id, gate.now())
}

fn signed_before(gate: &Gate, id: &str) -> Delivery {
    gate.signed("github", id, format!("{{\"id\":\"{id}\"}}"))
}

#[tokio::test(start_paused = true)]
async fn a_signature_that_fails_against_a_cached_secret_is_tried_against_a_fresh_one() {
    let gate = Gate::new();
    assert_eq!(gate.send(&signed_before(&gate, "d1")).await.status, 202);
    rotate(&gate, BOTH);
    gate.skip(Duration::from_secs(5));
    assert_eq!(gate.send(&signed_anew(&gate, "d2")).await.status, 202);
    assert_eq!(gate.send(&signed_before(&gate, "d3")).await.status, 202, "the old secret is still active");
    rotate(&gate, NEW);
    gate.skip(Duration::from_secs(300));
    assert_eq!(gate.send(&signed_before(&gate, "d4")).await.status, 401, "and is not for ever");
    assert_eq!(gate.secrets.reads().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn warming_up_reads_no_source_whatever_the_store_answers() {
    let gate = Gate::new();
    let sources = &gate.receiver.sources;
    sources.connect().await;
    gate.secrets.fail_next(tidegate_testkit::Fault::Transient);
    sources.connect().await;
    assert_eq!(gate.secrets.reads(), ["tidegate/webhooks/."; 2]);
    let unknown = Delivery::new(".", "{}").signed_by(NEW, "d1", gate.now());
    assert_eq!(gate.send(&unknown).await.status, 404);
    assert_eq!(gate.secrets.reads().len(), 2, "no request can ask for it");
}

#[tokio::test(start_paused = true)]
async fn a_document_is_read_once_in_five_minutes_while_signatures_hold() {
    let gate = Gate::new();
    for n in 0..60 {
        assert_eq!(gate.send(&signed_before(&gate, &format!("d{n}"))).await.status, 202);
        gate.skip(Duration::from_secs(10));
    }
    assert_eq!(gate.secrets.reads().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_bad_signatures_reads_the_secret_once_in_five_seconds() {
    let gate = Gate::new();
    for _ in 0..400 {
        assert_eq!(gate.send(&signed_anew(&gate, "d1")).await.status, 401);
        gate.skip(Duration::from_millis(50));
    }
    assert_eq!(gate.secrets.reads().len(), 4, "in 20 s");
    assert_eq!(gate.send(&gate.push("d2")).await.status, 202, "while others are served");
}

#[tokio::test(start_paused = true)]
async fn only_a_signature_that_does_not_match_makes_the_secret_be_read_again() {
    let gate = Gate::new();
    assert_eq!(gate.send(&gate.push("d1")).await.status, 202);
    gate.skip(Duration::from_secs(60));
    for refused in [
        Delivery::new("github", PUSH),
        gate.push("d1").with("x-hub-signature-256", "sha256=nonsense"),
        gate.push("d1").and("x-hub-signature-256", "sha256=00"),
    ] {
        assert_eq!(gate.send(&refused).await.status, 401);
    }
    assert_eq!(gate.secrets.reads().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_added_or_taken_away_is_noticed() {
    let gate = Gate::new();
    let delivery = Delivery::new("later", PUSH).signed_by(SOURCES[0].1, "d1", gate.now());
    assert_eq!(gate.send(&delivery).await.status, 404);
    gate.secrets.put("tidegate/webhooks/later", SOURCES[0].1);
    gate.skip(Duration::from_secs(5));
    assert_eq!(gate.send(&delivery).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn made_up_names_do_not_push_out_a_source_that_exists() {
    let gate = Gate::new();
    for n in 0..1_000 {
        assert_eq!(gate.send(&Delivery::new(&format!("made-up-{n}"), PUSH)).await.status, 404);
        assert!(gate.send(&gate.push("d1")).await.status < 300);
    }
    let reads = gate.secrets.reads();
    assert_eq!(reads.iter().filter(|name| *name == "tidegate/webhooks/github").count(), 1);
}

/// A source without keys of its own, and a token whose key is in the key set.
const GOOGLE: &str = r#"{"scheme":"pubsub","tolerance_secs":86400,"options":{"service_account":
    "push@harbour-example.iam.gserviceaccount.com","audience":"https://hooks.harbour.example/webhooks/pubsub"}}"#;
const KEY_SET: &str = include_str!("../../../../toolkit/webhooks/tests/webhooks/tokens/key-set.json");
const TOKEN: &str = include_str!("../../../../toolkit/webhooks/tests/webhooks/tokens/token.txt");
const OTHER_KEY_SET: &str = r#"{"keys":[{"kty":"RSA","kid":"older","n":"AQAB","e":"AQAB"}]}"#;

/// With a source `google`, and a push to it that the key set's key signed.
fn gate_and_push() -> (Gate, Delivery) {
    let gate = Gate::at(1_700_000_000);
    gate.secrets.put("tidegate/webhooks/google", GOOGLE);
    let push = r#"{"message":{"messageId":"7"},"subscription":"projects/harbour/subscriptions/tides"}"#;
    (gate, Delivery::new("google", push).with("authorization", &format!("Bearer {TOKEN}")))
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_known_makes_the_key_set_be_fetched_again_at_most_every_five_seconds() {
    let (gate, push) = gate_and_push();
    gate.keys.put(OTHER_KEY_SET);
    for _ in 0..3 {
        assert_eq!(gate.send(&push).await.status, 401);
    }
    assert_eq!(gate.keys.fetches(), 1);
    gate.keys.put(KEY_SET);
    gate.skip(Duration::from_secs(5));
    assert_eq!(gate.send(&push).await.status, 202);
    assert_eq!(gate.send(&push).await.status, 200);
    assert_eq!(gate.keys.fetches(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_is_away_is_asked_once_in_five_seconds_whoever_sends() {
    let (gate, push) = gate_and_push();
    let unsigned = Delivery::new("google", PUSH);
    for _ in 0..200 {
        assert_eq!(gate.send(&push).await.status, 503, "without keys nothing can be said of the token");
        assert_eq!(gate.send(&unsigned).await.status, 401);
        gate.skip(Duration::from_millis(100));
    }
    assert_eq!((gate.keys.fetches(), gate.secrets.reads().len()), (4, 4), "in 20 s");
    gate.keys.put(KEY_SET);
    assert_eq!(gate.send(&push).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn keys_are_kept_for_a_day_while_their_issuer_is_away() {
    let (gate, push) = gate_and_push();
    gate.keys.put(KEY_SET);
    assert_eq!(gate.send(&push).await.status, 202);
    for away in [None, Some("{}")] {
        away.map_or_else(|| gate.keys.take_away(), |useless| gate.keys.put(useless));
        gate.skip(Duration::from_secs(43_199));
        assert_eq!(gate.send(&push).await.status, 200);
    }
    gate.skip(Duration::from_secs(300));
    assert_eq!(gate.send(&push).await.status, 503);
}
