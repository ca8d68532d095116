//! What the saga is started with.

use serde::Serialize;
use tidegate_cloudevents::Event;

use crate::{Address, CorrelationId, Line, Money, OrderEvent, OrderId, PaymentMethod, ReadError};

/// The input of an execution of `order-saga`. Derived from the event alone, so that the same event starts it with the
/// same input, which is what tells a repeated start from another order under the same name.
///
/// Every member is always there: a path into an input that lacks it fails the execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SagaInput {
    /// Which order; the execution's name as well.
    pub order_id: OrderId,
    /// The piece of work it belongs to.
    pub correlation_id: Option<CorrelationId>,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// What to reserve and ship.
    pub lines: Vec<Line>,
    /// What to collect.
    pub amount: Money,
    /// By which means.
    pub payment_method: PaymentMethod,
    /// Where to ship to.
    pub address: Address,
}

impl SagaInput {
    /// The input for the order that an `OrderPlaced` tells of. Nothing for other events.
    ///
    /// # Errors
    /// [`ReadError`] when the event is none that this version knows.
    pub fn of(event: &Event) -> Result<Option<Self>, ReadError> {
        let (order_id, OrderEvent::OrderPlaced(placed)) = OrderEvent::read(event)? else { return Ok(None) };
        Ok(Some(Self {
            order_id,
            correlation_id: event.correlationid().and_then(|it| it.parse().ok()),
            traceparent: event.traceparent().map(str::to_owned),
            lines: placed.lines.into_iter().map(|it| it.line).collect(),
            amount: placed.total,
            payment_method: placed.payment_method,
            address: placed.address,
        }))
    }
}
