//! One order: loaded for the customer who asks, and written with its events.

use std::time::SystemTime;

use http::StatusCode;
use jiff::Timestamp;
use tidegate_events::{About, CommandId, CorrelationId, CustomerId, OrderId};
use tidegate_orders::{Order, Transition};
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, Decision, HandleError, Handled, Image, Loaded, StoreError, Write, handle,
};
use tidegate_runtime::PortError;
use tidegate_runtime::problem::Problem;
use tidegate_runtime::trace::TraceContext;
use tracing::{error, warn};

/// What the events of a request have beside what happened.
#[derive(Debug)]
pub(crate) struct RequestContext {
    pub(crate) operation: Operation,
    pub(crate) now: SystemTime,
    pub(crate) correlation_id: Option<CorrelationId>,
    pub(crate) trace: TraceContext,
}

/// What is asked of an order. It is the cause of the events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    PlaceOrder,
    RequestCancellation,
}

/// The customer's order. That of another customer is none.
pub(crate) async fn load(store: &impl AggregateStore, id: &OrderId, customer: &CustomerId) -> Result<Order, Problem> {
    let image = store.load(&AggregateId::from(id)).await.map_err(|error| unstored(&error))?;
    stored(&image)?.filter(|order| order.customer_id == *customer).ok_or_else(unknown)
}

/// The order in an image, of any customer.
pub(crate) fn stored(image: &Image) -> Result<Option<Order>, Problem> {
    image.state_as().map_err(|error| {
        error!(error = tidegate_runtime::chain(&error), "the order cannot be read");
        broken()
    })
}

/// Writes what `transition` decides about an order that may be stored; nothing where it decides on nothing.
pub(crate) async fn write(
    store: &impl AggregateStore,
    write: &Write,
    id: &OrderId,
    context: &RequestContext,
    transition: impl Fn(Option<Order>) -> Result<Option<Transition<Order>>, Problem>,
) -> Result<Handled, Problem> {
    let decide = |loaded: Loaded<'_>| match transition(stored(loaded.home)?)? {
        Some(transition) => decision(id, &transition, context).map_err(|error| unwritable(&*error)),
        None => Ok(Decision::default()),
    };
    handle(store, write, context.now, |_| Vec::new(), decide).await.map_err(|error| match error {
        HandleError::Decision(problem) => problem,
        HandleError::Refused(error) => unwritable(&error),
        HandleError::Conflict { .. } => try_again(),
        HandleError::Store(error) => unstored(&error),
    })
}

fn decision(
    id: &OrderId,
    transition: &Transition<Order>,
    context: &RequestContext,
) -> Result<Decision, Box<dyn std::error::Error + Send + Sync>> {
    let operation = match context.operation {
        Operation::PlaceOrder => "PlaceOrder",
        Operation::RequestCancellation => "RequestCancellation",
    };
    let traceparent = context.trace.to_string();
    let about = About {
        order_id: id,
        time: timestamp(context.now),
        cause: Some(&CommandId::of_step(id.as_str(), operation)?),
        correlation_id: context.correlation_id.as_ref(),
        traceparent: Some(&traceparent),
    };
    let Transition { state, events, .. } = transition;
    let change = Change::new(AggregateId::from(id), state)?.index(state.index());
    Ok(Decision::changes([change.events(events.iter().map(|event| event.to_cloudevent(&about)))]))
}

/// Only a clock that is ten thousand years off is no timestamp.
pub(crate) fn timestamp(now: SystemTime) -> Timestamp {
    Timestamp::try_from(now).unwrap_or(Timestamp::MAX)
}

/// The same answer for an order that is not there, one of somebody else, and what can be none.
pub(crate) fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-order", "There is no such order")
}

/// Something that trying again will not mend. What it is stands in the log.
pub(crate) fn broken() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", "Something is broken here")
        .detail("a person has to look; sending the same again does no harm")
}

pub(crate) fn try_again() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "try-again", "This cannot be done at the moment")
        .detail("send the same request again, an order under the same Idempotency-Key")
        .retry_after_secs(2)
}

/// A view that could not be read.
pub(crate) fn unread(error: &PortError) -> Problem {
    if error.transient {
        warn!(error = tidegate_runtime::chain(error), "a view did not answer");
        return try_again();
    }
    error!(error = tidegate_runtime::chain(error), "a view cannot be read");
    broken()
}

fn unwritable(error: &(dyn std::error::Error + 'static)) -> Problem {
    error!(error = tidegate_runtime::chain(error), "the order cannot be written");
    broken()
}

fn unstored(error: &StoreError) -> Problem {
    warn!(error = tidegate_runtime::chain(error), "the table did not answer");
    try_again()
}
