//! Nothing that is logged or counted shows the key, a token or what is paid with.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

#[allow(dead_code, reason = "the handler's tests do more with it")]
#[path = "../handler/fixtures.rs"]
mod fixtures;
#[allow(dead_code, reason = "the handler's tests do more with it")]
#[path = "../stub/mod.rs"]
mod stub;

use fixtures::{Desk, VISA, authorise, capture, told, undo};
use stub::{KEY, Reply};
use tidegate_testkit::Log;
use tidegate_worker::Service;

#[tokio::test(flavor = "current_thread")]
async fn no_secret_and_no_payload_is_logged() {
    let log = Log::default();
    let _guard = log.capture();
    let desk = Desk::new().await;
    desk.worker.service.prime(&*desk.worker.ports).await;
    let error = serde_json::json!({"type": "invalid_request_error", "param": "harbour!", "message": "of the harbour"});
    desk.stripe.then([
        Reply::with("503 Service Unavailable", "of the harbour"),
        Reply::Lost,
        Reply::error("400 Bad Request", &error),
        Reply::with("200 OK", "<html>of the harbour</html>"),
    ]);
    for _ in 0..5 {
        desk.handle([authorise(VISA, "marker-token-1")]).await;
    }
    desk.handle([capture("marker-token-2"), "{\"made\": \"of the harbour\"}".to_owned()]).await;
    desk.handle([told("/webhooks/stripe", "payment_intent.canceled", "ord_17")]).await;
    desk.stripe.rotate("sk_test_another");
    desk.handle([undo("marker-token-3")]).await;

    let lines = log.lines();
    let text = log.text();
    assert!(lines.len() > 8, "{text}");
    for secret in [KEY, "sk_test", VISA, "marker-token", "harbour"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let failed = lines.iter().filter(|it| it["message"] == "moved to the dead-letter queue").count();
    assert_eq!(failed, 3, "the 400, what is no command, and the wrong key: {text}");
}
