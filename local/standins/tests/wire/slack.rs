//! Slack: tokens, limits and programmed faults.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};
use tidegate_standins::http_client::{HttpClient, Response};
use tidegate_standins::{Attempt, Message, Options, Standin};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(5);

struct Slack {
    url: String,
    client: HttpClient,
    standin: Standin,
}

impl Slack {
    async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let standin = Standin::new(options).unwrap();
        tokio::spawn(standin.clone().serve(listener));
        Self { url, client: HttpClient::new(), standin }
    }

    async fn call(&self, method: Method, path: &str, token: Option<&str>, body: impl Into<Bytes>) -> Response {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        self.client.send(request.body(body.into()).unwrap(), LIMIT).await.unwrap()
    }

    async fn post(&self, body: Value) -> (u16, Value) {
        let answer =
            self.call(Method::POST, "/api/chat.postMessage", Some(Options::LOCAL_TOKEN), body.to_string()).await;
        (answer.status.as_u16(), answer.json().unwrap())
    }

    async fn fail(&self, fault: Value) {
        let answer = self.call(Method::POST, "/_standin/fail", None, fault.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn to(channel: &str) -> Value {
    json!({"channel": channel, "text": "High water at noon"})
}

#[tokio::test]
async fn an_accepted_message_is_answered_listed_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("slack.jsonl");
    let slack = Slack::start(Options { record: Some(record.clone()), ..Options::default() }).await;
    let (status, answer) = slack.post(to("#deploys")).await;
    assert_eq!((status, &answer["ok"], &answer["channel"]), (200, &json!(true), &json!("#deploys")));
    slack.post(to("#deploys")).await;

    let listed: Vec<Message> =
        serde_json::from_slice(&slack.call(Method::GET, "/_standin/messages", None, "").await.body).unwrap();
    assert_eq!(listed, slack.standin.messages());
    assert_eq!(listed[0].ts, answer["ts"].as_str().unwrap());
    assert_ne!(listed[0].ts, listed[1].ts);
    let lines = std::fs::read_to_string(record).unwrap();
    let recorded: Vec<Message> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(recorded, listed);
}

#[tokio::test]
async fn who_has_no_token_or_a_wrong_one_is_answered_so() {
    let slack = Slack::start(Options::default()).await;
    for (token, expected) in [(None, "not_authed"), (Some("xoxb-wrong"), "invalid_auth")] {
        let answer = slack.call(Method::POST, "/api/chat.postMessage", token, to("#deploys").to_string()).await;
        assert_eq!((answer.status.as_u16(), &answer.json().unwrap()["error"]), (200, &json!(expected)));
    }
    assert!(slack.standin.messages().is_empty());
}

#[tokio::test]
async fn what_slack_would_not_show_is_refused_with_slacks_word() {
    let slack = Slack::start(Options::default()).await;
    let too_long = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(3_001)}}]);
    for (body, expected) in [
        (json!({"text": "no channel"}), "channel_not_found"),
        (json!({"channel": "#deploys"}), "no_text"),
        (json!({"channel": "#deploys", "text": "x".repeat(40_001)}), "msg_too_long"),
        (json!({"channel": "#deploys", "text": "x", "blocks": too_long}), "invalid_blocks"),
        (json!(["not an object"]), "invalid_json"),
    ] {
        let (status, answer) = slack.post(body).await;
        assert_eq!((status, &answer["ok"], &answer["error"]), (200, &json!(false), &json!(expected)));
    }
    assert!(slack.standin.messages().is_empty());
}

#[tokio::test]
async fn a_programmed_fault_happens_as_often_as_it_was_asked_to() {
    let slack = Slack::start(Options::default()).await;
    slack.fail(json!({"channel": "#x", "times": 2, "status": 429, "retry_after": 3})).await;
    for _ in 0..2 {
        let answer =
            slack.call(Method::POST, "/api/chat.postMessage", Some(Options::LOCAL_TOKEN), to("#x").to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.headers["retry-after"].to_str().unwrap()), (429, "3"));
        assert_eq!(answer.json().unwrap()["error"], "ratelimited");
    }
    assert_eq!(slack.post(to("#x")).await.0, 200);
    assert_eq!(slack.standin.messages().len(), 1);
}

#[tokio::test]
async fn a_lasting_fault_is_mended_by_delete_and_every_attempt_is_remembered() {
    let slack = Slack::start(Options::default()).await;
    slack.fail(json!({"error": "channel_not_found"})).await;
    for _ in 0..3 {
        assert_eq!(slack.post(to("#x")).await.1["error"], "channel_not_found");
    }
    slack.call(Method::DELETE, "/_standin/fail", None, "").await;
    assert_eq!(slack.post(to("#x")).await.1["ok"], true);
    let attempts: Vec<Attempt> =
        serde_json::from_slice(&slack.call(Method::GET, "/_standin/attempts", None, "").await.body).unwrap();
    let errors: Vec<_> = attempts.iter().map(|attempt| attempt.error.as_deref()).collect();
    assert_eq!(errors, [Some("channel_not_found"), Some("channel_not_found"), Some("channel_not_found"), None]);
}

#[tokio::test]
async fn a_misspelt_fault_is_refused_instead_of_doing_nothing() {
    let slack = Slack::start(Options::default()).await;
    let answer = slack.call(Method::POST, "/_standin/fail", None, r##"{"chanel": "#x"}"##).await;
    assert_eq!(answer.status.as_u16(), 422);
}

#[tokio::test]
async fn a_second_message_within_the_interval_has_to_wait_and_another_channel_is_not() {
    let slack = Slack::start(Options { interval: Some(Duration::from_secs(60)), ..Options::default() }).await;
    assert_eq!(slack.post(to("#a")).await.0, 200);
    let again =
        slack.call(Method::POST, "/api/chat.postMessage", Some(Options::LOCAL_TOKEN), to("#a").to_string()).await;
    assert_eq!(again.status.as_u16(), 429);
    let wait: u64 = again.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    assert_eq!(slack.post(to("#b")).await.0, 200);
}
