//! Runs a function's code once while it initialises, when it has a whole processor: at 128 MB the first invocation has 7 %
//! of one. Nothing is written: while priming is on, [`HttpClient`](crate::http::HttpClient) answers requests itself, and logs and
//! metrics go nowhere.
//!
//! Two kinds of request leave the process. Reads go out as they are, and an unsigned `HEAD /` goes to each other host that the
//! function would have asked, so that the connection is open. What is not known to be a read is not sent.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::uri::PathAndQuery;
use http::{Request, Uri};

use crate::handler::{Boxed, Handler, Invocation};
use crate::ports::Ports;

/// Lambda allows ten seconds to initialise, and then starts anew at the share of a processor that is paid for.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The time an invocation seems to have: as much as any function's.
const INVOCATION: Duration = Duration::from_secs(30);
/// Requests that change nothing.
const READS: [&str; 3] = ["GetItem", "GetSecretValue", "Query"];

/// The operation (`GetItem`, `POST /v1/refunds`) and the body of a response with status 200.
pub type Answer = (&'static str, &'static str);

/// An event to prime a handler with.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The body of a message, or a whole event of any other source.
    pub event: &'static str,
    /// Answers for the requests of these operations, each for one; the others succeed and find nothing.
    pub answers: &'static [Answer],
}

/// Whether the function is being primed. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Priming(Arc<State>);

#[derive(Debug, Default)]
struct State {
    on: AtomicBool,
    answers: Mutex<Vec<Answer>>,
    connected: Mutex<HashSet<String>>,
}

impl Priming {
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Does `work` without any effect. That it fails or hangs is no harm.
    pub async fn rehearse(&self, answers: &[Answer], work: impl Future) {
        *self.0.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers.to_vec();
        self.0.on.store(true, Ordering::Relaxed);
        let _ = tokio::time::timeout(TIMEOUT, work).await;
        self.0.on.store(false, Ordering::Relaxed);
    }

    /// Lets the handler answer an event in JSON, from reading it to writing the response.
    pub async fn invoke<H: Handler>(&self, handler: &H, event: &str, answers: &[Answer], ports: &dyn Ports) {
        let now = ports.now();
        let invocation = Invocation { request_id: "priming".to_owned(), deadline: now + INVOCATION, xray: None };
        let invoke = async {
            let Ok(event) = serde_json::from_str(event) else { return };
            let response: Boxed<'_, _> = Box::pin(handler.handle(event, &invocation));
            if let Ok(response) = response.await {
                let _ = serde_json::to_vec(&response);
            }
        };
        self.rehearse(answers, invoke).await;
    }

    /// What is sent in place of a request, if anything, and what is answered, if not what comes back.
    pub(crate) fn stand_in(&self, request: Request<SdkBody>) -> (Option<Request<SdkBody>>, Option<String>) {
        let operation = operation(&request);
        let answer = self.take_answer(&operation);
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let is_new = self.0.connected.lock().unwrap_or_else(PoisonError::into_inner).insert(host);
        if READS.contains(&operation.as_str()) {
            return (Some(request), answer.map(ToOwned::to_owned));
        }
        let sent = if is_new { connect(request.uri()) } else { None };
        (sent, Some(answer.map_or_else(|| success(&request, &operation), ToOwned::to_owned)))
    }

    fn take_answer(&self, operation: &str) -> Option<&'static str> {
        let mut answers = self.0.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let at = answers.iter().position(|(of, _)| *of == operation)?;
        Some(answers.remove(at).1)
    }
}

/// `PutItem` of AWS's JSON protocols, `Publish` of the query protocol, or method and path.
fn operation(request: &Request<SdkBody>) -> String {
    let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
    if let Some(target) = target {
        return target.rsplit('.').next().unwrap_or_default().to_owned();
    }
    action(request).map_or_else(|| format!("{} {}", request.method(), request.uri().path()), ToOwned::to_owned)
}

fn action(request: &Request<SdkBody>) -> Option<&str> {
    let body = std::str::from_utf8(request.body().bytes()?).ok()?;
    body.strip_prefix("Action=")?.split('&').next()
}

fn success(request: &Request<SdkBody>, operation: &str) -> String {
    match action(request) {
        Some(_) => format!("<{operation}Response><{operation}Result/></{operation}Response>"),
        None => "{}".to_owned(),
    }
}

fn connect(uri: &Uri) -> Option<Request<SdkBody>> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Request::head(Uri::from_parts(parts).ok()?).body(SdkBody::empty()).ok()
}
