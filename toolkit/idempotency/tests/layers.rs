//! The layers, as `lambda_runtime` and `lambda_http` call them.

#![expect(clippy::unwrap_used, reason = "the lint spares `#[test]` functions, not what they call")]
#![cfg(feature = "http")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use lambda_http::http::{HeaderValue, StatusCode};
use lambda_http::{Body, Request, RequestExt, Response};
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use tidegate_idempotency::http::{HttpLayer, by_header};
use tidegate_idempotency::{Error, Fence, Idempotent, LambdaLayer, MemoryStore, Moment, Part, Store};

const KEPT: Duration = Duration::from_secs(3600);

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// A clock that stands, and fences that never repeat.
fn moments() -> impl Fn() -> Moment + Clone {
    let next = Arc::new(AtomicU64::new(1));
    move || Moment { now: start(), fence: Fence::new(next.fetch_add(1, Ordering::Relaxed).into()) }
}

fn context(lease: Duration) -> Context {
    let deadline = (start() + lease).duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let mut context = Context::default();
    context.deadline = u64::try_from(deadline.as_millis()).unwrap();
    context
}

#[tokio::test]
async fn a_lambda_event_runs_once_and_its_repeat_is_answered() {
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&ran);
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let counter = Arc::clone(&counter);
        async move {
            let ran = counter.fetch_add(1, Ordering::Relaxed) + 1;
            if event.payload["fail"] == true { Err("declined".to_owned()) } else { Ok(json!({"ran": ran})) }
        }
    });
    let part = Part::of(|event: &Value| event["order"].clone());
    let idempotent = Idempotent::new(MemoryStore::default(), "charges", part, KEPT);
    let mut service = LambdaLayer::new(idempotent, moments()).layer(handler);
    let mut send = async |payload: Value| service.call(LambdaEvent::new(payload, context(KEPT))).await;

    assert_eq!(send(json!({"order": 17})).await.unwrap(), json!({"ran": 1}));
    assert_eq!(send(json!({"order": 17})).await.unwrap(), json!({"ran": 1}));
    assert_eq!(send(json!({"order": 18})).await.unwrap(), json!({"ran": 2}));
    let diagnostic = Diagnostic::from(send(json!({"number": 17})).await.unwrap_err());
    assert_eq!(diagnostic.error_type, "missing-key");
    let diagnostic = Diagnostic::from(send(json!({"order": 19, "fail": true})).await.unwrap_err());
    assert_eq!(diagnostic.error_message, "declined", "the handler's own error");
    assert_eq!(send(json!({"order": 19})).await.unwrap(), json!({"ran": 4}), "and its claim was let go");
}

#[tokio::test]
async fn the_lease_of_a_lambda_event_ends_with_its_invocation() {
    let store = Arc::new(MemoryStore::default());
    let hanging = service_fn(async |_: LambdaEvent<Value>| std::future::pending::<Result<Value, String>>().await);
    let whole = || Idempotent::new(Arc::clone(&store), "charges", Part::whole(), KEPT);
    let mut service = LambdaLayer::new(whole(), moments()).layer(hanging);
    let invocation = || LambdaEvent::new(json!({"order": 17}), context(Duration::from_secs(6)));
    let owner = tokio::spawn(service.call(invocation()));
    tokio::task::yield_now().await;
    owner.abort();
    // Another process, with fences of its own.
    let moment = || Moment { now: start(), fence: Fence::new(99) };
    let error = LambdaLayer::new(whole(), moment).layer(hanging).call(invocation()).await.unwrap_err();
    let Error::InProgress { lease_until, .. } = error else { panic!("{error:?}") };
    assert_eq!(lease_until, start() + Duration::from_secs(6));
}

fn post(key: Option<&str>, body: &str) -> Request {
    let mut request = Request::new(Body::from(body.to_owned()));
    *request.method_mut() = lambda_http::http::Method::POST;
    *request.uri_mut() = "/orders".parse().unwrap();
    if let Some(key) = key {
        request.headers_mut().insert("idempotency-key", HeaderValue::from_str(key).unwrap());
    }
    request.with_lambda_context(context(Duration::from_secs(6)))
}

/// Responses 201 with a number that counts, or the status that the body asks for.
async fn order(request: Request, ran: Arc<AtomicUsize>) -> Result<Response<Body>, String> {
    let ran = ran.fetch_add(1, Ordering::Relaxed) + 1;
    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let status = asked["status"].as_u64().unwrap_or(201);
    let body = if asked["binary"] == true { Body::from(vec![0xff, 0x00]) } else { Body::from(format!("order {ran}")) };
    let response = Response::builder().status(u16::try_from(status).unwrap());
    let response = response.header("location", "/orders/17").header("set-cookie", "of=one").header("x-kept", "yes");
    let media_type = if asked["binary"] == true { "application/octet-stream" } else { "text/plain" };
    let response = response.header("content-type", media_type);
    if asked["hang"] == true { std::future::pending().await } else { Ok(response.body(body).unwrap()) }
}

async fn send(
    service: &mut impl Service<Request, Response = Response<Body>, Error = String>,
    request: Request,
) -> Response<Body> {
    service.call(request).await.unwrap()
}

fn orders(
    store: impl Store + Clone + 'static,
) -> impl Service<Request, Response = Response<Body>, Error = String, Future: Send + 'static> {
    let ran = Arc::new(AtomicUsize::new(0));
    let handler = service_fn(move |request| order(request, Arc::clone(&ran)));
    let layer = HttpLayer::new(by_header(store, "orders", KEPT), moments());
    layer.storing(["x-kept".parse().unwrap()]).layer(handler)
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_marked_as_replayed() {
    let mut orders = orders(Arc::new(MemoryStore::default()));
    let first = send(&mut orders, post(Some("one"), r#"{"sku": "a", "n": 1}"#)).await;
    assert_eq!((first.status(), &**first.body()), (StatusCode::CREATED, b"order 1".as_slice()));
    assert!(first.headers().contains_key("set-cookie") && !first.headers().contains_key("idempotency-replayed"));

    let again = send(&mut orders, post(Some("one"), r#"{"n":1.0,"sku":"a"}"#)).await;
    assert_eq!((again.status(), &**again.body()), (StatusCode::CREATED, b"order 1".as_slice()));
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(
        (&again.headers()["location"], &again.headers()["x-kept"]),
        (&"/orders/17".parse().unwrap(), &"yes".parse().unwrap())
    );
    assert!(!again.headers().contains_key("set-cookie"), "a cookie is of one exchange");
}

#[tokio::test]
async fn a_binary_answer_comes_back_as_it_was() {
    let mut orders = orders(Arc::new(MemoryStore::default()));
    for _ in 0..2 {
        let response = send(&mut orders, post(Some("one"), r#"{"binary": true}"#)).await;
        assert_eq!(&**response.body(), [0xff, 0x00]);
    }
}

#[tokio::test]
async fn refusals_are_problem_details() {
    let store = Arc::new(MemoryStore::default());
    let mut orders = orders(Arc::clone(&store));
    send(&mut orders, post(Some("done"), r#"{"sku": "a"}"#)).await;
    let hanging = tokio::spawn(orders.call(post(Some("busy"), r#"{"hang": true}"#)));
    tokio::task::yield_now().await;
    hanging.abort();
    for (request, status, kind, retry_after) in [
        (post(None, "{}"), 400, "missing-key", None),
        (post(Some(""), "{}"), 400, "missing-key", None),
        (post(Some("done"), r#"{"sku": "b"}"#), 422, "payload-mismatch", None),
        (post(Some("busy"), r#"{"hang": true}"#), 409, "in-progress", Some("6")),
    ] {
        let refused = send(&mut orders, request).await;
        let problem: Value = serde_json::from_slice(refused.body()).unwrap();
        assert_eq!(refused.status().as_u16(), status, "{problem}");
        assert_eq!(problem["type"], format!("urn:tidegate:problem:{kind}"));
        assert_eq!(refused.headers()["content-type"], "application/problem+json");
        assert_eq!(refused.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
    }
}

#[tokio::test]
async fn an_answer_that_asks_for_a_retry_is_not_stored() {
    let mut orders = orders(Arc::new(MemoryStore::default()));
    for (number, status) in (0..).zip([500, 503, 401, 408, 429]) {
        let body = json!({"status": status}).to_string();
        let key = format!("key-{status}");
        for run in 1..=2 {
            let response = send(&mut orders, post(Some(&key), &body)).await;
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(**response.body(), *format!("order {}", number * 2 + run).as_bytes(), "it ran again");
        }
    }
    let refused = json!({"status": 404}).to_string();
    send(&mut orders, post(Some("key-404"), &refused)).await;
    let again = send(&mut orders, post(Some("key-404"), &refused)).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true", "a refusal is a response");
}

#[tokio::test]
async fn the_order_of_a_query_does_not_make_another_request() {
    let mut orders = orders(Arc::new(MemoryStore::default()));
    let mut send_with = async |query: &str| {
        let mut request = post(Some("one"), "{}");
        *request.uri_mut() = format!("/orders?{query}").parse().unwrap();
        send(&mut orders, request).await.status().as_u16()
    };
    assert_eq!(send_with("sku=b&n=1&sku=a").await, 201);
    assert_eq!(send_with("n=1&sku=b&sku=a").await, 201, "a REST API's query comes in any order");
    assert_eq!(send_with("n=1&sku=a&sku=b").await, 422, "the order of one name's values is the sender's");
    assert_eq!(send_with("n=2&sku=b&sku=a").await, 422);
}

#[tokio::test]
async fn numbers_that_fall_together_are_other_payloads() {
    let mut orders = orders(Arc::new(MemoryStore::default()));
    let first = send(&mut orders, post(Some("one"), r#"{"n": 18446744073709551617}"#)).await;
    let other = send(&mut orders, post(Some("one"), r#"{"n": 18446744073709551618}"#)).await;
    assert_eq!((first.status().as_u16(), other.status().as_u16()), (201, 422));
}

#[tokio::test]
async fn what_only_reads_needs_no_key() {
    let mut orders = orders(Arc::new(MemoryStore::default()));
    let mut get = post(None, "");
    *get.method_mut() = lambda_http::http::Method::GET;
    assert_eq!(send(&mut orders, get).await.status(), StatusCode::CREATED);
}
