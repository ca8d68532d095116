//! The Slack client on the wire: what it sends, and what each answer means.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod server;

use std::time::Duration;

use notify_slack::message::{Block, Message, Text};
use notify_slack::slack::{PostError, SlackClient};
use server::{Reply, Server};
use tidegate_runtime::ApiUrl;
use tidegate_runtime::priming::Priming;
use tidegate_slack_routes::{SlackConfig, SlackToken};

const TOKEN: &str = "xoxb-made-up-token";
const OK: &str = r#"{"ok":true,"channel":"C0123456789","ts":"1772442123.000100","message":{"text":"hello"}}"#;

fn token() -> SlackToken {
    let document = format!(r#"{{"token": "{TOKEN}", "routes": []}}"#);
    SlackConfig::from_json(document.as_bytes()).unwrap().token
}

fn message() -> Message {
    let text = Text::Mrkdwn { text: "*hello* from the harbour".to_owned(), verbatim: true };
    Message { text: "hello".to_owned(), blocks: vec![Block::Section { text }] }
}

async fn post_to(api_url: &ApiUrl) -> Result<(), PostError> {
    SlackClient::default().post(api_url, &token(), "#tides", &message(), None).await
}

async fn outcome(reply: Reply) -> Result<(), PostError> {
    let outcome = post_to(&Server::start(vec![reply]).await.api_url).await;
    let shown = format!("{outcome:?}");
    assert!(!shown.contains(TOKEN) && !shown.contains("harbour"), "{shown}");
    outcome
}

fn refused(error: &str) -> Reply {
    Reply::with("200 OK", &format!(r#"{{"ok":false,"error":"{error}"}}"#))
}

fn permanent(reason: &str) -> Result<(), PostError> {
    Err(PostError::Permanent { reason: reason.to_owned() })
}

fn transient(reason: &str) -> Result<(), PostError> {
    Err(PostError::Transient { reason: reason.to_owned(), retry_after: None })
}

fn rate_limited(seconds: u64) -> Result<(), PostError> {
    Err(PostError::RateLimited { retry_after: Duration::from_secs(seconds) })
}

/// The reason of an outcome that has to be transient.
fn transient_reason(outcome: Result<(), PostError>) -> String {
    match outcome {
        Err(PostError::Transient { reason, retry_after: None }) => reason,
        other => panic!("not transient: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_posted_as_slack_documents_it() {
    let server = Server::start(vec![Reply::with("200 OK", OK)]).await;
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let client = SlackClient::default();
    client.post(&server.api_url, &token(), "#tides", &message(), Some(traceparent)).await.unwrap();
    let seen = server.seen();
    let (head, body) = &seen.requests[0];
    assert!(head.starts_with("post /api/chat.postmessage http/1.1\r\n"), "{head}");
    for header in [
        &format!("authorization: bearer {TOKEN}"),
        "content-type: application/json; charset=utf-8",
        &format!("user-agent: tidegate-notify-slack/{}", env!("CARGO_PKG_VERSION")),
        &format!("traceparent: {traceparent}"),
    ] {
        assert_eq!(head.lines().filter(|line| *line == header).count(), 1, "{header} in {head}");
    }
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    insta::assert_json_snapshot!(body);
}

#[tokio::test]
async fn a_trace_that_fits_no_header_is_left_out() {
    let server = Server::start(vec![Reply::with("200 OK", OK)]).await;
    let client = SlackClient::default();
    client.post(&server.api_url, &token(), "#tides", &message(), Some("00\r\nx-injected: 1")).await.unwrap();
    let seen = server.seen();
    assert!(!seen.requests[0].0.contains("traceparent") && !seen.requests[0].0.contains("injected"));
}

#[tokio::test]
async fn messages_share_a_connection_also_after_refusals() {
    let replies = vec![
        Reply::with("200 OK", OK),
        refused("channel_not_found"),
        Reply::with("429 Too Many Requests\nretry-after: 2", "slow down"),
        Reply::with("503 Service Unavailable", "busy"),
        Reply::with("200 OK", OK),
    ];
    let count = replies.len();
    let server = Server::start(replies).await;
    let client = SlackClient::default();
    let mut posted = 0;
    for _ in 0..count {
        posted += usize::from(client.post(&server.api_url, &token(), "#tides", &message(), None).await.is_ok());
    }
    let seen = server.seen();
    assert_eq!((posted, seen.requests.len(), seen.connections), (2, count, 1));
}

#[tokio::test]
async fn too_many_requests_is_a_wait_of_the_length_slack_asked_for() {
    let limited = |headers: &str| outcome(Reply::with(&format!("429 Too Many Requests{headers}"), ""));
    assert_eq!(limited("\nRetry-After: 30").await, rate_limited(30));
    assert_eq!(limited("").await, rate_limited(1));
    assert_eq!(limited("\nRetry-After: soon").await, rate_limited(1));
    assert_eq!(limited("\nRetry-After: 1000000").await, rate_limited(14_400));
    let date = "\nDate: Mon, 02 Mar 2026 09:00:00 GMT\nRetry-After: Mon, 02 Mar 2026 09:02:00 GMT";
    assert_eq!(limited(date).await, rate_limited(120));
    assert_eq!(outcome(refused("ratelimited")).await, rate_limited(1));
    assert_eq!(outcome(refused("rate_limited")).await, rate_limited(1));
    let body = r#"{"ok":false,"error":"ratelimited"}"#;
    assert_eq!(outcome(Reply::with("200 OK\nRetry-After: 9", body)).await, rate_limited(9));
}

#[tokio::test]
async fn a_server_in_trouble_is_tried_again() {
    assert_eq!(outcome(Reply::with("500 Internal Server Error", "")).await, transient("500 Internal Server Error"));
    assert_eq!(outcome(Reply::with("502 Bad Gateway", "<html>")).await, transient("502 Bad Gateway"));
    assert_eq!(outcome(Reply::with("408 Request Timeout", "")).await, transient("408 Request Timeout"));
    let body = r#"{"ok":false,"error":"service_unavailable"}"#;
    assert_eq!(
        outcome(Reply::with("503 Service Unavailable\nRetry-After: 60", body)).await,
        Err(PostError::Transient {
            reason: "service_unavailable (503 Service Unavailable)".to_owned(),
            retry_after: Some(Duration::from_secs(60))
        })
    );
    for error in ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org"] {
        assert_eq!(outcome(refused(error)).await, transient(error));
    }
}

#[tokio::test]
async fn a_refusal_that_stays_is_permanent_and_says_slacks_word() {
    for error in ["invalid_blocks", "channel_not_found", "not_in_channel", "invalid_auth", "is_archived", "new_in_2027"]
    {
        assert_eq!(outcome(refused(error)).await, permanent(error));
    }
    let body = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":[
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        "[ERROR] invalid: *hello* from the harbour"]}}"#;
    assert_eq!(outcome(Reply::with("200 OK", body)).await, permanent("invalid_blocks at /blocks/0/text/text"));
    assert_eq!(outcome(Reply::with("200 OK", r#"{"ok":false}"#)).await, permanent("an error without a name"));
    assert_eq!(outcome(refused("*hello* from the harbour")).await, permanent("an error without a name"));
}

#[tokio::test]
async fn other_statuses_are_permanent() {
    assert_eq!(outcome(Reply::with("404 Not Found", "<html>")).await, permanent("404 Not Found"));
    assert_eq!(outcome(Reply::with("413 Payload Too Large", "")).await, permanent("413 Payload Too Large"));
    let body = r#"{"ok":false,"error":"invalid_auth"}"#;
    assert_eq!(outcome(Reply::with("401 Unauthorized", body)).await, permanent("invalid_auth (401 Unauthorized)"));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::start(vec![]).await;
    let location = format!("302 Found\nlocation: {}", elsewhere.api_url.join("chat.postMessage"));
    assert_eq!(outcome(Reply::with(&location, "")).await, permanent("302 Found"));
    assert_eq!(elsewhere.seen().connections, 0);
}

#[tokio::test]
async fn an_answer_that_is_not_slacks_is_tried_again() {
    for body in ["<html>Sign in to the harbour's wireless network</html>", "", "{}", "[]", "true", r#"{"ok":"yes"}"#] {
        assert_eq!(
            outcome(Reply::with("200 OK", body)).await,
            transient("200 OK, but the answer is not Slack's"),
            "{body}"
        );
    }
    assert_eq!(
        outcome(Reply::with("204 No Content", "")).await,
        transient("204 No Content, but the answer is not Slack's")
    );
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = format!("HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n{}", " ".repeat(100_000));
    let reason = transient_reason(outcome(Reply::Last(endless.into())).await);
    assert_eq!(reason, "the answer could not be read: length limit exceeded");
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":";
    let reason = transient_reason(outcome(Reply::Last(cut.into())).await);
    assert!(reason.starts_with("the answer could not be read: "), "{reason}");
    let reason = transient_reason(outcome(Reply::Last(vec![])).await);
    assert!(reason.starts_with("client error (SendRequest): "), "{reason}");
    let reason = transient_reason(outcome(Reply::Last("not HTTP\r\n\r\n".into())).await);
    assert!(reason.starts_with("client error (SendRequest): "), "{reason}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let api_url = ApiUrl::parse(&format!("http://{address}/api")).unwrap();
    let reason = transient_reason(post_to(&api_url).await);
    assert!(reason.starts_with("client error (Connect): "), "{reason}");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_no_token() {
    let server = Server::start(vec![]).await;
    let api_url = ApiUrl::parse(&server.api_url.to_string().replace("http://", "https://")).unwrap();
    let short = SlackClient::new(Duration::from_millis(200), &Priming::default());
    transient_reason(short.post(&api_url, &token(), "#tides", &message(), None).await);
    assert_eq!(server.seen().requests, []);
}

#[tokio::test]
async fn a_server_that_keeps_silent_is_given_up_on() {
    let head_only = Reply::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n".into());
    for reply in [Reply::Nothing, head_only] {
        let server = Server::start(vec![reply]).await;
        let short = SlackClient::new(Duration::from_millis(100), &Priming::default());
        let outcome = short.post(&server.api_url, &token(), "#tides", &message(), None).await;
        assert_eq!(outcome, transient("no answer within 100ms"));
        assert_eq!(server.seen().requests.len(), 1);
    }
}
