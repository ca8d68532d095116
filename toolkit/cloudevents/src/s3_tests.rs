//! The claim check against a bucket in memory, behind the real client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};

use super::*;
use crate::data::Data;

/// Objects by path, or the code that every request is refused with.
#[derive(Clone, Debug, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Vec<u8>>>>, Option<&'static str>);

impl Bucket {
    fn answer(&self, request: &HttpRequest) -> (u16, Vec<u8>) {
        let refused = |status, code| (status, format!("<Error><Code>{code}</Code></Error>").into_bytes());
        if let Some(code) = self.1 {
            return refused(if code == "AccessDenied" { 403 } else { 503 }, code);
        }
        let mut objects = self.0.lock().unwrap();
        let path = request.uri().split(['?']).next().unwrap().replace("http://s3.example.com", "");
        match (request.method(), objects.get(&path)) {
            ("PUT", _) => {
                objects.insert(path, request.body().bytes().unwrap().to_vec());
                (200, Vec::new())
            }
            (_, Some(object)) => (200, object.clone()),
            (_, None) => refused(404, "NoSuchKey"),
        }
    }
}

impl HttpConnector for Bucket {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = self.answer(&request);
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body))))
    }
}

fn checks(bucket: &Bucket) -> ClaimChecks {
    let connector = SharedHttpConnector::new(bucket.clone());
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("made-up", "made-up", None, None, "test"))
        .endpoint_url("http://s3.example.com")
        .force_path_style(true)
        .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    ClaimChecks::new(Client::from_conf(config), "payloads-example")
}

fn event() -> Event {
    Event::builder("1", "/s", "t").data_json(br#"{"a": 1}"#).build().unwrap()
}

#[tokio::test]
async fn data_is_kept_and_brought_back_as_it_was() {
    let bucket = Bucket::default();
    let checks = checks(&bucket);
    for event in [
        event(),
        Event::from_json(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":[1]}"#).unwrap(),
        Event::builder("1", "/s", "t").data_text("text/plain", "Flut €").build().unwrap(),
        Event::builder("1", "/s", "t").data_binary("application/octet-stream", [0, 255]).build().unwrap(),
    ] {
        let checked = checks.keep(&event, "events/1").await.unwrap();
        assert_eq!(checked.dataref_to_fetch(), Some("s3://payloads-example/events/1"));
        let kept = bucket.0.lock().unwrap().get("/payloads-example/events/1").cloned();
        assert_eq!(kept.as_deref(), event.data().bytes());
        let redeemed = checks.redeem(checked).await.unwrap();
        assert_eq!(redeemed.data().bytes(), event.data().bytes());
        assert_eq!(matches!(redeemed.data(), Data::Json(_)), matches!(event.data(), Data::Json(_)));
    }
}

#[tokio::test]
async fn an_event_that_has_nothing_to_move_stays_as_it_is() {
    let bucket = Bucket(Arc::default(), Some("AccessDenied"));
    let checks = checks(&bucket);
    let bare = Event::builder("1", "/s", "t").build().unwrap();
    assert_eq!(checks.keep(&bare, "events/1").await.unwrap(), bare);
    assert_eq!(checks.redeem(event()).await.unwrap(), event());
}

#[tokio::test]
async fn nothing_is_fetched_from_elsewhere() {
    let checks = checks(&Bucket::default());
    for dataref in
        ["s3://payloads/1", "s3://payloads-example-2/1", "https://tide.example.com/1", "/1", "s3://payloads-example"]
    {
        let error = checks.redeem(event().with_dataref(dataref).unwrap()).await.unwrap_err();
        assert!(matches!(&error, ClaimCheckError::Elsewhere(it) if it == dataref) && !error.is_transient());
    }
}

#[tokio::test]
async fn a_failure_says_whether_to_try_again() {
    let gone = event().with_dataref("s3://payloads-example/gone").unwrap();
    let error = checks(&Bucket::default()).redeem(gone.clone()).await.unwrap_err();
    assert!(matches!(error, ClaimCheckError::Gone(_)) && !error.is_transient());
    for (code, transient) in [("AccessDenied", false), ("SlowDown", true)] {
        let checks = checks(&Bucket(Arc::default(), Some(code)));
        assert_eq!(checks.redeem(gone.clone()).await.unwrap_err().is_transient(), transient);
        assert_eq!(checks.keep(&event(), "1").await.unwrap_err().is_transient(), transient);
    }
    let error = checks(&Bucket::default()).keep(&event(), "a b").await.unwrap_err();
    assert!(matches!(error, ClaimCheckError::Event(EventError::Uri("dataref"))));
}
