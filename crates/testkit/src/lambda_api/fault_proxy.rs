//! A proxy between a function and its AWS endpoint that counts the calls and fails at a chosen one.

use std::collections::VecDeque;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Semaphore, watch};

use super::lock;
use super::server::{Answer, Server};

/// One AWS call that passed through, whether or not it was answered.
#[derive(Debug, Clone)]
pub struct Call {
    /// The operation's name, for instance `UpdateItem`, `GetSecretValue`, `Publish` or `PutObject`. A call that does not name one
    /// (S3 does not for `HEAD`) has its method and path instead: `HEAD /bucket`.
    pub operation: String,
    pub method: Method,
    /// The request's path and query.
    pub path: String,
    pub body: Bytes,
}

/// On which side of AWS's doing a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// AWS never sees the call.
    BeforeForward,
    /// AWS has done what was asked, and the function does not hear of it.
    AfterForward,
}

/// What a fault does in place of the answer.
#[derive(Clone)]
pub enum Action {
    /// Calls this, which kills the process, and never answers.
    Kill(Arc<dyn Fn() + Send + Sync>),
    /// Answers with this status and no body.
    Status(u16),
    /// Answers 200 with this body.
    Answer(Bytes),
    /// Closes the connection.
    HangUp,
    /// Keeps the call until it is released, then goes on as if nothing had been: for an owner that is presumed dead and comes back.
    Hold(Hold),
}

impl Action {
    /// [`Action::Kill`] without the wrapping.
    pub fn kill(kill: impl Fn() + Send + Sync + 'static) -> Self {
        Self::Kill(Arc::new(kill))
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(_) => f.write_str("Kill"),
            Self::Status(status) => write!(f, "Status({status})"),
            Self::Answer(_) => f.write_str("Answer"),
            Self::HangUp => f.write_str("HangUp"),
            Self::Hold(_) => f.write_str("Hold"),
        }
    }
}

/// Where a held call waits. Clones are the same place.
#[derive(Debug, Clone)]
pub struct Hold(Arc<HoldState>);

#[derive(Debug)]
struct HoldState {
    arrived: Semaphore,
    released: Semaphore,
}

impl Hold {
    /// A place that no call has reached yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(HoldState { arrived: Semaphore::new(0), released: Semaphore::new(0) }))
    }

    /// Waits until a call is held here.
    pub async fn reached(&self) {
        take(&self.0.arrived).await;
    }

    /// Lets one call go on, also one that comes later.
    pub fn release(&self) {
        self.0.released.add_permits(1);
    }

    async fn wait(&self) {
        self.0.arrived.add_permits(1);
        take(&self.0.released).await;
    }
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

/// One thing that goes wrong.
#[derive(Debug, Clone)]
pub struct Fault {
    operation: String,
    skip: usize,
    lasting: bool,
    when: When,
    action: Action,
}

impl Fault {
    /// Strikes at the next call of `operation` and then is over. The operation may be written with its protocol's prefix
    /// (`DynamoDB_20120810.UpdateItem`) or without.
    pub fn new(operation: &str, when: When, action: Action) -> Self {
        Self { operation: bare(operation).to_owned(), skip: 0, lasting: false, when, action }
    }

    /// Strikes at the `nth` call from the injection on, counted from 1.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        self.skip = nth.saturating_sub(1);
        self
    }

    /// Strikes at every call from the first that it strikes at, so that retries do not get past it.
    #[must_use]
    pub fn from_then_on(mut self) -> Self {
        self.lasting = true;
        self
    }
}

/// The proxy. A function gets its [`endpoint`](FaultProxy::endpoint) as `AWS_ENDPOINT_URL`. It ends when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    server: Server,
    state: Arc<State>,
}

impl FaultProxy {
    /// Starts a proxy that forwards to `upstream`, an `http://` URL without a path.
    pub async fn start(upstream: &str) -> anyhow::Result<Self> {
        let state = Arc::new(State {
            upstream: Mutex::new(authority(upstream)?),
            client: Client::builder(TokioExecutor::new()).build_http(),
            faults: Mutex::default(),
            calls: watch::Sender::new(Vec::new()),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let state = Arc::clone(&shared);
            async move { state.pass(request).await }
        })
        .await?;
        Ok(Self { server, state })
    }

    /// What a function is given as `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Forwards to another `upstream` from now on: for one that is told of the proxy before it has an address itself.
    pub fn redirect(&self, upstream: &str) -> anyhow::Result<()> {
        *lock(&self.state.upstream) = authority(upstream)?;
        Ok(())
    }

    /// Lets a fault happen. Of several that fit a call the one injected first strikes.
    pub fn inject(&self, fault: Fault) {
        lock(&self.state.faults).push_back(fault);
    }

    /// Lets no further fault happen.
    pub fn clear(&self) {
        lock(&self.state.faults).clear();
    }

    /// Every call so far, in the order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.borrow().clone()
    }

    /// How many calls of an operation have arrived so far.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        counted(&self.state.calls.borrow(), operation)
    }

    /// Waits until that many calls of an operation have arrived.
    pub async fn wait_for(&self, operation: &str, calls: usize) {
        let mut seen = self.state.calls.subscribe();
        // The sender lives as long as `self`, so the wait ends only by the condition.
        let _ = seen.wait_for(|seen| counted(seen, operation) >= calls).await;
    }
}

#[derive(Debug)]
struct State {
    upstream: Mutex<Authority>,
    client: Client<HttpConnector, Full<Bytes>>,
    faults: Mutex<VecDeque<Fault>>,
    calls: watch::Sender<Vec<Call>>,
}

impl State {
    async fn pass(&self, request: Request<Bytes>) -> Answer {
        let operation = operation_of(&request);
        let fault = self.strike(&operation);
        self.calls.send_modify(|calls| {
            calls.push(Call {
                operation,
                method: request.method().clone(),
                path: request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned(),
                body: request.body().clone(),
            });
        });
        match fault {
            None => self.forward(request).await,
            Some((When::BeforeForward, action)) => match act(action).await {
                Some(answer) => answer,
                None => self.forward(request).await,
            },
            Some((When::AfterForward, action)) => {
                let answer = self.forward(request).await;
                act(action).await.unwrap_or(answer)
            }
        }
    }

    /// The fault that is due at this call, if any. Every fault for the operation counts it.
    fn strike(&self, operation: &str) -> Option<(When, Action)> {
        let mut faults = lock(&self.faults);
        let mut due = None;
        faults.retain_mut(|fault| {
            if fault.operation != operation {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            if due.is_some() {
                return true;
            }
            due = Some((fault.when, fault.action.clone()));
            fault.lasting
        });
        due
    }

    /// Sends the call on with its own Host header, which its signature covers.
    async fn forward(&self, request: Request<Bytes>) -> Answer {
        match self.forwarded(request).await {
            Ok(response) => Answer::Reply(response),
            Err(error) => Answer::new(502, format!("the fault proxy could not forward: {error:#}")),
        }
    }

    async fn forwarded(&self, request: Request<Bytes>) -> anyhow::Result<http::Response<Bytes>> {
        let (mut head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let upstream = lock(&self.upstream).clone();
        head.uri = Uri::builder().scheme("http").authority(upstream).path_and_query(path).build()?;
        drop_hop_by_hop(&mut head.headers);
        let response = self.client.request(Request::from_parts(head, Full::new(body))).await?;
        let (mut head, body) = response.into_parts();
        drop_hop_by_hop(&mut head.headers);
        Ok(http::Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

fn authority(upstream: &str) -> anyhow::Result<Authority> {
    let uri: Uri = upstream.parse().with_context(|| format!("{upstream} is not a URL"))?;
    anyhow::ensure!(uri.scheme() == Some(&Scheme::HTTP), "{upstream} is not an http:// URL");
    uri.into_parts().authority.context("a URL without a host")
}

/// What takes the answer's place; none when the call should go on.
async fn act(action: Action) -> Option<Answer> {
    match action {
        Action::Kill(kill) => {
            kill();
            pending().await
        }
        Action::Status(status) => Some(Answer::new(status, "")),
        Action::Answer(body) => Some(Answer::new(200, body)),
        Action::HangUp => Some(Answer::HangUp),
        Action::Hold(hold) => {
            hold.wait().await;
            None
        }
    }
}

/// These describe one connection; each side of the proxy has its own.
fn drop_hop_by_hop(headers: &mut HeaderMap) {
    headers.remove(header::CONNECTION);
    headers.remove(header::TRANSFER_ENCODING);
}

/// The operation that an AWS request names, as in [`Call::operation`].
pub fn operation_of(request: &Request<Bytes>) -> String {
    // JSON protocols: DynamoDB, Secrets Manager, SQS, Step Functions.
    if let Some(target) = request.headers().get("x-amz-target").and_then(|value| value.to_str().ok()) {
        return bare(target).to_owned();
    }
    // The query protocol: SNS.
    let form = std::str::from_utf8(request.body()).ok().filter(|_| is_form(request.headers()));
    if let Some(action) = form.and_then(|form| parameter(form, "Action")) {
        return action.to_owned();
    }
    // S3, where the method says it, and whose requests are told by what they sign.
    if request.headers().contains_key("x-amz-content-sha256") {
        match *request.method() {
            Method::PUT => return "PutObject".to_owned(),
            Method::GET => return "GetObject".to_owned(),
            Method::HEAD => return "HeadBucket".to_owned(),
            _ => {}
        }
    }
    format!("{} {}", request.method(), request.uri().path())
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    content_type.starts_with(b"application/x-www-form-urlencoded")
}

fn parameter<'a>(form: &'a str, name: &str) -> Option<&'a str> {
    form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

/// `UpdateItem` from `DynamoDB_20120810.UpdateItem`; a method and path stay as they are.
fn bare(operation: &str) -> &str {
    if operation.contains(' ') { operation } else { operation.rsplit('.').next().unwrap_or(operation) }
}

fn counted(calls: &[Call], operation: &str) -> usize {
    calls.iter().filter(|call| call.operation == bare(operation)).count()
}

async fn take(permits: &Semaphore) {
    // The semaphores are never closed, so acquiring cannot fail.
    if let Ok(permit) = permits.acquire().await {
        permit.forget();
    }
}
