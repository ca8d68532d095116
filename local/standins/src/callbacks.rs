//! A stand-in for the receiver of callbacks: it verifies, remembers, and answers as programmed.
//!
//! `PUT /_standin/callbacks/{name}` sets the secrets of one receiver, whose address is `/callbacks/{name}`.
//! `GET /_standin/callbacks` lists what came. `POST /_standin/callbacks/fail` programs answers until `DELETE` of the same:
//!
//! ```json
//! {"name": "demo", "times": 2, "status": 429, "retry_after": 1}
//! {"name": "demo", "status": 410}
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate_webhooks::Source;

use crate::clock;

/// A callback that came, accepted or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Callback {
    /// When, in RFC 3339.
    pub received_at: String,
    /// The receiver it is for.
    pub name: String,
    /// `webhook-id`.
    pub id: Option<String>,
    /// Whether the signature is good.
    pub verified: bool,
    /// Whether an accepted one of the same id came before.
    pub repeated: bool,
    /// The status of the answer.
    pub status: u16,
    /// The body; null where the signature is not good.
    pub body: Value,
}

impl Callback {
    /// Whether its sender counts it as delivered.
    pub fn is_accepted(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// An answer that is programmed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackFault {
    /// The receiver it concerns; every one when missing.
    #[serde(default)]
    pub name: Option<String>,
    /// How often it happens; until it is cleared when missing.
    #[serde(default)]
    pub times: Option<u32>,
    /// The status of the answer; 500 when missing.
    #[serde(default)]
    pub status: Option<u16>,
    /// `Retry-After` in seconds.
    #[serde(default)]
    pub retry_after: Option<u32>,
}

/// What came, for each receiver. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callbacks {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    receivers: HashMap<String, Source>,
    received: Vec<Callback>,
    faults: Vec<CallbackFault>,
    record: Option<File>,
}

/// The secrets of one receiver.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Secrets {
    secrets: Vec<String>,
}

impl Callbacks {
    /// Appends each callback that comes to `record` too.
    pub(crate) fn new(record: Option<File>) -> Self {
        Self { shared: Arc::new(Mutex::new(Shared { record, ..Shared::default() })) }
    }

    pub(crate) fn received(&self) -> Vec<Callback> {
        self.lock().received.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic while the lock was held left complete values: every change is one push.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn router(callbacks: Callbacks) -> Router {
    Router::new()
        .route("/callbacks/{name}", post(receive))
        .route("/_standin/callbacks", get(received))
        .route("/_standin/callbacks/fail", post(add_fault).get(faults).delete(clear_faults))
        .route("/_standin/callbacks/{name}", put(set_secrets))
        .with_state(callbacks)
}

async fn set_secrets(
    State(callbacks): State<Callbacks>,
    Path(name): Path<String>,
    Json(secrets): Json<Secrets>,
) -> Response {
    let document = json!({"scheme": "standard-webhooks", "secrets": secrets.secrets}).to_string();
    match Source::from_json(document.as_bytes()) {
        Ok(source) => {
            callbacks.lock().receivers.insert(name, source);
            Json(json!({"ok": true})).into_response()
        }
        Err(error) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({"ok": false, "error": error.to_string()}))).into_response()
        }
    }
}

async fn received(State(callbacks): State<Callbacks>) -> Response {
    Json(callbacks.received()).into_response()
}

async fn faults(State(callbacks): State<Callbacks>) -> Response {
    Json(callbacks.lock().faults.clone()).into_response()
}

async fn add_fault(State(callbacks): State<Callbacks>, Json(fault): Json<CallbackFault>) -> Response {
    if fault.times != Some(0) {
        callbacks.lock().faults.push(fault);
    }
    Json(json!({"ok": true})).into_response()
}

async fn clear_faults(State(callbacks): State<Callbacks>) -> Response {
    callbacks.lock().faults.clear();
    Json(json!({"ok": true})).into_response()
}

async fn receive(
    State(callbacks): State<Callbacks>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut shared = callbacks.lock();
    let id = headers.get("webhook-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let fault = shared.fault(&name);
    let verdict = shared.receivers.get(&name).map(|source| source.verify(&headers, &body, clock::epoch_secs()).is_ok());
    let status = match (verdict, &fault) {
        (None, _) => StatusCode::NOT_FOUND,
        (Some(false), _) => StatusCode::UNAUTHORIZED,
        (Some(true), Some(fault)) => {
            StatusCode::from_u16(fault.status.unwrap_or(500)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
        (Some(true), None) => StatusCode::NO_CONTENT,
    };
    let verified = verdict == Some(true);
    let is_first = |before: &Callback| before.is_accepted() && before.name == name && before.id == id;
    let callback = Callback {
        received_at: clock::timestamp().to_string(),
        repeated: shared.received.iter().any(is_first),
        verified,
        status: status.as_u16(),
        body: Some(&body).filter(|_| verified).and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default(),
        name,
        id,
    };
    shared.push(callback);
    let mut response = status.into_response();
    if let Some(secs) = fault.filter(|_| verified).and_then(|fault| fault.retry_after) {
        response.headers_mut().insert(header::RETRY_AFTER, secs.into());
    }
    response
}

impl Shared {
    /// The fault for a callback to this receiver; takes one from its `times`.
    fn fault(&mut self, name: &str) -> Option<CallbackFault> {
        let index = self.faults.iter().position(|fault| fault.name.as_deref().is_none_or(|own| own == name))?;
        let fault = self.faults[index].clone();
        match &mut self.faults[index].times {
            Some(1) => drop(self.faults.remove(index)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }

    fn push(&mut self, callback: Callback) {
        if let Some(file) = &mut self.record
            && let Ok(mut line) = serde_json::to_vec(&callback)
        {
            line.push(b'\n');
            // The record is a convenience; the memory is what answers.
            let _ = file.write_all(&line);
        }
        self.received.push(callback);
    }
}
