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

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use tidegate_outbox::AggregateStore;
use tidegate_runtime::priming::Sample;
use tidegate_runtime::problem::Problem;
use tidegate_runtime::route::Handler;
use tidegate_runtime::{Call, Ports};

pub use dynamodb::DynamoDbViews;
pub use views::{MAX_ENTRIES, Page, Position, Views};

use crate::request::{Request, Route};

#[derive(Debug)]
pub struct Api<C, V> {
    /// The largest body that is taken.
    pub max_body_bytes: usize,
    pub ports: Arc<dyn Ports>,
    /// The orders themselves.
    pub store: C,
    /// Lists and timelines.
    pub views: V,
}

impl<C: AggregateStore, V: Views> Handler for Api<C, V> {
    const SAMPLE: Sample = Sample { event: include_str!("sample.json"), answers: &[] };

    async fn handle(&self, event: ApiGatewayV2httpRequest, call: &Call) -> Result<ApiGatewayV2httpResponse, Problem> {
        let trace = call.trace.child(self.ports.random());
        let request = Request::read(event, self.max_body_bytes)?;
        match &request.route {
            Route::Place => self.place(&request, trace).await,
            Route::List => self.list(&request).await,
            Route::Read { order } => self.read(&request, order).await,
            Route::Cancel { order } => self.cancel(&request, order, trace).await,
        }
    }
}
