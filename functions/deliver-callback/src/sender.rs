//! The client of endpoints: one request, one answer, and nowhere else than to the address that was registered.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#webhook-consumer-requirements>

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tidegate_events::CallbackUrl;
use tidegate_webhooks::outbound::connect::PublicConnector;
use tidegate_webhooks::outbound::{Allow, UrlError, Verdict, check_url};

use tidegate_callbacks::AttemptOutcome;

/// From the first byte of the connection to the head of the answer: the least that the specification advises.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// A host that does not answer to this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Servers close idle connections after a minute or so; a frozen function would not notice.
const MAX_IDLE: Duration = Duration::from_secs(50);
/// What an endpoint writes below its status is read to keep the connection, up to this, and means nothing.
const MAX_BODY_BYTES: usize = 16 * 1024;
const MAX_BODY_TIME: Duration = Duration::from_millis(500);

/// Sends to endpoints. Keeps connections, so share one.
#[derive(Clone, Debug)]
pub struct Sender {
    client: Client<HttpsConnector<PublicConnector>, Full<Bytes>>,
    allow: Allow,
    timeout: Duration,
}

impl Sender {
    /// To public addresses over HTTPS, or, where `private` is said for a local stack, to any over HTTP too. Ports are the
    /// customer's choice. [`TIMEOUT`] is the usual time.
    #[must_use]
    pub fn new(private: bool, timeout: Duration) -> Self {
        let allow = Allow { http: private, any_port: true, any_address: private };
        let mut connector = PublicConnector::new(allow);
        connector.tcp_mut().set_nodelay(true);
        connector.tcp_mut().set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tidegate_runtime::http::tls_trusting_web())
            .https_or_http() // `check_url` says which
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(MAX_IDLE)
            .build(connector);
        Self { client, allow, timeout }
    }

    /// Posts a body with its signature's headers. However it ends, it ends within the time. Redirections are not
    /// followed: they are a failure.
    pub async fn send(
        &self,
        url: &CallbackUrl,
        signature: HeaderMap,
        body: Vec<u8>,
        now: Timestamp,
    ) -> (AttemptOutcome, Verdict) {
        let silence = |outcome| (outcome, Verdict::of_silence());
        let uri = url.as_str().parse::<Uri>().ok().filter(|uri| check_url(uri, self.allow).is_ok());
        let request = uri.and_then(|uri| {
            let mut request = Request::post(uri).body(Full::new(Bytes::from(body))).ok()?;
            *request.headers_mut() = signature;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let agent = concat!("tidegate-deliver-callback/", env!("CARGO_PKG_VERSION"));
            request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(agent));
            Some(request)
        });
        let Some(request) = request else { return silence(AttemptOutcome::BadUrl) };
        let answer = match tokio::time::timeout(self.timeout, self.client.request(request)).await {
            Err(_) => return silence(AttemptOutcome::Timeout),
            Ok(Err(error)) => return silence(outcome_of(&error)),
            Ok(Ok(answer)) => answer,
        };
        let (head, body) = answer.into_parts();
        // Whatever comes of this, the status has said what there is to say.
        let _ = tokio::time::timeout(MAX_BODY_TIME, Limited::new(body, MAX_BODY_BYTES).collect()).await;
        (AttemptOutcome::Answered(head.status), verdict(&head, now))
    }
}

/// With `Retry-After` also where it is a date: the caller has a clock.
fn verdict(head: &http::response::Parts, now: Timestamp) -> Verdict {
    let until = || {
        let until = DateTimeParser::new().parse_timestamp(head.headers.get(RETRY_AFTER)?.to_str().ok()?.trim()).ok()?;
        Duration::try_from(until.duration_since(now)).ok()
    };
    match Verdict::of_answer(head.status, &head.headers) {
        Verdict::Retry { retry_after: None } => Verdict::Retry { retry_after: until() },
        Verdict::SlowDown { retry_after: None } => Verdict::SlowDown { retry_after: until() },
        verdict @ (Verdict::Delivered | Verdict::Retry { .. } | Verdict::SlowDown { .. } | Verdict::Disable) => verdict,
    }
}

fn outcome_of(error: &Error) -> AttemptOutcome {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(url) = error.downcast_ref::<UrlError>() {
            return if *url == UrlError::NotPublic { AttemptOutcome::NotPublic } else { AttemptOutcome::BadUrl };
        }
        // The connector's resolver says so of a name that has no public address.
        let refused = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if refused == Some(std::io::ErrorKind::PermissionDenied) {
            return AttemptOutcome::NotPublic;
        }
        cause = error.source();
    }
    if error.is_connect() { AttemptOutcome::Unreachable } else { AttemptOutcome::Broken }
}
