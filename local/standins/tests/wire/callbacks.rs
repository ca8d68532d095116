//! The stand-in for the receiver of callbacks.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde_json::{Value, json};
use tidegate_standins::http_client::{HttpClient, Response};
use tidegate_standins::{Callback, Options, Standin};
use tidegate_webhooks::{Source, UnixTime};
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(5);
const NEW: &str = "whsec_dGlkZXMgYXJlIG5vdCBzZWNyZXRzIGJ1dCB0aGlzIGlz";
const OLD: &str = "whsec_YW5vdGhlciBzZWNyZXQgdGhhdCBpcyBsb25nIGVub3VnaA==";

#[expect(clippy::disallowed_methods, reason = "the stand-in verifies by the machine's clock, so the test signs by it")]
fn now() -> UnixTime {
    UnixTime(jiff::Timestamp::now().as_second())
}

struct Receiver {
    url: String,
    client: HttpClient,
    standin: Standin,
}

impl Receiver {
    async fn start(options: Options) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let standin = Standin::new(options).unwrap();
        tokio::spawn(standin.clone().serve(listener));
        let receiver = Self { url, client: HttpClient::new(), standin };
        let configured =
            receiver.configure(Method::PUT, "/_standin/callbacks/demo", json!({"secrets": [NEW, OLD]})).await;
        assert_eq!(configured.status, 200);
        receiver
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: String) -> Response {
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.url)).body(Bytes::from(body)).unwrap();
        *request.headers_mut() = headers;
        self.client.send(request, LIMIT).await.unwrap()
    }

    async fn configure(&self, method: Method, path: &str, body: Value) -> Response {
        let json = HeaderMap::from_iter([(header::CONTENT_TYPE, "application/json".parse().unwrap())]);
        self.send(method, path, json, body.to_string()).await
    }

    async fn call_back(&self, name: &str, id: &str, secret: &str) -> Response {
        let source = json!({"scheme": "standard-webhooks", "secrets": [secret]}).to_string();
        let source = Source::from_json(source.as_bytes()).unwrap();
        let body = json!({"type": "order.confirmed", "data": {"order_id": "ord_1"}}).to_string();
        let headers = source.sign(id, now(), body.as_bytes()).unwrap();
        self.send(Method::POST, &format!("/callbacks/{name}"), headers, body).await
    }
}

#[tokio::test]
async fn a_callback_signed_with_either_secret_is_accepted_listed_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let record = dir.path().join("callbacks.jsonl");
    let receiver = Receiver::start(Options { callbacks_record: Some(record.clone()), ..Options::default() }).await;
    assert_eq!(receiver.call_back("demo", "msg_1", NEW).await.status, 204);
    assert_eq!(receiver.call_back("demo", "msg_2", OLD).await.status, 204);
    assert_eq!(receiver.call_back("demo", "msg_1", NEW).await.status, 204);

    let listed = receiver.send(Method::GET, "/_standin/callbacks", HeaderMap::new(), String::new()).await;
    let listed: Vec<Callback> = serde_json::from_slice(&listed.body).unwrap();
    assert_eq!(listed, receiver.standin.callbacks());
    assert_eq!(listed.iter().map(|it| it.repeated).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(listed[0].body["data"]["order_id"], "ord_1");
    assert_eq!(std::fs::read_to_string(record).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn a_wrong_signature_and_an_unknown_receiver_are_refused_and_what_they_say_is_not_kept() {
    let receiver = Receiver::start(Options::default()).await;
    let other = "whsec_bm90IHRoZSBzZWNyZXQgb2YgYW55Ym9keSBoZXJlIGF0IGFsbA==";
    assert_eq!(receiver.call_back("demo", "msg_1", other).await.status, 401);
    assert_eq!(receiver.call_back("nobody", "msg_1", NEW).await.status, 404);
    let callbacks = receiver.standin.callbacks();
    assert!(callbacks.iter().all(|it| !it.verified && !it.is_accepted() && it.body.is_null()), "{callbacks:?}");
}

#[tokio::test]
async fn programmed_answers_are_given_to_their_receiver_as_often_as_asked() {
    let receiver = Receiver::start(Options::default()).await;
    let limited = json!({"name": "demo", "times": 1, "status": 429, "retry_after": 7});
    receiver.configure(Method::POST, "/_standin/callbacks/fail", limited).await;
    receiver.configure(Method::POST, "/_standin/callbacks/fail", json!({"name": "demo", "status": 410})).await;
    let first = receiver.call_back("demo", "msg_1", NEW).await;
    assert_eq!((first.status.as_u16(), first.headers["retry-after"].to_str().unwrap()), (429, "7"));
    assert_eq!(receiver.call_back("demo", "msg_1", NEW).await.status, 410);
    receiver.configure(Method::DELETE, "/_standin/callbacks/fail", json!(null)).await;
    assert_eq!(receiver.call_back("demo", "msg_1", NEW).await.status, 204);
    assert!(!receiver.standin.callbacks()[2].repeated, "the ones before were not accepted");
}

#[tokio::test]
async fn a_secret_that_is_none_is_refused() {
    let receiver = Receiver::start(Options::default()).await;
    let configured =
        receiver.configure(Method::PUT, "/_standin/callbacks/demo", json!({"secrets": ["whsec_short"]})).await;
    assert_eq!(configured.status, 422);
}
