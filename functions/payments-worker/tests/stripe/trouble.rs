//! When there is no answer: wait, try again, or give up.

use std::time::Duration;

use payments_worker::stripe::{AskError, StripeClient};
use serde_json::json;
use tidegate_orders::payment::Answer;
use tidegate_runtime::ApiUrl;
use tidegate_runtime::priming::Priming;

use crate::stub::{Reply, Stub};
use crate::{
    METHOD, ask, ask_with, authorise, authorise_so, authorised, cancel, capture, outcome, permanent, refund, transient,
    wait,
};

fn error(head: &str, kind: &str, code: &str) -> Reply {
    let message = "Payments of the harbour are refused.";
    Reply::error(head, &json!({"type": kind, "code": code, "message": message}))
}

fn transient_reason(answer: Result<Answer, AskError>) -> String {
    match answer {
        Err(AskError::Transient { reason, retry_after: None }) => reason,
        other => panic!("not transient: {other:?}"),
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again() {
    let busy = "invalid_request_error";
    for asked in [authorise(METHOD), capture(), cancel(), refund()] {
        let in_use = error("409 Conflict", "idempotency_error", "idempotency_key_in_use");
        assert_eq!(outcome(&asked, in_use).await, transient("Stripe says idempotency_key_in_use (409 Conflict)"));
        let locked = error("429 Too Many Requests", busy, "lock_timeout");
        assert_eq!(outcome(&asked, locked).await, transient("Stripe says lock_timeout (429 Too Many Requests)"));
        let limited = error("429 Too Many Requests\nRetry-After: 30", busy, "rate_limit");
        assert_eq!(outcome(&asked, limited).await, wait(30, "Stripe says rate_limit (429 Too Many Requests)"));
        let down = error("500 Internal Server Error", "api_error", "Of the harbour");
        assert_eq!(outcome(&asked, down).await, transient("Stripe says api_error (500 Internal Server Error)"));
        for status in ["408 Request Timeout", "424 Failed Dependency", "502 Bad Gateway", "503 Service Unavailable"] {
            let answer = outcome(&asked, Reply::with(status, "<html>harbour</html>")).await;
            assert_eq!(answer, transient(&format!("Stripe says {status}")));
        }
    }
}

#[tokio::test]
async fn a_wait_is_bounded_and_nonsense_is_none() {
    let limited = |after: &str| Reply::with(&format!("503 Service Unavailable\nRetry-After: {after}"), "");
    let reason = "Stripe says 503 Service Unavailable";
    assert_eq!(outcome(&capture(), limited("0")).await, wait(1, reason));
    assert_eq!(outcome(&capture(), limited("1000000")).await, wait(14_400, reason));
    assert_eq!(outcome(&capture(), limited("soon")).await, transient(reason));
}

#[tokio::test]
async fn stripe_may_say_itself_that_it_is_worth_another_try() {
    let reply = error("400 Bad Request\nStripe-Should-Retry: true", "invalid_request_error", "made_up");
    assert_eq!(outcome(&authorise(METHOD), reply).await, transient("Stripe says made_up (400 Bad Request)"));
}

#[tokio::test]
async fn a_failure_that_stripe_keeps_for_the_key_is_permanent() {
    let kept = error("500 Internal Server Error\nIdempotent-Replayed: true", "api_error", "Of the harbour");
    let reason = "Stripe says api_error (500 Internal Server Error), which Stripe repeats for this key: whether it was \
                  done is unknown";
    assert_eq!(outcome(&authorise(METHOD), kept).await, permanent(reason));
}

#[tokio::test]
async fn what_stays_is_permanent_and_says_stripes_word() {
    for asked in [authorise(METHOD), capture(), cancel(), refund()] {
        let forbidden = error("403 Forbidden", "invalid_request_error", "more_permissions_required");
        let reason = "Stripe says more_permissions_required (403 Forbidden)";
        assert_eq!(outcome(&asked, forbidden).await, permanent(reason));
        let other = error("400 Bad Request", "idempotency_error", "made_up");
        assert_eq!(outcome(&asked, other).await, permanent("Stripe says made_up (400 Bad Request)"));
        let odd = outcome(&asked, Reply::with("405 Method Not Allowed", "")).await;
        assert_eq!(odd, permanent("Stripe says 405 Method Not Allowed"));
    }
    let malformed = error("400 Bad Request", "invalid_request_error", "parameter_unknown");
    let reason = "Stripe says parameter_unknown (400 Bad Request)";
    assert_eq!(outcome(&authorise(METHOD), malformed).await, permanent(reason));
}

#[tokio::test]
async fn a_key_with_other_parameters_is_refused_for_good() {
    let stub = Stub::start().await;
    ask(&stub, &authorise(METHOD)).await.unwrap();
    let other = tidegate_events::Money { minor_units: 1, currency: "EUR".parse().unwrap() };
    let answer = ask(&stub, &authorise_so(METHOD, other)).await;
    assert_eq!(answer, permanent("Stripe says idempotency_error (400 Bad Request)"));
    assert_eq!(stub.payments(), ["requires_capture"]);
}

#[tokio::test]
async fn a_key_that_stripe_does_not_know_is_told_apart() {
    let stub = Stub::start().await;
    stub.rotate("sk_test_another");
    let reason = "Stripe says invalid_request_error (401 Unauthorized)".to_owned();
    assert_eq!(ask(&stub, &capture()).await, Err(AskError::UnknownKey { reason }));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stub::start().await;
    let location = format!("302 Found\nlocation: {}", elsewhere.api_url.join("v1/refunds"));
    assert_eq!(outcome(&capture(), Reply::with(&location, "")).await, permanent("Stripe says 302 Found"));
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_stripes_is_tried_again() {
    for body in ["<html>Sign in to the harbour's wireless network</html>", "", "[]", "true", r#"{"id":7}"#] {
        let answer = outcome(&authorise(METHOD), Reply::with("200 OK", body)).await;
        assert_eq!(answer, transient("200 OK, but the answer is not Stripe's"), "{body}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_under_the_same_key() {
    let stub = Stub::start().await;
    stub.then([Reply::Lost]);
    let reason = transient_reason(ask(&stub, &authorise(METHOD)).await);
    assert!(reason.starts_with("client error (SendRequest): "), "{reason}");
    assert_eq!(ask(&stub, &authorise(METHOD)).await, Ok(authorised()));
    assert_eq!(stub.payments(), ["requires_capture"]);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n{}", " ".repeat(400_000));
    let reason = transient_reason(outcome(&capture(), Reply::Last(endless.into())).await);
    assert_eq!(reason, "Stripe's answer could not be read: length limit exceeded");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let api_url = ApiUrl::parse(&format!("http://{address}")).unwrap();
    let client = StripeClient::default();
    client.warm(&api_url).await;
    let reason = transient_reason(ask_with(&client, &api_url, &capture()).await);
    assert!(reason.starts_with("client error (Connect): "), "{reason}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_no_key() {
    let stub = Stub::start().await;
    let api_url = ApiUrl::parse(&stub.api_url.to_string().replace("http://", "https://")).unwrap();
    let short = StripeClient::new(Duration::from_millis(200), &Priming::default());
    transient_reason(ask_with(&short, &api_url, &capture()).await);
    assert_eq!(stub.requests(), []);
}

#[tokio::test]
async fn the_time_is_for_all_that_an_answer_takes() {
    let head_only = Reply::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".into());
    let refused = || error("400 Bad Request", "invalid_request_error", "made_up");
    for replies in [vec![Reply::Nothing], vec![head_only], vec![refused(), Reply::Nothing]] {
        let stub = Stub::start().await;
        let asked = replies.len();
        stub.then(replies);
        let short = StripeClient::new(Duration::from_millis(150), &Priming::default());
        let answer = ask_with(&short, &stub.api_url, &capture()).await;
        assert_eq!(answer, transient("Stripe did not answer within 150ms"));
        assert_eq!(stub.requests().len(), asked);
    }
}
