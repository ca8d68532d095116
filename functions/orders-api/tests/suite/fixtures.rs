//! Requests as API Gateway hands them over, and the handler with what it stands on. All people and keys are made up.

use std::time::{Duration, SystemTime};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::encodings::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use orders_api::Api;
use serde_json::{Map, Value, json};
use tidegate_events::{About, OrderCommand, OrderEvent, OrderId, TimelineEntry};
use tidegate_orders::{Order, order};
use tidegate_outbox::{AggregateId, Change, Decision, Loaded, Write, handle};
use tidegate_runtime::Ports;
use tidegate_testkit::{TestPorts, TestRoute};

use crate::document;
use crate::memory::MemoryOrders;

pub(crate) const MAX_BODY_BYTES: usize = 16 * 1024;
pub(crate) const MONA: &str = "customer-mona";
pub(crate) const OTTO: &str = "customer-otto";

/// The body of an order that is good.
pub(crate) fn body() -> Value {
    serde_json::from_str(include_str!("../../../../crates/events/tests/fixtures/place-order.json")).unwrap()
}

/// One request on its way to the handler, by Mona, with both scopes.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    query: Map<String, Value>,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    base64: bool,
    claims: Option<Value>,
    stage: String,
}

impl Call {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|it| it.split_once('='));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: pairs.map(|(name, value)| (name.to_owned(), value.into())).collect(),
            headers: HeaderMap::new(),
            body: None,
            base64: false,
            claims: Some(json!({ "sub": MONA, "scope": "orders/read orders/write", "token_use": "access" })),
            stage: "$default".to_owned(),
        }
    }

    pub(crate) fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn cancel(order: &str) -> Self {
        Self::new("POST", &format!("/orders/{order}/cancellation"))
    }

    pub(crate) fn place(key: &str, body: impl Into<Vec<u8>>) -> Self {
        let call = Self { body: Some(body.into()), ..Self::new("POST", "/orders") };
        call.with("content-type", "application/json").with("idempotency-key", key)
    }

    pub(crate) fn to(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    pub(crate) fn by(mut self, customer: &str) -> Self {
        self.claims.as_mut().unwrap()["sub"] = customer.into();
        self
    }

    pub(crate) fn scoped(mut self, scope: &str) -> Self {
        self.claims.as_mut().unwrap()["scope"] = scope.into();
        self
    }

    pub(crate) fn claiming(self, claims: impl Into<Option<Value>>) -> Self {
        Self { claims: claims.into(), ..self }
    }

    pub(crate) fn at_stage(self, stage: &str) -> Self {
        Self { stage: stage.to_owned(), ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(header_name(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.append(header_name(name), HeaderValue::from_str(value).unwrap());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    pub(crate) fn in_base64(self) -> Self {
        Self { base64: true, ..self }
    }

    pub(crate) fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// The event of API Gateway, payload format 2.0.
    fn event(&self) -> ApiGatewayV2httpRequest {
        let stage = if self.stage == "$default" { String::new() } else { format!("/{}", self.stage) };
        let path = format!("{stage}{}", self.path);
        let mut event: ApiGatewayV2httpRequest = serde_json::from_value(json!({
            "version": "2.0",
            "routeKey": format!("{} {}", self.method, self.path),
            "rawPath": path,
            "rawQueryString": "",
            "queryStringParameters": self.query,
            "headers": {},
            "requestContext": {
                "http": { "method": self.method, "path": path },
                "requestId": "made-up=",
                "stage": self.stage,
                "authorizer": self.claims.as_ref().map(|claims| json!({ "jwt": { "claims": claims, "scopes": [] } })),
            },
            "isBase64Encoded": false,
        }))
        .unwrap();
        event.headers = self.headers.clone();
        if let Some(body) = &self.body {
            let text = String::from_utf8(body.clone()).ok().filter(|_| !self.base64);
            event.is_base64_encoded = text.is_none();
            event.body = Some(text.unwrap_or_else(|| STANDARD.encode(body)));
        }
        event
    }
}

fn header_name(name: &str) -> HeaderName {
    HeaderName::from_bytes(name.as_bytes()).unwrap()
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Null where there is no body.
    pub(crate) body: Value,
}

impl Answer {
    fn of(response: ApiGatewayV2httpResponse) -> Self {
        let body = match response.body {
            Some(Body::Text(text)) => serde_json::from_str(&text).unwrap(),
            None => Value::Null,
            other => panic!("{other:?}"),
        };
        Self { status: u16::try_from(response.status_code).unwrap(), headers: response.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The word of a problem.
    pub(crate) fn problem(&self) -> &str {
        self.body["type"].as_str().and_then(|it| it.strip_prefix("urn:tidegate:problem:")).unwrap_or_default()
    }

    /// Where a body is wrong.
    pub(crate) fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|it| it["pointer"].as_str().unwrap()).collect()
    }

    pub(crate) fn order_id(&self) -> &str {
        self.body["order_id"].as_str().unwrap()
    }
}

/// The handler, and what it stands on.
pub(crate) struct Shop {
    pub(crate) api: TestRoute<Api<MemoryOrders, MemoryOrders>>,
    pub(crate) orders: MemoryOrders,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let orders = MemoryOrders::default();
        let start = SystemTime::UNIX_EPOCH + Duration::new(1_790_000_000, 123_456_789);
        let (store, views) = (orders.clone(), orders.clone());
        let ports = TestPorts::from(start);
        let api = TestRoute::new(ports, |ports| Api { max_body_bytes: MAX_BODY_BYTES, ports, store, views });
        Self { api, orders }
    }

    /// The answer, which is held against the API's description.
    pub(crate) async fn ask(&self, call: &Call) -> Answer {
        let answer = Answer::of(self.api.respond(call.event(), Duration::from_secs(10)).await);
        document::check(call, &answer);
        answer
    }

    /// Places Mona's order, and says its id.
    pub(crate) async fn placed(&self, key: &str) -> String {
        let answer = self.ask(&Call::place(key, body().to_string())).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        self.api.ports.skip(Duration::from_secs(1));
        answer.order_id().to_owned()
    }

    pub(crate) fn now(&self) -> jiff::Timestamp {
        self.api.ports.now().try_into().unwrap()
    }

    /// Lets the saga ask something of an order.
    pub(crate) async fn command(&self, id: &str, command: OrderCommand) {
        let now = self.now();
        let decide = |loaded: Loaded<'_>| {
            let order: Order = loaded.home.state_as().unwrap().unwrap();
            let state = order::decide(&order, &command, None, now).unwrap().state;
            let change = Change::new(loaded.home.aggregate().clone(), &state).unwrap();
            Ok::<_, String>(Decision::changes([change.index(state.index())]))
        };
        let write = Write::to(AggregateId::new(id).unwrap());
        handle(&*self.orders.store, &write, self.api.ports.now(), |_| Vec::new(), decide).await.unwrap();
    }

    /// Lets a service tell of an order.
    pub(crate) fn tell(&self, id: &str, event: &OrderEvent) {
        let order_id: OrderId = id.parse().unwrap();
        let (time, number) = (self.now(), self.orders.said.lock().unwrap().len());
        let about = About { order_id: &order_id, time, cause: None, correlation_id: None, traceparent: None };
        let event = event.to_cloudevent(&about).id(format!("{id}/{number}/0")).build().unwrap();
        self.orders.said.lock().unwrap().push(TimelineEntry::of(&event).unwrap());
        self.api.ports.skip(Duration::from_secs(1));
    }
}
