//! `/orders`: place, read, list and cancel orders.
//!
//! Whatever changes an order is one conditional write of the order, with the event in its outbox. Placing is
//! that write and nothing else: the order's id is derived from its customer and the `Idempotency-Key`, so an equal request
//! finds the order there (docs/decisions/0022-orders-api.md). What other services have to do follows from the event that
//! the relay publishes; none is called from here.
//!
//! docs/openapi/orders.yaml describes the API; the tests hold every answer against it.

mod answer;
mod cancel;
mod dynamodb;
mod list;
mod orders;
mod place;
mod read;
mod request;
mod views;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use http::HeaderMap;
use tidegate_outbox::{AggregateId, AggregateStore};
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::problem::Problem;
use tidegate_runtime::trace::TraceContext;
use tracing::{Instrument, info, info_span};

pub use dynamodb::DynamoDbViews;
pub use views::{MAX_ENTRIES, Page, Position, Views};

use crate::request::{Request, Route};

/// What Lambda gives of one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of the request.
    pub request_id: String,
    /// X-Ray's trace header.
    pub xray: Option<String>,
}

/// The handler, over its ports.
#[derive(Debug)]
pub struct Api<A, C, V> {
    /// The largest body that is taken.
    pub max_body_bytes: usize,
    /// Time and randomness.
    pub ambient: A,
    /// The orders themselves.
    pub store: C,
    /// Lists and timelines.
    pub views: V,
}

impl<A: Ambient, C: AggregateStore, V: Views> Api<A, C, V> {
    /// Opens the connection to the table and runs the signing code once, so that the first request does not pay for it.
    /// Failing here harms nothing, so nothing is returned.
    pub async fn warm(&self) {
        if let Ok(nothing) = AggregateId::new("warm") {
            let _ = self.store.load(&nothing).await;
        }
    }

    /// Answers one request.
    pub async fn handle(&self, event: ApiGatewayV2httpRequest, invocation: Invocation) -> ApiGatewayV2httpResponse {
        let trace = trace(&event.headers, &invocation, self.ambient.random());
        let span = info_span!(
            "order",
            request_id = invocation.request_id,
            trace_id = trace.trace_id(),
            order_id = tracing::field::Empty,
        );
        self.answer(event, trace.child(self.ambient.random())).instrument(span).await
    }

    async fn answer(&self, event: ApiGatewayV2httpRequest, trace: TraceContext) -> ApiGatewayV2httpResponse {
        let answered = match Request::read(event, self.max_body_bytes) {
            Ok(request) => match &request.route {
                Route::Place => self.place(&request, trace).await,
                Route::List => self.list(&request).await,
                Route::Read { order } => self.read(&request, order).await,
                Route::Cancel { order } => self.cancel(&request, order, trace).await,
            },
            Err(problem) => Err(problem),
        };
        answered.unwrap_or_else(|problem: Problem| {
            info!(status = problem.status().as_u16(), problem = problem.kind(), "refused");
            problem.into()
        })
    }
}

/// The client's trace, or X-Ray's, or a new one.
fn trace(headers: &HeaderMap, invocation: &Invocation, random: u128) -> TraceContext {
    let header = headers.get("traceparent").and_then(|value| value.to_str().ok());
    header
        .and_then(TraceContext::from_traceparent)
        .or_else(|| invocation.xray.as_deref().and_then(TraceContext::from_xray))
        .unwrap_or_else(|| TraceContext::start(random))
}
