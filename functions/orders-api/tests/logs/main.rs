//! What the log says of a request, and what it must never say.
//!
//! In a binary of its own, in which every thread that logs has a subscriber: `tracing` remembers of each place in the
//! code whether anybody listens, and asks only the thread that comes there first.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/document.rs"]
mod document;
#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/fixtures.rs"]
mod fixtures;
#[allow(dead_code, reason = "the other tests do more with it")]
#[path = "../suite/memory.rs"]
mod memory;

use tidegate_testkit::Log;

use crate::fixtures::{Call, OTTO, Shop, body};
use crate::memory::Broken;

const MARKER: &str = "marker-of-a-customer";

#[tokio::test(start_paused = true)]
async fn nothing_that_a_client_sent_is_logged_whatever_happens() {
    let log = Log::default();
    let _capture = log.capture();
    let shop = Shop::new();
    let mut marked = body();
    marked["payment_method"] = MARKER.into();
    marked["address"]["name"] = MARKER.into();
    marked["callback_url"] = format!("https://shop.example/{MARKER}").into();
    let place = || Call::place(MARKER, marked.to_string()).with("x-correlation-id", MARKER);
    let id = shop.ask(&place()).await.order_id().to_owned();
    let reused = body().to_string();
    let mut statuses = Vec::new();
    for call in [
        place(),
        Call::place(MARKER, reused),
        Call::place(MARKER, format!("{{\"{MARKER}\":1,\"lines\":[\"{MARKER}\"]}}")),
        Call::place(MARKER, MARKER),
        Call::get(&format!("/orders/{id}")),
        Call::get(&format!("/orders/{MARKER}")),
        Call::get(&format!("/orders?cursor={MARKER}")),
        Call::get(&format!("/{MARKER}")),
        Call::cancel(&id).by(OTTO),
        Call::get("/orders").by(MARKER).scoped(MARKER),
    ] {
        statuses.push(shop.ask(&call).await.status);
    }
    shop.orders.broken.lock().unwrap().push_back(Broken::Unwritten);
    statuses.push(shop.ask(&place()).await.status);
    *shop.orders.unread.lock().unwrap() = Some(false);
    statuses.push(shop.ask(&Call::get("/orders")).await.status);
    shop.orders.spoil(&id).await;
    statuses.push(shop.ask(&place()).await.status);
    assert_eq!(statuses, [202, 422, 422, 400, 200, 404, 400, 404, 404, 403, 503, 500, 500]);

    let text = log.text();
    assert!(!text.contains(MARKER) && !text.contains("marker"), "{text}");
    let lines = log.lines();
    let placed = lines.iter().find(|it| it["message"] == "placed").unwrap();
    assert_eq!(
        (&placed["span"]["order_id"], &placed["span"]["request_id"]),
        (&id.as_str().into(), &"made-up-request".into())
    );
    assert_eq!(lines.iter().filter(|it| it["level"] == "ERROR").count(), 2, "what a person has to look at");
}
