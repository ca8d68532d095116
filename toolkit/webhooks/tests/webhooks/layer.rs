//! The layer in front of an axum application and of a plain service.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::{Extension, Router, routing::post};
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tidegate_webhooks::layer::{Sources, Unavailable, VerifyLayer};
use tidegate_webhooks::{Rejection, Source, UnixTime, Verified};
use tower::ServiceExt;

use crate::fixtures::{BODY, ID, NOW};

const OLD: &str = r#"{"scheme":"github","secrets":["made-up-old-secret"]}"#;
const NEW: &str = r#"{"scheme":"github","secrets":["made-up-new-secret"]}"#;
const EVENTS: &str =
    r#"{"scheme":"cloudevents","secrets":["made-up-token"],"options":{"allowed_origins":["sender.example"]}}"#;

/// `rotated` still has the old secret at hand and finds the new one when it looks again; `away` cannot be read.
#[derive(Clone, Default)]
struct ByPath(Arc<Mutex<Vec<Rejection>>>);

fn read(document: &str) -> Option<Arc<Source>> {
    Some(Arc::new(Source::from_json(document.as_bytes()).unwrap()))
}

impl Sources for ByPath {
    async fn source(&self, request: &Parts) -> Result<Option<Arc<Source>>, Unavailable> {
        match request.uri.path() {
            "/webhooks/github" | "/webhooks/rotated" => Ok(read(OLD)),
            "/webhooks/events" => Ok(read(EVENTS)),
            "/webhooks/away" => Err(Unavailable),
            _ => Ok(None),
        }
    }

    async fn refreshed(&self, request: &Parts) -> Result<Option<Arc<Source>>, Unavailable> {
        Ok(if request.uri.path() == "/webhooks/rotated" { read(NEW) } else { None })
    }

    fn refused(&self, _: &Parts, rejection: &Rejection) {
        self.0.lock().unwrap().push(rejection.clone());
    }
}

async fn received(
    Path(name): Path<String>,
    Extension(delivery): Extension<Verified>,
    Extension(source): Extension<Arc<Source>>,
    body: Bytes,
) -> String {
    assert_eq!(body, BODY);
    format!("{name} {} {:?}", source.scheme(), delivery.delivery_id)
}

fn clock() -> UnixTime {
    NOW
}

fn app(sources: ByPath) -> Router {
    let layer = VerifyLayer::new(sources, clock).max_body_bytes(BODY.len());
    Router::new().route("/webhooks/{name}", post(received)).layer(layer)
}

fn request(source: &str, headers: HeaderMap, body: impl Into<Body>) -> Request<Body> {
    let mut request = Request::post(format!("/webhooks/{source}")).body(body.into()).unwrap();
    *request.headers_mut() = headers;
    request
}

fn signed(document: &str) -> HeaderMap {
    read(document).unwrap().sign(ID, NOW, BODY).unwrap()
}

async fn answer(sources: &ByPath, request: Request<Body>) -> (StatusCode, HeaderMap, String) {
    let (parts, body) = app(sources.clone()).oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    (parts.status, parts.headers, String::from_utf8(body).unwrap())
}

/// A body that does not say how long it is; `None` is where it breaks off.
struct Chunks(Vec<Option<Vec<u8>>>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        Poll::Ready(Some(self.0.remove(0).map(|chunk| Frame::data(chunk.into())).ok_or_else(broken)))
    }
}

#[tokio::test]
async fn a_verified_delivery_reaches_the_handler_with_its_raw_bytes() {
    let sources = ByPath::default();
    let (status, _, body) = answer(&sources, request("github", signed(OLD), BODY)).await;
    assert_eq!((status, body), (StatusCode::OK, format!("github github Some({ID:?})")));
    assert_eq!(*sources.0.lock().unwrap(), []);
}

#[tokio::test]
async fn a_source_is_read_again_when_a_signature_does_not_match() {
    let sources = ByPath::default();
    assert_eq!(answer(&sources, request("rotated", signed(NEW), BODY)).await.0, StatusCode::OK);
    assert_eq!(answer(&sources, request("github", signed(NEW), BODY)).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_is_refused_is_answered_with_problem_details_and_without_a_hint() {
    let without_id = |mut headers: HeaderMap| {
        headers.remove("x-github-delivery");
        headers
    };
    let large = [BODY, b"x"].concat();
    let unknown_length = Body::new(Chunks(vec![Some(large[..1].to_vec()), Some(large[1..].to_vec())]));
    let broken = Body::new(Chunks(vec![Some(BODY[..1].to_vec()), None]));
    for (request, status, detail) in [
        (request("github", HeaderMap::new(), BODY), 401, Value::Null),
        (request("github", signed(NEW), BODY), 401, Value::Null),
        (
            request("github", without_id(signed(OLD)), BODY),
            400,
            json!("the delivery id header x-github-delivery is missing"),
        ),
        (request("nobody", signed(OLD), BODY), 404, Value::Null),
        (request("away", signed(OLD), BODY), 503, Value::Null),
        (request("github", signed(OLD), large.clone()), 413, Value::Null),
        (request("github", signed(OLD), unknown_length), 413, Value::Null),
        (request("github", signed(OLD), broken), 400, json!("the body cannot be read to its end")),
    ] {
        let (answered, headers, body) = answer(&ByPath::default(), request).await;
        assert_eq!(
            (answered.as_u16(), &headers["content-type"]),
            (status, &"application/problem+json".parse().unwrap())
        );
        let problem: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&problem["status"], &problem["type"], &problem["detail"]),
            (&json!(status), &json!("about:blank"), &detail)
        );
    }
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_told_to_the_receiver() {
    let sources = ByPath::default();
    answer(&sources, request("github", signed(NEW), BODY)).await;
    assert_eq!(*sources.0.lock().unwrap(), [Rejection::BadSignature]);
}

#[tokio::test]
async fn a_handshake_is_answered_before_the_service() {
    let ask = |origin: &str| {
        let mut asked = request("events", HeaderMap::new(), "");
        *asked.method_mut() = Method::OPTIONS;
        asked.headers_mut().insert("webhook-request-origin", origin.parse().unwrap());
        asked
    };
    let sources = ByPath::default();
    let (status, headers, _) = answer(&sources, ask("sender.example")).await;
    assert_eq!((status, &headers["webhook-allowed-origin"]), (StatusCode::OK, &"sender.example".parse().unwrap()));
    assert_eq!(answer(&sources, ask("other.example")).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_service_of_another_kind_is_served_as_well() {
    let service = tower::service_fn(|request: Request<http_body_util::Full<Bytes>>| async move {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, std::convert::Infallible>(Response::new(format!("{} bytes", body.len())))
    });
    let layered = tower::Layer::layer(&VerifyLayer::new(ByPath::default(), clock), service);
    let answer = layered.oneshot(request("github", signed(OLD), BODY)).await.unwrap();
    assert_eq!(*answer.body(), format!("{} bytes", BODY.len()));
}
