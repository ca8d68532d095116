//! A stand-in for Stripe: localstripe behind a proxy that honours `Idempotency-Key` as Stripe does, and fails as programmed.
//!
//! `PUT /_standin/stripe` sets the address of localstripe. `POST /_standin/stripe/fail` programs faults until `DELETE` of the same:
//!
//! ```json
//! {"path": "/v1/payment_intents", "times": 2, "status": 429, "retry_after": 1}
//! {"path": "/v1/payment_intents/*/capture", "act": "lose", "times": 1}
//! {"contains": "ord_1", "act": "hold"}
//! ```
//!
//! `DELETE /_standin/stripe/fail?contains=ord_1` clears only the faults that look for this text.
//!
//! `GET /_standin/stripe/requests` lists the requests without their bodies.

mod answer;
mod faults;
mod keys;
mod upstream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use answer::StripeAnswer;
use faults::StripeFaults;
pub use faults::{Act, StripeFault};
use keys::{Keys, Outcome, Parameters};
use upstream::Upstream;

use crate::clock;
use crate::http_client::HttpClient;

/// Longer than any sender waits.
const LONGEST_HOLD: Duration = Duration::from_secs(3_600);

/// What the proxy remembers. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stripe {
    client: HttpClient,
    shared: Arc<Mutex<Shared>>,
    faults_cleared: Arc<Notify>,
    /// `upstream` looks before it acts, so requests that change something go one at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    upstream: Option<String>,
    keys: Keys,
    faults: StripeFaults,
    requests: Vec<StripeRequest>,
    /// The body that made a payment, by the payment's id, so that a fault also meets later requests about it.
    made: HashMap<String, String>,
}

/// A request for Stripe, however it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeRequest {
    /// When it was answered, in milliseconds since the epoch.
    pub at_millis: i64,
    /// GET or POST.
    pub method: String,
    /// The path, from `/v1` on.
    pub path: String,
    /// Its `Idempotency-Key`.
    pub key: Option<String>,
    /// The status of the answer; nothing where the answer was lost.
    pub status: Option<u16>,
    /// Whether it was answered from memory.
    pub replayed: bool,
}

pub(crate) fn router(stripe: Stripe) -> Router {
    Router::new()
        .route("/stripe/{*path}", any(proxy))
        .route("/_standin/stripe", put(set_upstream))
        .route("/_standin/stripe/requests", get(requests))
        .route("/_standin/stripe/fail", post(add_fault).get(list_faults).delete(clear_faults))
        .with_state(stripe)
}

/// The address of localstripe. One that has moved has lost its memory, so the keys that it answered are forgotten here too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamAddress {
    upstream: String,
}

async fn set_upstream(State(stripe): State<Stripe>, Json(address): Json<UpstreamAddress>) -> Response {
    let mut shared = stripe.lock();
    if shared.upstream.as_ref() != Some(&address.upstream) {
        shared.keys.clear();
        shared.upstream = Some(address.upstream);
    }
    Json(json!({"ok": true})).into_response()
}

async fn requests(State(stripe): State<Stripe>) -> Response {
    Json(stripe.lock().requests.clone()).into_response()
}

async fn list_faults(State(stripe): State<Stripe>) -> Response {
    Json(stripe.lock().faults.list()).into_response()
}

async fn add_fault(State(stripe): State<Stripe>, Json(fault): Json<StripeFault>) -> Response {
    stripe.lock().faults.add(fault);
    Json(json!({"ok": true})).into_response()
}

async fn clear_faults(State(stripe): State<Stripe>, uri: Uri) -> Response {
    stripe.lock().faults.clear(uri.query().and_then(|query| query.strip_prefix("contains=")));
    stripe.faults_cleared.notify_waiters();
    Json(json!({"ok": true})).into_response()
}

async fn proxy(
    State(stripe): State<Stripe>,
    Path(path): Path<String>,
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let call = Call {
        // Only what changes something has a key.
        key: text("idempotency-key").filter(|_| method == Method::POST),
        authorization: headers
            .get(header::AUTHORIZATION)
            .map(|it| (header::AUTHORIZATION, it.clone()))
            .into_iter()
            .collect(),
        path: format!("/{path}"),
        query: uri.query().unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        method,
    };
    let outcome = stripe.answer(&call).await;
    stripe.lock().requests.push(StripeRequest {
        at_millis: clock::epoch_millis(),
        method: call.method.to_string(),
        path: call.path,
        key: call.key,
        status: outcome.as_ref().map(|answer| answer.status),
        replayed: outcome.as_ref().is_some_and(StripeAnswer::is_replayed),
    });
    outcome.map_or_else(broken_off, IntoResponse::into_response)
}

/// The connection ends in the middle of the answer.
fn broken_off() -> Response {
    let cut = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("the answer is lost")) });
    let mut response = Response::new(Body::from_stream(cut));
    *response.status_mut() = StatusCode::OK;
    response
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Call {
    method: Method,
    path: String,
    query: String,
    body: String,
    key: Option<String>,
    authorization: HeaderMap,
}

impl Stripe {
    /// The answer; nothing where it is to be lost.
    async fn answer(&self, call: &Call) -> Option<StripeAnswer> {
        let fault = self.lock().fault(call);
        let refusal = fault.as_ref().filter(|(_, fault)| fault.act == Act::Refuse).map(|(_, fault)| refusal(fault));
        // Stripe limits the rate before it looks at a key.
        if let Some(refusal) = refusal.as_ref().filter(|refusal| !refusal.is_kept()) {
            return Some(refusal.clone());
        }
        let mut under_way = None;
        if let Some(key) = &call.key {
            let outcome = self.lock().keys.begin(key, Parameters::new(&call.path, &call.body));
            match outcome {
                Outcome::Answered(answer) => return Some(answer),
                Outcome::First => under_way = Some(UnderWay { stripe: self.clone(), key: key.clone(), answer: None }),
            }
        }
        if let Some(refusal) = refusal {
            return Some(ended(under_way, refusal));
        }
        if let Some((number, fault)) = fault.as_ref().filter(|(_, fault)| fault.act == Act::Hold) {
            self.hold(*number, fault.millis).await;
        }
        // From here on the request is carried out, even if its sender hangs up.
        let (stripe, task) = (self.clone(), call.clone());
        let done = tokio::spawn(async move { ended(under_way, stripe.carry_out(&task).await) }).await;
        let answer = done.unwrap_or_else(|_| StripeAnswer::error(500, "api_error", None, "The stand-in failed."));
        if fault.is_some_and(|(_, fault)| fault.act == Act::Lose) { None } else { Some(answer) }
    }

    async fn hold(&self, number: u64, millis: Option<u64>) {
        let until = Instant::now() + millis.map_or(LONGEST_HOLD, Duration::from_millis);
        loop {
            let cleared = self.faults_cleared.notified();
            if !self.lock().faults.is_held(number) || timeout_at(until, cleared).await.is_err() {
                return;
            }
        }
    }

    async fn carry_out(&self, call: &Call) -> StripeAnswer {
        let Some(url) = self.lock().upstream.clone() else {
            return StripeAnswer::error(503, "api_error", None, "The stand-in has no address of localstripe.");
        };
        let upstream = Upstream { client: self.client.clone(), url, authorization: call.authorization.clone() };
        let turn = if call.method == Method::GET { None } else { Some(self.turn.lock().await) };
        let outcome = upstream.carry_out(&call.method, &call.path, &call.query, &call.body).await;
        drop(turn);
        if let Ok(answer) = &outcome
            && call.makes_a_payment()
            && let Some(id) = answer.body["id"].as_str()
        {
            self.lock().made.insert(id.to_owned(), call.body.clone());
        }
        outcome.unwrap_or_else(|error| StripeAnswer::error(502, "api_error", None, &format!("localstripe: {error:#}")))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic while the lock was held left complete values: every change is one call.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn fault(&mut self, call: &Call) -> Option<(u64, StripeFault)> {
        let made = call.path.split('/').find_map(|part| self.made.get(part)).map_or("", String::as_str);
        self.faults.next(&call.path, &[&call.body, call.key.as_deref().unwrap_or_default(), made])
    }
}

impl Call {
    fn makes_a_payment(&self) -> bool {
        self.method == Method::POST && self.path == "/v1/payment_intents"
    }
}

fn refusal(fault: &StripeFault) -> StripeAnswer {
    let status = fault.status();
    let (kind, code) = if status == 429 { ("invalid_request_error", Some("rate_limit")) } else { ("api_error", None) };
    let mut answer = StripeAnswer::error(status, kind, code, "This was programmed.");
    answer.retry_after = fault.retry_after;
    answer
}

fn ended(under_way: Option<UnderWay>, answer: StripeAnswer) -> StripeAnswer {
    if let Some(mut under_way) = under_way {
        under_way.answer = Some(answer.clone());
    }
    answer
}

/// A request that holds its key until it is answered. When it is dropped before, the key is as it was.
#[derive(Debug)]
struct UnderWay {
    stripe: Stripe,
    key: String,
    answer: Option<StripeAnswer>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.stripe.lock().keys.end(&self.key, self.answer.as_ref());
    }
}
