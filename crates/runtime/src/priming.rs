//! Runs a function's code once while it initialises, when it has a whole processor: at 128 MB the first invocation has 7 %
//! of one. Nothing is written: while priming is on, [`HttpClient`](crate::http::HttpClient) answers requests itself, and logs and
//! metrics go nowhere.
//!
//! Two kinds of request leave the process. Reads go out as they are, and an unsigned `HEAD /` goes to each other host that the
//! function would have asked, so that the connection is open. What is not known to be a read is not sent.

use std::collections::HashSet;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::uri::PathAndQuery;
use http::{Request, Uri};
use serde_json::{Value, json};

/// Lambda allows ten seconds to initialise, and then starts anew at the share of a processor that is paid for.
const TIMEOUT: Duration = Duration::from_secs(2);
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
    /// What was put: table and item. A function reads what it has written.
    put: Mutex<Vec<(Value, Value)>>,
    connected: Mutex<HashSet<String>>,
}

impl Priming {
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Does `work` without any effect. That it fails, panics or hangs is no harm: the function starts all the same.
    pub async fn rehearse(&self, answers: &[Answer], work: impl Future) {
        *lock(&self.0.answers) = answers.to_vec();
        lock(&self.0.put).clear();
        self.0.on.store(true, Ordering::Relaxed);
        let mut work = pin!(work);
        let unwound = poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
            polled.map_or(Poll::Ready(()), |polled| polled.map(drop))
        });
        let _ = tokio::time::timeout(TIMEOUT, unwound).await;
        self.0.on.store(false, Ordering::Relaxed);
    }

    /// What is sent in place of a request, if anything, and what is answered, if not what comes back.
    pub(crate) fn stand_in(&self, request: Request<SdkBody>) -> (Option<Request<SdkBody>>, Option<String>) {
        let operation = operation(&request);
        let answer = self.take_answer(&operation).map(ToOwned::to_owned).or_else(|| self.item(&request, &operation));
        let host = request.uri().authority().map(ToString::to_string).unwrap_or_default();
        let is_new = lock(&self.0.connected).insert(host);
        if READS.contains(&operation.as_str()) {
            return (Some(request), answer);
        }
        let sent = if is_new { connect(request.uri()) } else { None };
        (sent, Some(answer.unwrap_or_else(|| success(&request, &operation))))
    }

    /// Keeps the item that is put, finds the one that is asked for.
    fn item(&self, request: &Request<SdkBody>, operation: &str) -> Option<String> {
        let mut asked = match operation {
            "PutItem" | "GetItem" => serde_json::from_slice::<Value>(request.body().bytes()?).ok()?,
            _ => return None,
        };
        let (table, mut put) = (asked["TableName"].take(), lock(&self.0.put));
        if operation == "PutItem" {
            put.push((table, asked["Item"].take()));
            return None;
        }
        let key = asked["Key"].as_object()?;
        let is_asked =
            |(of, item): &&(Value, Value)| *of == table && key.iter().all(|(name, part)| item[name] == *part);
        put.iter().rev().find(is_asked).map(|(_, item)| json!({ "Item": item }).to_string())
    }

    fn take_answer(&self, operation: &str) -> Option<&'static str> {
        let mut answers = lock(&self.0.answers);
        let at = answers.iter().position(|(of, _)| *of == operation)?;
        Some(answers.remove(at).1)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_rehearsal_that_panics_or_hangs_ends_and_leaves_priming_off() {
        let priming = Priming::default();
        let seen = AtomicBool::default();
        priming
            .rehearse(&[], async {
                seen.store(priming.is_on(), Ordering::Relaxed);
                panic!("made up");
            })
            .await;
        assert!(seen.load(Ordering::Relaxed) && !priming.is_on());
        priming.rehearse(&[], std::future::pending::<()>()).await;
        assert!(!priming.is_on());
    }
}
