//! A tower layer that verifies deliveries before a service sees them: for axum, lambda_http and any other that takes
//! `http::Request`s.
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::{Extension, Router, body::Bytes, routing::post};
//! use http::request::Parts;
//! use tidegate_webhooks::layer::{Sources, Unavailable, VerifyLayer};
//! use tidegate_webhooks::{Source, UnixTime, Verified};
//!
//! /// One sender, from configuration. Several are distinguished by the path, and read from where secrets are kept.
//! #[derive(Clone)]
//! struct GitHub(Arc<Source>);
//!
//! impl Sources for GitHub {
//!     async fn source(&self, _request: &Parts) -> Result<Option<Arc<Source>>, Unavailable> {
//!         Ok(Some(Arc::clone(&self.0)))
//!     }
//! }
//!
//! async fn received(Extension(delivery): Extension<Verified>, body: Bytes) -> String {
//!     format!("{} bytes of delivery {:?}", body.len(), delivery.delivery_id)
//! }
//!
//! fn clock() -> UnixTime {
//!     let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
//!     UnixTime(now.as_secs().try_into().unwrap_or(i64::MAX))
//! }
//!
//! let source = Source::from_json(br#"{"scheme": "github", "secrets": ["It's a Secret to Everybody"]}"#)?;
//! let app: Router = Router::new()
//!     .route("/webhooks/github", post(received))
//!     .layer(VerifyLayer::new(GitHub(Arc::new(source)), clock));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! What is refused never reaches the service, and is answered with problem details (RFC 9457):
//!
//! | status | when |
//! |---|---|
//! | 400 | authentic, but a header is malformed; a body that breaks off; a handshake that is not granted |
//! | 401 | not authentic, without the reason, which [`Sources::refused`] gets |
//! | 404 | there is no such source |
//! | 413 | the body is larger than [`VerifyLayer::max_body_bytes`] |
//! | 503 | the source's document cannot be had at present |

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::Body;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use tower::{Layer, Service};

use crate::source::Source;
use crate::time::UnixTime;
use crate::verification::{Rejection, Verified};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Which source a request claims to be from. Implement it over wherever your source documents are kept.
pub trait Sources: Clone + Send + Sync + 'static {
    /// The source of this request, judged by its path or its host; nothing in it is verified yet. `None` when there is no
    /// such source.
    ///
    /// Building a [`Source`] computes the state of its keys, so keep it for a while (minutes) rather than for ever.
    ///
    /// # Errors
    /// [`Unavailable`] where it cannot be had at present; the sender is asked to come back.
    fn source(&self, request: &Parts) -> impl Future<Output = Result<Option<Arc<Source>>, Unavailable>> + Send;

    /// The same source, read anew because a kept one refused: its secret, or its issuer's key, may have been rotated
    /// meanwhile. `None` when what [`source`](Self::source) gave is as new as it gets, which is the default.
    ///
    /// Bad signatures can be sent by anyone, so read anew at most every few seconds.
    ///
    /// # Errors
    /// As for [`source`](Self::source).
    fn refreshed(&self, _request: &Parts) -> impl Future<Output = Result<Option<Arc<Source>>, Unavailable>> + Send {
        async { Ok(None) }
    }

    /// Gets the reason of a 400 or 401, for the log; the sender does not.
    fn refused(&self, _request: &Parts, _rejection: &Rejection) {}
}

/// A source's document cannot be had at present. Log why before you return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the source's document cannot be had at present")]
pub struct Unavailable;

/// Verifies what comes before it is passed on: the service gets the raw bytes as `Full<Bytes>`, and [`Verified`] and
/// `Arc<Source>` among the request's extensions.
#[derive(Clone, Debug)]
pub struct VerifyLayer<R> {
    sources: R,
    clock: fn() -> UnixTime,
    max_body_bytes: usize,
}

/// Senders stay far below it, but for GitHub, whose largest pushes have 25 MB.
const MAX_BODY_BYTES: usize = 1024 * 1024;

impl<R: Sources> VerifyLayer<R> {
    /// Bodies of up to a mebibyte, the time from `clock`: this crate reads none.
    pub fn new(sources: R, clock: fn() -> UnixTime) -> VerifyLayer<R> {
        VerifyLayer { sources, clock, max_body_bytes: MAX_BODY_BYTES }
    }

    /// Takes larger or only smaller bodies. They are held in memory, since a signature is over the whole.
    #[must_use]
    pub fn max_body_bytes(self, max_body_bytes: usize) -> VerifyLayer<R> {
        VerifyLayer { max_body_bytes, ..self }
    }

    /// The source, what is known of the delivery, and its bytes; or what to answer instead.
    async fn verify<B>(&self, parts: &Parts, body: B) -> Result<(Arc<Source>, Verified, Bytes), Refusal>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let mut source = self.sources.source(parts).await?.ok_or(StatusCode::NOT_FOUND)?;
        if parts.method == Method::OPTIONS
            && let Some(answer) = source.handshake(&parts.headers)
        {
            return Err(answer.map_or_else(|error| Refusal::Malformed(error.to_string()), Refusal::Granted));
        }
        let body = self.collect(body).await?;
        let now = (self.clock)();
        let mut outcome = source.verify(&parts.headers, &body, now);
        if matches!(outcome, Err(Rejection::BadSignature | Rejection::UnknownKey))
            && let Some(refreshed) = self.sources.refreshed(parts).await?
        {
            source = refreshed;
            outcome = source.verify(&parts.headers, &body, now);
        }
        match outcome {
            Ok(verified) => Ok((source, verified, body)),
            Err(rejection) => {
                self.sources.refused(parts, &rejection);
                let unauthenticated = rejection.is_unauthenticated();
                Err(if unauthenticated {
                    Refusal::Status(StatusCode::UNAUTHORIZED)
                } else {
                    Refusal::Malformed(rejection.to_string())
                })
            }
        }
    }

    /// A body whose declared length is too large is not read.
    async fn collect<B>(&self, body: B) -> Result<Bytes, Refusal>
    where
        B: Body + Send,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        if body.size_hint().lower() > self.max_body_bytes as u64 {
            return Err(StatusCode::PAYLOAD_TOO_LARGE.into());
        }
        match Limited::new(body, self.max_body_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE.into()),
            Err(_) => Err(Refusal::Malformed("the body cannot be read to its end".to_owned())),
        }
    }
}

impl<R: Clone, S> Layer<S> for VerifyLayer<R> {
    type Service = Verify<R, S>;

    fn layer(&self, inner: S) -> Verify<R, S> {
        Verify { layer: self.clone(), inner }
    }
}

/// The service that [`VerifyLayer`] makes.
#[derive(Clone, Debug)]
pub struct Verify<R, S> {
    layer: VerifyLayer<R>,
    inner: S,
}

impl<R, S, B, O> Service<Request<B>> for Verify<R, S>
where
    R: Sources,
    S: Service<Request<Full<Bytes>>, Response = Response<O>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    O: From<String>,
{
    type Response = Response<O>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<O>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was polled ready is the one to call; the clone waits for its own turn.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match layer.verify(&parts, body).await {
                Ok((source, verified, body)) => {
                    parts.extensions.insert(source);
                    parts.extensions.insert(verified);
                    inner.call(Request::from_parts(parts, Full::new(body))).await
                }
                Err(refusal) => Ok(refusal.answer()),
            }
        })
    }
}

/// What is answered in the service's stead.
enum Refusal {
    Status(StatusCode),
    /// 400 with the problem: only for an authenticated sender, or one that asks for permission.
    Malformed(String),
    /// No refusal at all: a handshake's answer.
    Granted(HeaderMap),
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Refusal {
        Refusal::Status(status)
    }
}

impl From<Unavailable> for Refusal {
    fn from(_: Unavailable) -> Refusal {
        Refusal::Status(StatusCode::SERVICE_UNAVAILABLE)
    }
}

impl Refusal {
    fn answer<O: From<String>>(self) -> Response<O> {
        let (status, detail) = match self {
            Refusal::Status(status) => (status, None),
            Refusal::Malformed(detail) => (StatusCode::BAD_REQUEST, Some(detail)),
            Refusal::Granted(headers) => {
                let mut response = Response::new(String::new().into());
                *response.headers_mut() = headers;
                return response;
            }
        };
        let mut problem = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
        });
        if let Some(detail) = detail {
            problem["detail"] = detail.into();
        }
        let mut response = Response::new(problem.to_string().into());
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}
