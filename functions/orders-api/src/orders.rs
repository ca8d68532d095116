//! One order: loaded for the customer who asks, and committed with what is to be said of it.

use std::time::SystemTime;

use http::StatusCode;
use jiff::Timestamp;
use tidegate_cloudevents::JsonText;
use tidegate_events::{About, CommandId, CorrelationId, CustomerId, OrderId};
use tidegate_orders::{Decision, Order};
use tidegate_outbox::{AggregateId, AggregateStore, Change, Command, Commit, CommitError, Image, Reply, StoreError};
use tidegate_runtime::PortError;
use tidegate_runtime::problem::Problem;
use tidegate_runtime::trace::TraceContext;
use tracing::{error, warn};

/// An order and the version of it.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) image: Image,
    pub(crate) order: Order,
}

/// What is said of a change beside the change.
#[derive(Debug)]
pub(crate) struct Circumstances {
    pub(crate) now: SystemTime,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) trace: TraceContext,
}

/// What the API asks of an order. It is the cause of the events.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Place,
    Cancel,
}

/// The customer's order. That of somebody else is none.
pub(crate) async fn load(store: &impl AggregateStore, id: &OrderId, customer: &CustomerId) -> Result<Loaded, Problem> {
    find(store, id).await?.filter(|it| it.order.customer_id == *customer).ok_or_else(unknown)
}

/// Any customer's order.
pub(crate) async fn find(store: &impl AggregateStore, id: &OrderId) -> Result<Option<Loaded>, Problem> {
    let image = store.load(&aggregate(id)?).await.map_err(|error| unstored(&error))?;
    match image.state_as() {
        Ok(order) => Ok(order.map(|order| Loaded { image, order })),
        Err(_) => {
            error!(order_id = id.as_str(), "the order's state cannot be read");
            Err(broken())
        }
    }
}

/// Writes a decision over the image that it was made from. False where somebody else was quicker.
pub(crate) async fn commit(
    store: &impl AggregateStore,
    (id, image): (&OrderId, &Image),
    asked: Asked,
    decision: &Decision<Order>,
    circumstances: &Circumstances,
) -> Result<bool, Problem> {
    let commit = written(id, image, asked, decision, circumstances).map_err(|error| {
        error!(error = tidegate_runtime::chain(&*error), "the order cannot be written");
        broken()
    })?;
    match store.commit(&commit).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(CommitError::Store(error)) => Err(unstored(&error)),
    }
}

fn written(
    id: &OrderId,
    image: &Image,
    asked: Asked,
    decision: &Decision<Order>,
    circumstances: &Circumstances,
) -> Result<Commit, Box<dyn std::error::Error + Send + Sync>> {
    let step = match asked {
        Asked::Place => "PlaceOrder",
        Asked::Cancel => "RequestCancellation",
    };
    let cause: CommandId = format!("{id}/{step}", id = id.as_str()).parse()?;
    let traceparent = circumstances.trace.to_string();
    let about = About {
        order_id: id,
        time: timestamp(circumstances.now),
        cause: Some(&cause),
        correlation_id: circumstances.correlation.as_ref(),
        traceparent: Some(&traceparent),
    };
    let aggregate = image.aggregate().clone();
    let events = decision.events.iter().map(|event| event.to_cloudevent("-", &about)).collect::<Result<_, _>>()?;
    let change = Change {
        aggregate: aggregate.clone(),
        state: JsonText::of(&decision.state)?,
        index: decision.state.index(),
        events,
    };
    let command = Command { id: tidegate_outbox::CommandId::new(cause.as_str())?, home: aggregate, token: None };
    let decision = tidegate_outbox::Decision { reply: Reply::success(&step)?, changes: vec![change] };
    Ok(Commit::decided(&command, std::slice::from_ref(image), decision, circumstances.now)?)
}

/// Only a clock that is ten thousand years off is no timestamp.
pub(crate) fn timestamp(now: SystemTime) -> Timestamp {
    Timestamp::try_from(now).unwrap_or(Timestamp::MAX)
}

/// The aggregate of an order: it has the order's id.
pub(crate) fn aggregate(id: &OrderId) -> Result<AggregateId, Problem> {
    AggregateId::new(id.as_str()).map_err(|_| unknown())
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

fn unstored(error: &StoreError) -> Problem {
    warn!(error = tidegate_runtime::chain(error), "the table did not answer");
    try_again()
}
