//! `chat.postMessage` as Slack answers it, and what a test asks and programs.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::blocks;
use super::faults::Fault;
use super::memory::{Attempt, Slack};
use crate::clock;

/// Longer texts are refused by Slack.
const MAX_TEXT: usize = 40_000;

pub(crate) fn router(slack: Slack) -> Router {
    Router::new()
        .route("/api/chat.postMessage", post(post_message))
        .route("/_standin/messages", get(messages))
        .route("/_standin/attempts", get(attempts))
        .route("/_standin/fail", get(faults).post(add_fault).delete(clear_faults))
        .with_state(slack)
}

async fn messages(State(slack): State<Slack>) -> Response {
    Json(slack.lock().messages.clone()).into_response()
}

async fn attempts(State(slack): State<Slack>) -> Response {
    Json(slack.lock().attempts.clone()).into_response()
}

async fn faults(State(slack): State<Slack>) -> Response {
    Json(slack.lock().faults.list().to_vec()).into_response()
}

async fn add_fault(State(slack): State<Slack>, Json(fault): Json<Fault>) -> Response {
    slack.lock().faults.add(fault);
    Json(json!({"ok": true})).into_response()
}

async fn clear_faults(State(slack): State<Slack>) -> Response {
    slack.lock().faults.clear();
    Json(json!({"ok": true})).into_response()
}

async fn post_message(State(slack): State<Slack>, headers: HeaderMap, body: Bytes) -> Response {
    let request: Option<Value> = serde_json::from_slice(&body).ok();
    let channel = request.as_ref().and_then(|request| request["channel"].as_str()).map(str::to_owned);
    let outcome = decide(&slack, &headers, channel.as_deref(), request);
    let (status, error) = match &outcome {
        Outcome::Accepted(_) => (StatusCode::OK, None),
        Outcome::Refused { status, error, .. } => (*status, Some(error.clone())),
    };
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let at_millis = clock::epoch_millis();
    slack.lock().attempts.push(Attempt { at_millis, channel, status: status.as_u16(), error, traceparent });
    outcome.into_response()
}

/// In Slack's order: the token, the request, its content, and only then the rate.
fn decide(slack: &Slack, headers: &HeaderMap, channel: Option<&str>, request: Option<Value>) -> Outcome {
    match bearer(headers) {
        None => return refused("not_authed"),
        Some(token) if token != slack.token => return refused("invalid_auth"),
        Some(_) => {}
    }
    if !is_json(headers) {
        return refused("invalid_post_type");
    }
    let Some(request) = request.filter(Value::is_object) else { return refused("invalid_json") };
    let Some(channel) = channel.filter(|channel| !channel.is_empty()) else { return refused("channel_not_found") };
    let mut shared = slack.lock();
    if let Some(fault) = shared.faults.next(channel) {
        return Outcome::Refused {
            status: StatusCode::from_u16(fault.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            error: fault.word(),
            retry_after: fault.retry_after,
            detail: None,
        };
    }
    if let Err(detail) = request.get("blocks").map_or(Ok(()), blocks::check) {
        return Outcome::Refused {
            status: StatusCode::OK,
            error: "invalid_blocks".to_owned(),
            retry_after: None,
            detail: Some(detail),
        };
    }
    let text = request["text"].as_str().unwrap_or_default();
    if text.is_empty() && request["blocks"].as_array().is_none_or(Vec::is_empty) {
        return refused("no_text");
    }
    if text.chars().count() > MAX_TEXT {
        return refused("msg_too_long");
    }
    if let Some(wait) = slack.interval.and_then(|interval| shared.wait(channel, interval)) {
        let secs = u32::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(1).max(1);
        return Outcome::Refused {
            status: StatusCode::TOO_MANY_REQUESTS,
            error: "ratelimited".to_owned(),
            retry_after: Some(secs),
            detail: None,
        };
    }
    let message = shared.accept(channel, request);
    Outcome::Accepted(json!({
        "ok": true,
        "channel": message.channel,
        "ts": message.ts,
        "message": {"type": "message", "subtype": "bot_message", "ts": message.ts, "text": message.text, "blocks": message.blocks},
    }))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    content_type.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

enum Outcome {
    Accepted(Value),
    Refused { status: StatusCode, error: String, retry_after: Option<u32>, detail: Option<String> },
}

fn refused(error: &str) -> Outcome {
    Outcome::Refused { status: StatusCode::OK, error: error.to_owned(), retry_after: None, detail: None }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        match self {
            Self::Accepted(body) => Json(body).into_response(),
            Self::Refused { status, error, retry_after, detail } => {
                let mut body = json!({"ok": false, "error": error});
                if let Some(detail) = detail {
                    body["response_metadata"] = json!({"messages": [format!("[ERROR] {detail}")]});
                }
                let mut response = (status, Json(body)).into_response();
                if let Some(secs) = retry_after {
                    response.headers_mut().insert(header::RETRY_AFTER, secs.into());
                }
                response
            }
        }
    }
}
