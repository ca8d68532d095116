//! An answer of Stripe.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

/// Status and body, with the headers that Stripe's clients look at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StripeAnswer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) retry_after: Option<u32>,
    request_id: String,
    replayed: bool,
}

impl StripeAnswer {
    pub(super) fn new(status: u16, body: Value) -> Self {
        let request_id = format!("req_{}", &Uuid::new_v4().simple().to_string()[..14]);
        Self { status, body, retry_after: None, request_id, replayed: false }
    }

    pub(super) fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        let mut error = json!({"type": kind, "message": message});
        if let Some(code) = code {
            error["code"] = code.into();
        }
        Self::new(status, json!({"error": error}))
    }

    /// The same answer, for a repeat with the same key.
    pub(super) fn replayed(self) -> Self {
        Self { replayed: true, ..self }
    }

    pub(super) fn is_replayed(&self) -> bool {
        self.replayed
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether repeats with the same key get it too: not where nothing was carried out (wrong parameters, a key in use, the rate).
    pub(super) fn is_kept(&self) -> bool {
        let state_forbade_it = self.status == 400 && self.body["error"]["code"].is_string();
        self.is_success() || self.status == 402 || self.status >= 500 || state_forbade_it
    }
}

impl IntoResponse for StripeAnswer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Body::from(self.body.to_string())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert("request-id", id);
        }
        if self.replayed {
            headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        if let Some(secs) = self.retry_after {
            headers.insert(header::RETRY_AFTER, secs.into());
        }
        response
    }
}
