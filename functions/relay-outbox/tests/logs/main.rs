//! What the log says of a batch, and what it must never say. In a binary of its own, for the sake of [`Log`].

#![allow(clippy::unwrap_used, reason = "clippy sees tests in #[test] functions only, not in what they call")]

#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/fixtures.rs"]
mod fixtures;

use serde_json::json;
use tidegate_testkit::{Fault, Log};

use crate::fixtures::{PAYLOAD, event, hand_over, relay, reply, version};

const TOKEN: &str = "marker-in-the-token";

#[tokio::test]
async fn no_token_and_no_payload_is_logged_whatever_happens() {
    let log = Log::default();
    let _capture = log.capture();
    let relay = relay();
    let good = version("order-17", 1, &[event("order-17/1/0"), reply("saga-17/ReserveStock", TOKEN)]);
    let mut errors = Vec::new();
    relay.publisher.fail_next(Fault::Permanent);
    errors.push(hand_over(&relay, std::slice::from_ref(&good)).await.unwrap_err());
    relay.tasks.fail_next(Fault::Transient);
    errors.push(hand_over(&relay, std::slice::from_ref(&good)).await.unwrap_err());
    hand_over(&relay, std::slice::from_ref(&good)).await.unwrap(); // expired: nobody waits
    relay.tasks.wait(TOKEN);
    hand_over(&relay, &[good]).await.unwrap();
    let broken = json!({ "event": { "note": PAYLOAD, "token": TOKEN } });
    errors.push(hand_over(&relay, &[version("order-18", 1, &[broken])]).await.unwrap_err());

    assert_eq!(log.lines().len(), 6, "{}", log.text());
    for text in errors.iter().map(|it| tidegate_runtime::chain(it)).chain([log.text()]) {
        assert!(!text.contains(PAYLOAD) && !text.contains(TOKEN), "{text}");
    }
}

#[tokio::test]
async fn a_late_answer_and_a_stop_are_found_by_what_they_are_about() {
    let log = Log::default();
    let _capture = log.capture();
    let relay = relay();
    hand_over(&relay, &[version("order-17", 1, &[reply("saga-17/ReserveStock", TOKEN)])]).await.unwrap();
    relay.publisher.fail_next(Fault::Transient);
    hand_over(&relay, &[version("order-17", 2, &[event("order-17/2/0")])]).await.unwrap_err();

    let lines = log.lines();
    let [late, relayed, stopped] = &lines[..] else { panic!("{lines:#?}") };
    assert_eq!([&late["level"], &relayed["level"], &stopped["level"]], ["INFO", "INFO", "WARN"]);
    assert_eq!(
        (&late["aggregate"], &late["version"], &late["command"]),
        (&json!("order-17"), &json!(1), &json!("saga-17/ReserveStock"))
    );
    let error = stopped["error"].as_str().unwrap();
    assert!(error.starts_with("stopped at stream record 100: failed to publish order-17/2/0"), "{error}");
    for line in &lines {
        assert_eq!(
            (&line["span"]["table"], &line["span"]["request_id"]),
            (&json!("tidegate-orders"), &json!("made-up-request"))
        );
    }
}
