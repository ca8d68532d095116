//! What the log says of an event, and what it must never say. In a binary of its own, for the sake of [`Log`].

#![allow(clippy::unwrap_used, reason = "clippy sees tests in #[test] functions only, not in what they call")]

#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/fixtures.rs"]
mod fixtures;

use serde_json::json;
use tidegate_testkit::Log;

use crate::fixtures::{Call, PAYLOAD, body, desk, placed};

#[tokio::test]
async fn nobodys_address_and_means_of_payment_is_logged_whatever_happens() {
    let log = Log::default();
    let _capture = log.capture();
    let desk = desk();
    let mut broken = placed("ord_2");
    broken["data"]["total"] = json!(PAYLOAD);
    let bodies = [body("ord_1"), broken.to_string(), PAYLOAD.to_owned()];
    desk.workflows.fail_next(Call::Start, true);
    assert_eq!(desk.handle(&bodies).await, ["m0"]);
    desk.handle(&bodies).await; // started
    desk.handle(&bodies).await; // before
    desk.workflows.put("ord_1", &json!({ "address": PAYLOAD }).to_string());
    desk.handle(&bodies).await; // by another

    let started = log.lines().into_iter().find(|it| it["message"] == "workflow started").unwrap();
    assert_eq!(
        (&started["span"]["event_id"], &started["workflow"]),
        (&json!("ord_1/1/0"), &json!("tidegate-order-saga"))
    );
    assert_eq!(started["span"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(log.lines().len(), 12, "{}", log.text());
    for marker in [PAYLOAD, "pm_made_up", "Harbour", "shop.example"] {
        assert!(!log.text().contains(marker), "{}", log.text());
    }
}
