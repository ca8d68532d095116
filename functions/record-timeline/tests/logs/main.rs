//! What the log says of an event, and what it must never say. In a binary of its own, for the sake of [`Log`].

#![allow(clippy::unwrap_used, reason = "clippy sees tests in #[test] functions only, not in what they call")]

#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/fixtures.rs"]
mod fixtures;

use serde_json::json;
use tidegate_events::EventType;
use tidegate_testkit::Log;

use crate::fixtures::{PAYLOAD, desk, event};

#[tokio::test]
async fn nobodys_address_and_means_of_payment_is_logged_whatever_happens() {
    let log = Log::default();
    let _capture = log.capture();
    let desk = desk();
    let placed = event(EventType::OrderPlaced);
    let mut broken = placed.clone();
    broken["data"]["total"] = json!(PAYLOAD);
    let bodies = [placed.to_string(), broken.to_string(), PAYLOAD.to_owned()];
    desk.timelines.fail_next(true);
    assert_eq!(desk.handle(&bodies).await, ["m0"]);
    desk.timelines.fail_next(false);
    desk.handle(&bodies).await;
    desk.handle(&bodies).await;

    let recorded = log.lines().into_iter().find(|it| it["message"] == "timeline entry recorded").unwrap();
    assert_eq!(
        (&recorded["span"]["event_id"], &recorded["span"]["correlation_id"], &recorded["span"]["trace_id"]),
        (&json!("ord_1/2/0"), &json!("ord_1"), &json!("4bf92f3577b34da6a3ce929d0e0e4736"))
    );
    assert_eq!(log.lines().len(), 9, "{}", log.text());
    for marker in [PAYLOAD, "pm_made_up", "Harbour", "shop.example"] {
        assert!(!log.text().contains(marker), "{}", log.text());
    }
}
