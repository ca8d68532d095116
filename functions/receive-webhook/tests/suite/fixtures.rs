//! Deliveries as API Gateway hands them over, and the handler with everything it stands on. Every secret is made up.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use receive_webhook::{Keys, Receiver, Sources};
use serde_json::{Value, json};
use tidegate_cloudevents::{Event, messaging};
use tidegate_runtime::{BoxFuture, PortError, Ports};
use tidegate_testkit::{MemoryClaims, MemoryPayloads, MemorySecrets, MemoryTopic, TestPorts, TestRoute};
use tidegate_webhooks::{Source, UnixTime};

pub(crate) const MAX_BODY_BYTES: usize = 1024 * 1024;
/// How long an invocation may take, and so how long a claim's lease is.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);
pub(crate) const PUSH: &str =
    r#"{"ref":"refs/heads/main","repository":{"full_name":"octo-harbour/tide-tables"},"commits":[]}"#;

/// Every source that the tests send to, with its document.
pub(crate) const SOURCES: [(&str, &str); 11] = [
    ("github", r#"{"scheme":"github","secrets":["It's a Secret to Everybody"]}"#),
    ("stripe", r#"{"scheme":"stripe","secrets":["made-up-stripe-secret"]}"#),
    ("slack", r#"{"scheme":"slack","secrets":["made-up-slack-secret"]}"#),
    ("shopify", r#"{"scheme":"shopify","secrets":["made-up-shopify-secret"]}"#),
    ("standard", r#"{"scheme":"standard-webhooks","secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#),
    (
        "standard-ed25519",
        r#"{"scheme":"standard-webhooks","secrets":["whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="]}"#,
    ),
    (
        "cloudevents",
        r#"{"scheme":"cloudevents","secrets":["made-up.bearer-token"],
            "options":{"allowed_origins":["harbour.example.com"],"rate_per_minute":120}}"#,
    ),
    // The private key of a stand-in for Google: 32 characters of English in PKCS #8.
    (
        "pubsub",
        r#"{"scheme":"pubsub","secrets":["MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbWFkZSB1cCBrZXkgb2YgMzIgYnl0ZXMsIG5vIG1vcmWhRANCAARGBcbf4MYgIHhFx52O22R3j7IRtTJme/Nqqy8fgttb7BUrtrIXXIC/VvZzlRkbyhfu3KeRUeJPYNSXxVCeMJF4"],
            "options":{"audience":"https://hooks.harbour.example","service_account":"push@harbour.example.com"}}"#,
    ),
    (
        "event-grid",
        r#"{"scheme":"event-grid","secrets":["made-up-property"],
            "options":{"header":"x-harbour-key","allowed_origins":["eventgrid.azure.net"]}}"#,
    ),
    ("hmac", r#"{"scheme":"hmac","secrets":["made-up-hmac-secret"],"options":{"header":"x-signature"}}"#),
    (
        "hmac-named",
        r#"{"scheme":"hmac","secrets":["made-up-hmac-secret"],"options":{"header":"x-signature","prefix":"sha256=",
            "id_header":"x-delivery","event_type_header":"x-event"}}"#,
    ),
];

/// One request on its way to the handler.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) method: Method,
    pub(crate) source: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) base64: bool,
}

impl Delivery {
    /// An unsigned delivery of JSON.
    pub(crate) fn new(source: &str, body: impl Into<Vec<u8>>) -> Self {
        let (method, source) = (Method::POST, source.to_owned());
        let unsigned = Self { method, source, headers: HeaderMap::new(), body: body.into(), base64: false };
        unsigned.with("content-type", "application/json").with("x-github-event", "push")
    }

    pub(crate) fn options(source: &str) -> Self {
        Self { method: Method::OPTIONS, headers: HeaderMap::new(), ..Self::new(source, "") }
    }

    /// The same with a header in place of one of that name.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(header_name(name), HeaderValue::from_str(value).unwrap());
        self
    }

    /// The same with a further header of that name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.append(header_name(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// The same with the body in base64, which is how API Gateway passes on what it does not know to be text.
    pub(crate) fn in_base64(self) -> Self {
        Self { base64: true, ..self }
    }

    /// The same, signed as its source's document says.
    pub(crate) fn signed(self, id: &str, at: SystemTime) -> Self {
        let document = SOURCES.iter().find(|(name, _)| *name == self.source).expect("a source of these tests").1;
        self.signed_by(document, id, at)
    }

    pub(crate) fn signed_by(mut self, document: &str, id: &str, at: SystemTime) -> Self {
        let at = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let source = Source::from_json(document.as_bytes()).unwrap();
        self.headers.extend(source.sign(id, UnixTime(i64::try_from(at).unwrap()), &self.body).unwrap());
        self
    }

    /// The event of API Gateway, payload format 2.0.
    pub(crate) fn event(&self) -> ApiGatewayV2httpRequest {
        let path = format!("/webhooks/{}", self.source);
        let mut event: ApiGatewayV2httpRequest = serde_json::from_value(json!({
            "version": "2.0",
            "routeKey": format!("{} /webhooks/{{source}}", self.method),
            "rawPath": path,
            "rawQueryString": "",
            "headers": {},
            "pathParameters": {"source": self.source},
            "requestContext": {"http": {"method": self.method.as_str(), "path": path}, "requestId": "made-up="},
            "isBase64Encoded": false,
        }))
        .unwrap();
        event.headers = self.headers.clone();
        let text = String::from_utf8(self.body.clone()).ok().filter(|_| !self.base64);
        event.is_base64_encoded = text.is_none();
        event.body = Some(text.unwrap_or_else(|| STANDARD.encode(&self.body)));
        event
    }
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap()
}

/// The handler, and the ports it stands on.
pub(crate) struct Gate {
    pub(crate) receiver: TestRoute<Receiver<MemoryClaims>>,
    pub(crate) topic: MemoryTopic,
    pub(crate) payloads: MemoryPayloads,
    pub(crate) secrets: MemorySecrets,
    pub(crate) keys: MemoryKeys,
}

/// One key set for every address; none to begin with. Counts how often it is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryKeys(Arc<Mutex<(Option<String>, usize)>>);

impl MemoryKeys {
    pub(crate) fn put(&self, document: &str) {
        self.0.lock().unwrap().0 = Some(document.to_owned());
    }

    pub(crate) fn take_away(&self) {
        self.0.lock().unwrap().0 = None;
    }

    pub(crate) fn fetches(&self) -> usize {
        self.0.lock().unwrap().1
    }
}

impl Keys for MemoryKeys {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let mut keys = self.0.lock().unwrap();
            keys.1 += 1;
            keys.0.clone().map(String::into_bytes).ok_or_else(|| PortError {
                operation: "fetch the key set",
                what: url.to_owned(),
                transient: true,
                source: "made up".into(),
            })
        })
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::at(1_790_000_000)
    }

    /// One whose clock begins so many seconds after the epoch.
    pub(crate) fn at(secs: u64) -> Self {
        let secrets = MemorySecrets::default();
        let keys = MemoryKeys::default();
        for (name, document) in SOURCES {
            secrets.put(&format!("tidegate/webhooks/{name}"), document);
        }
        let (topic, payloads) = (MemoryTopic::default(), MemoryPayloads::default());
        let receiver = TestRoute::new(TestPorts::at(secs), |ports| Receiver {
            max_body_bytes: MAX_BODY_BYTES,
            ports,
            sources: Sources::new(Arc::new(secrets.clone()), "tidegate", Arc::new(keys.clone())),
            claims: MemoryClaims::default(),
            topic: Arc::new(topic.clone()),
            payloads: Arc::new(payloads.clone()),
        });
        Self { receiver, topic, payloads, secrets, keys }
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.receiver.ports.now()
    }

    pub(crate) fn skip(&self, time: Duration) {
        self.receiver.ports.skip(time);
    }

    /// A signed delivery of JSON.
    pub(crate) fn signed(&self, source: &str, id: &str, body: impl Into<Vec<u8>>) -> Delivery {
        Delivery::new(source, body).signed(id, self.now())
    }

    /// A signed push.
    pub(crate) fn push(&self, id: &str) -> Delivery {
        self.signed("github", id, PUSH)
    }

    pub(crate) async fn send(&self, delivery: &Delivery) -> Answer {
        self.send_event(delivery.event()).await
    }

    pub(crate) async fn send_event(&self, event: ApiGatewayV2httpRequest) -> Answer {
        Answer::read(self.receiver.respond(event, TIMEOUT).await)
    }

    /// The events that were published, in order.
    pub(crate) fn published(&self) -> Vec<Event> {
        self.topic.published().iter().map(|message| messaging::from_message(message.body.as_bytes()).unwrap()).collect()
    }

    /// The ids of the events that were published, in order.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.published().iter().map(|event| event.id().to_owned()).collect()
    }

    pub(crate) fn assert_nothing_was_kept(&self, of: &str) {
        assert!(self.receiver.claims.is_empty(), "{of} was claimed");
        assert_eq!(self.topic.published(), [], "{of} was published");
        assert_eq!(self.payloads.keys(), [""; 0], "{of} was kept");
    }
}

/// What the sender gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Checks what holds for every answer: a refusal is problem details, and 503 says when to come back.
    fn read(response: ApiGatewayV2httpResponse) -> Self {
        let status = u16::try_from(response.status_code).unwrap();
        let body = match &response.body {
            Some(Body::Text(text)) => serde_json::from_str(text).unwrap(),
            None => Value::Null,
            other => panic!("not text: {other:?}"),
        };
        let answer = Self { status, headers: response.headers, body };
        if status >= 400 {
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            assert!(answer.kind().is_some(), "{answer:?}");
            assert!(answer.body["title"].is_string() && answer.body["status"] == status, "{answer:?}");
        }
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503, "{answer:?}");
        answer
    }

    /// The last word of a problem's type.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.body["type"].as_str()?.strip_prefix("urn:tidegate:problem:")
    }

    /// The status, and the problem's kind or how the delivery was taken.
    pub(crate) fn told(&self) -> (u16, &str) {
        (self.status, self.kind().or(self.body["status"].as_str()).unwrap_or_default())
    }
}
