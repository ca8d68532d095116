//! A local Lambda Runtime API, which real `bootstrap` binaries run against: for measurements and for crash tests.
//!
//! [`LambdaApi`] is one execution environment, as on Lambda: one process at a time takes its work from it, and after that
//! process died the next may be started on it. [`Function`] is such a process. [`FaultProxy`] stands between a function and
//! its AWS endpoint, counts the calls and breaks, holds or kills at a chosen one.
//!
//! ```no_run
//! # async fn example(bootstrap: &std::path::Path, emulator: &str) -> anyhow::Result<()> {
//! use std::time::Duration;
//! use tidegate_testkit::lambda_api::{Action, Fault, FaultProxy, Function, LambdaApi, Outcome, When};
//!
//! let api = LambdaApi::start().await?;
//! let proxy = FaultProxy::start(emulator).await?;
//! let function = Function::spawn(&api, bootstrap, &[("AWS_ENDPOINT_URL", proxy.endpoint())])?;
//! function.ready().await?;
//!
//! // The event is published, and the process dies before it hears of it.
//! let killer = function.killer();
//! proxy.inject(Fault::new("Publish", When::AfterForward, Action::kill(move || killer.kill())));
//! let outcome = function.invoke(serde_json::json!({}), Duration::from_secs(10)).await;
//! assert!(matches!(outcome, Outcome::Crashed(_)));
//! assert_eq!(proxy.count("Publish"), 1);
//! # Ok(())
//! # }
//! ```
//!
//! Source of the protocol: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>.

mod fault_proxy;
mod function;
mod process;
mod server;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{Method, Request, Response};
use serde_json::Value;
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot, watch};

pub use fault_proxy::{Action, Call, Fault, FaultProxy, Hold, When, operation_of};
pub use function::{Function, Killer, Outcome, Payload, Started};
pub use server::{Answer, Server};

const PREFIX: &str = "/2018-06-01/runtime/";

/// One execution environment: serves the Runtime API to one function process at a time, on a port of its own.
#[derive(Debug)]
pub struct LambdaApi {
    server: Server,
    current: Arc<Mutex<Option<Arc<Session>>>>,
}

impl LambdaApi {
    /// Starts the server on 127.0.0.1 and a free port. It ends when it is dropped.
    pub async fn start() -> anyhow::Result<Self> {
        let current: Arc<Mutex<Option<Arc<Session>>>> = Arc::default();
        let sessions = Arc::clone(&current);
        let server = Server::start(move |request| {
            let session = lock(&sessions).clone();
            async move {
                match session {
                    Some(session) => session.answer(request).await,
                    None => Answer::new(403, "no function was started on this execution environment"),
                }
            }
        })
        .await?;
        Ok(Self { server, current })
    }

    /// What a function is given as `AWS_LAMBDA_RUNTIME_API`: host and port.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.address().to_string()
    }

    /// Takes the environment for the process that `spawn` starts. Requests wait meanwhile, so the first one finds its session.
    fn occupy<T>(
        &self,
        spawn: impl FnOnce() -> anyhow::Result<(T, Arc<Session>)>,
    ) -> anyhow::Result<(T, Arc<Session>)> {
        let mut current = lock(&self.current);
        if current.as_ref().is_some_and(|session| !session.ended.load(Ordering::Acquire)) {
            anyhow::bail!(
                "a function runs on this execution environment already; start another LambdaApi for a second one"
            );
        }
        let (process, session) = spawn()?;
        *current = Some(Arc::clone(&session));
        Ok((process, session))
    }
}

/// How far a process has come.
#[derive(Debug, Clone)]
enum Stage {
    Initialising,
    Ready(Started),
    InitFailed(Value),
}

/// The life of one process on the environment.
#[derive(Debug)]
struct Session {
    pid: u32,
    spawned: Instant,
    ended: AtomicBool,
    stage: watch::Sender<Stage>,
    waiting: mpsc::UnboundedSender<Invocation>,
    work: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    in_flight: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    invocations: AtomicU64,
}

#[derive(Debug)]
struct Invocation {
    payload: Bytes,
    timeout: Duration,
    outcome: oneshot::Sender<Outcome>,
}

impl Session {
    fn new(pid: u32, spawned: Instant) -> Self {
        let (waiting, work) = mpsc::unbounded_channel();
        Self {
            pid,
            spawned,
            ended: AtomicBool::new(false),
            stage: watch::Sender::new(Stage::Initialising),
            waiting,
            work: AsyncMutex::new(work),
            in_flight: Mutex::default(),
            invocations: AtomicU64::new(0),
        }
    }

    async fn answer(&self, request: Request<Bytes>) -> Answer {
        let (head, body) = request.into_parts();
        let Some(path) = head.uri.path().strip_prefix(PREFIX) else {
            return Answer::new(404, "not a path of the Runtime API 2018-06-01");
        };
        let steps: Vec<&str> = path.split('/').collect();
        match (&head.method, steps.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.finish(id, Outcome::Response(body)),
            (&Method::POST, ["invocation", id, "error"]) => self.finish(id, Outcome::Error(error_document(&body))),
            (&Method::POST, ["init", "error"]) => {
                self.stage.send_replace(Stage::InitFailed(error_document(&body)));
                Answer::new(202, "")
            }
            _ => Answer::new(404, "not a request of the Runtime API"),
        }
    }

    async fn next(&self) -> Answer {
        self.note_ready();
        let Some(invocation) = self.work.lock().await.recv().await else {
            return Answer::new(500, "the session has ended");
        };
        let number = self.invocations.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012x}");
        lock(&self.in_flight).insert(id.clone(), invocation.outcome);
        let deadline = since_epoch() + invocation.timeout;
        let response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &id)
            .header("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string())
            .header(
                "Lambda-Runtime-Invoked-Function-Arn",
                "arn:aws:lambda:us-east-1:000000000000:function:function-under-test",
            )
            .header(
                "Lambda-Runtime-Trace-Id",
                format!("Root=1-5759e988-{number:024x};Parent=53995c3f42cd8ad8;Sampled=1"),
            )
            .body(invocation.payload);
        response.map_or_else(|error| Answer::new(500, error.to_string()), Answer::Reply)
    }

    /// The first request for work is what ends initialisation.
    fn note_ready(&self) {
        let elapsed = self.spawned.elapsed();
        let cpu = process::cpu(self.pid).unwrap_or_default();
        self.stage.send_if_modified(|stage| {
            let first = matches!(stage, Stage::Initialising);
            if first {
                *stage = Stage::Ready(Started { elapsed, cpu });
            }
            first
        });
    }

    fn finish(&self, id: &str, outcome: Outcome) -> Answer {
        match lock(&self.in_flight).remove(id) {
            Some(waiter) => {
                // A caller that gave up waiting is no concern of the function's.
                let _ = waiter.send(outcome);
                Answer::new(202, "")
            }
            None => Answer::new(400, "no such invocation, or it was answered before"),
        }
    }
}

/// The error object that a runtime posts, or what it posted instead of one.
fn error_document(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body)))
}

/// This is the outside of the functions, whose service says what time it is.
#[expect(clippy::disallowed_methods, reason = "the Runtime API states deadlines in wall-clock time")]
fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A test that panicked elsewhere must not hide its message behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
