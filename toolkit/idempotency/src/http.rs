//! A `tower` layer for `lambda_http`, after the IETF's
//! [Idempotency-Key header](https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/).
//!
//! | request | response |
//! |---|---|
//! | new key | the handler's |
//! | the same key and payload | the same status, body and kept headers, marked `Idempotency-Replayed: true` |
//! | the same key, another payload | 422 |
//! | while the first is in progress | 409 with `Retry-After` |
//! | no key | 400 |
//! | `GET`, `HEAD`, `OPTIONS`, `TRACE` | the handler's, always |
//!
//! A response that asks for a retry (5xx, 401, 408, 425, 429) is not stored: the next request with its key runs.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use lambda_http::http::header::{
    CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LINK, LOCATION,
    RETRY_AFTER,
};
use lambda_http::http::{Method, StatusCode, Uri};
use lambda_http::{Body, IntoResponse, Request, RequestExt, Response, Service};
use lambda_runtime::tower::Layer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::canonical::canonical_name;
use crate::claim::{Fingerprint, Store};
use crate::error::Error;
use crate::idempotent::{Admission, Call, Execution, Idempotent};
use crate::lambda::{Moment, ResponseFuture, ready};
use crate::part::Part;
use crate::response::{NoOverflow, Overflow};

/// Where a client puts its key.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks a response that was given before.
pub const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The headers that are stored with a response. Others (cookies, dates, traces) belong to one exchange.
const STORED_HEADERS: [HeaderName; 7] =
    [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, ETAG, LINK, LOCATION];
/// How long a request without a Lambda context may take: what an HTTP API waits for a response.
const WITHOUT_CONTEXT: Duration = Duration::from_secs(30);

/// A response as it is stored.
#[derive(Debug, Deserialize, Serialize)]
pub struct StoredResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: StoredBody,
    /// The response itself, with all its headers, for the request that made it.
    #[serde(skip)]
    original: Option<Response<Body>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum StoredBody {
    Text(String),
    Base64(String),
}

/// Idempotency by the header `Idempotency-Key`, with method, path, query and body as the payload that is checked.
///
/// Keys of all clients share the scope, and a stored response is given before the inner service authenticates the caller. Where clients
/// are told apart, take [`Idempotent::new`] with a [`Part`] of the client's name and [`header`], and [`payload`].
pub fn by_header<S: Store>(
    store: S,
    scope: impl Into<String>,
    recognised_for: Duration,
) -> Idempotent<Request, StoredResponse, S, NoOverflow> {
    Idempotent::new(store, scope, Part::of(header), recognised_for).checking(payload())
}

/// The value of `Idempotency-Key`, or null. One that stands there twice is no key.
#[must_use]
pub fn header(request: &Request) -> Value {
    let mut values = request.headers().get_all(IDEMPOTENCY_KEY).iter();
    match (values.next().and_then(|value| value.to_str().ok()), values.next()) {
        (Some(key), None) => Value::from(key.trim()),
        _ => Value::Null,
    }
}

/// Method, path, query and body of a request. The order of the query's names does not matter. A body of JSON is compared by
/// its value, another by its bytes.
#[must_use]
pub fn payload() -> Part<Request> {
    Part::of(|request: &Request| {
        let uri = request.uri();
        json!([request.method().as_str(), uri.path(), query_of(uri), body_of(request)])
    })
}

/// REST APIs and load balancers hand the query over as a map, which `lambda_http` writes in another order each time.
fn query_of(uri: &Uri) -> Vec<&str> {
    let mut pairs: Vec<_> = uri.query().unwrap_or_default().split('&').collect();
    pairs.sort_by_key(|pair| pair.split('=').next());
    pairs
}

fn body_of(request: &Request) -> Value {
    let bytes: &[u8] = request.body();
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) if canonical_name(&value).is_ok() => value,
        _ => json!({"sha256": Fingerprint::of(bytes).as_str()}),
    }
}

/// A part of a request's body, which is JSON, by [JMESPath](https://jmespath.org/specification.html).
///
/// # Errors
/// [`ExpressionError`](crate::ExpressionError) where the expression cannot be compiled.
#[cfg(feature = "jmespath")]
pub fn body_part(expression: &str) -> Result<Part<Request>, crate::jmespath::ExpressionError> {
    let part = Part::<Value>::jmespath(expression)?;
    Ok(Part::trying(move |request: &Request| {
        let bytes: &[u8] = request.body();
        part.select(&serde_json::from_slice(bytes).unwrap_or_default())
    }))
}

/// Makes a service of HTTP requests idempotent.
#[derive(Debug)]
pub struct HttpLayer<S, O, M> {
    idempotent: Arc<Idempotent<Request, StoredResponse, S, O>>,
    stored_headers: Arc<[HeaderName]>,
    moment: M,
}

impl<S, O, M: Fn() -> Moment> HttpLayer<S, O, M> {
    /// A layer that asks `moment` for the time and a new fence at each request.
    pub fn new(idempotent: Idempotent<Request, StoredResponse, S, O>, moment: M) -> Self {
        Self { idempotent: Arc::new(idempotent), stored_headers: STORED_HEADERS.into(), moment }
    }

    /// Stores these headers of responses too, beside `Content-Type`, `Content-Encoding`, `Content-Language`, `Content-Location`,
    /// `ETag`, `Link` and `Location`.
    #[must_use]
    pub fn storing(self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        Self { stored_headers: self.stored_headers.iter().cloned().chain(headers).collect(), ..self }
    }
}

impl<Inner, S, O, M: Clone> Layer<Inner> for HttpLayer<S, O, M> {
    type Service = HttpService<Inner, S, O, M>;

    fn layer(&self, inner: Inner) -> Self::Service {
        HttpService {
            inner,
            idempotent: Arc::clone(&self.idempotent),
            stored_headers: Arc::clone(&self.stored_headers),
            moment: self.moment.clone(),
        }
    }
}

/// What [`HttpLayer`] makes of a service.
#[derive(Debug)]
pub struct HttpService<Inner, S, O, M> {
    inner: Inner,
    idempotent: Arc<Idempotent<Request, StoredResponse, S, O>>,
    stored_headers: Arc<[HeaderName]>,
    moment: M,
}

/// Why a response of the inner service is not stored.
enum NotStored<E> {
    /// It asks for a retry.
    Response(Box<Response<Body>>),
    Failed(E),
}

impl<Inner, S, O, M> Service<Request> for HttpService<Inner, S, O, M>
where
    Inner: Service<Request> + Clone + Send + 'static,
    Inner::Response: IntoResponse + Send,
    Inner::Future: Send,
    Inner::Error: Send,
    S: Store + 'static,
    O: Overflow + 'static,
    M: Fn() -> Moment,
{
    type Response = Response<Body>;
    type Error = Inner::Error;
    type Future = ResponseFuture<Response<Body>, Inner::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Moment { now, fence } = (self.moment)();
        let deadline = request.lambda_context_ref().map_or(now + WITHOUT_CONTEXT, |context| context.deadline());
        let call = Call { now, deadline, fence };
        let (idempotent, stored_headers) = (Arc::clone(&self.idempotent), Arc::clone(&self.stored_headers));
        let mut inner = ready(&mut self.inner);
        Box::pin(async move {
            let admission = match *request.method() {
                Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE => Ok(Admission::Unguarded),
                _ => idempotent.begin(&request, call).await,
            };
            let handler = || async move {
                let response = inner.call(request).await.map_err(NotStored::Failed)?.into_response().await;
                if asks_for_a_retry(response.status()) {
                    return Err(NotStored::Response(Box::new(response)));
                }
                Ok(StoredResponse::of(response, &stored_headers))
            };
            let answered = match admission {
                Ok(admission) => idempotent.proceed(admission, handler).await,
                Err(error) => Err(error),
            };
            match answered {
                Ok(answered) => Ok(answered.response.into_response(answered.execution)),
                Err(Error::Handler(NotStored::Response(response))) => Ok(*response),
                Err(Error::Handler(NotStored::Failed(error))) => Err(error),
                Err(error) => Ok(problem(&error, now)),
            }
        })
    }
}

fn asks_for_a_retry(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::UNAUTHORIZED
                | StatusCode::REQUEST_TIMEOUT
                | StatusCode::TOO_EARLY
                | StatusCode::TOO_MANY_REQUESTS
        )
}

impl StoredResponse {
    fn of(response: Response<Body>, stored_headers: &[HeaderName]) -> Self {
        let stored = response.headers().iter().filter(|(name, _)| stored_headers.contains(name));
        let headers = stored.filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
        let headers = headers.collect();
        let body = match std::str::from_utf8(response.body()) {
            Ok(text) => StoredBody::Text(text.to_owned()),
            Err(_) => StoredBody::Base64(BASE64.encode(&**response.body())),
        };
        Self { status: response.status().as_u16(), headers, body, original: Some(response) }
    }

    fn into_response(self, execution: Execution) -> Response<Body> {
        if let Some(original) = self.original {
            return original;
        }
        let body = match self.body {
            StoredBody::Text(text) => Body::from(text),
            StoredBody::Base64(text) => Body::from(BASE64.decode(text).unwrap_or_default()),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        if execution == Execution::Replayed {
            response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// A refusal as problem details (<https://www.rfc-editor.org/rfc/rfc9457>). `type` is a stable URN. It names no key.
fn problem<H>(error: &Error<H>, now: SystemTime) -> Response<Body> {
    let (status, title) = match error {
        Error::MissingKey => (StatusCode::BAD_REQUEST, "An idempotency key is needed"),
        Error::Part(_) => (StatusCode::BAD_REQUEST, "The idempotency key cannot be used"),
        Error::Mismatch { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "The key was used with another payload"),
        Error::InProgress { .. } => (StatusCode::CONFLICT, "A request with this key is in progress"),
        Error::ResponseNotStored { .. } => {
            (StatusCode::CONFLICT, "The request was done, but its response was not stored")
        }
        Error::ResponseUnreadable { .. } | Error::Handler(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, "The request was done, but its response cannot be read")
        }
        Error::Store(_) | Error::Overflow(_) => (StatusCode::SERVICE_UNAVAILABLE, "Idempotency cannot be kept now"),
    };
    let kind = error.kind();
    let body = json!({"type": format!("urn:tidegate:problem:{kind}"), "title": title, "status": status.as_u16()});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(wait) = error.retry_after(now) {
        // Whole seconds, rounded up, and never "at once".
        let secs = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX).max(1);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(secs));
    }
    response
}
