//! The order itself: placed, then confirmed or cancelled, never both.
//!
//! A confirmation whose answer was lost is the one step that cannot be undone by doing its opposite, because the world
//! has been told. So the saga asks for it to be withdrawn first: either it has been given, and the order stays
//! confirmed, or it can be given no more, and everything may be undone.
//!
//! ```text
//!            ConfirmOrder
//!   Placed ----------------> Confirmed   (WithdrawConfirmation: AlreadyConfirmed)
//!     | \ WithdrawConfirmation
//!     |  `---------> Withdrawn           (ConfirmOrder: Compensated)
//!     | CancelOrder      | CancelOrder
//!     `------------------`-> Cancelled   (ConfirmOrder: Compensated)
//! ```

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate_events::{
    CallbackUrl, CancelReason, CommandName, CompensationAnswered, CompensationParked, CustomerId, ErrorName, Money,
    Nothing, OrderCancelled, OrderCommand, OrderEvent, OrderPlaced, ParkedAnswer, PricedLine,
};

use crate::{Decision, Misfit, Reply};

/// An order. What only other services need (how it is paid, where it goes) it does not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub customer_id: CustomerId,
    /// What.
    pub lines: Vec<PricedLine>,
    /// What it costs.
    pub total: Money,
    /// Who is told the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<CallbackUrl>,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// How far it is.
    pub status: OrderStatus,
    /// The customer does not want it any more.
    #[serde(default)]
    pub cancellation_requested: bool,
    /// The compensation that waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<CommandName>,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OrderStatus {
    /// Under way.
    Placed,
    /// Under way back: it will not be confirmed.
    Withdrawn,
    /// Done.
    Confirmed,
    /// Undone.
    Cancelled {
        /// Why.
        reason: CancelReason,
    },
}

/// Takes an order.
#[must_use]
pub fn place(placed: OrderPlaced, now: Timestamp) -> Decision<Order> {
    let order = Order {
        customer_id: placed.customer_id.clone(),
        lines: placed.lines.clone(),
        total: placed.total,
        callback_url: placed.callback_url.clone(),
        placed_at: now,
        status: OrderStatus::Placed,
        cancellation_requested: false,
        parked: None,
    };
    Decision::now(order, "placed", OrderEvent::OrderPlaced(placed))
}

/// The customer does not want it any more. Whether that is in time shows later: the payment, which hears of the event,
/// decides between it and the capture. Only what is confirmed is certainly too late.
#[must_use]
pub fn request_cancellation(order: &Order) -> Decision<Order> {
    let mut order = order.clone();
    match order.status {
        OrderStatus::Placed if !order.cancellation_requested => {
            order.cancellation_requested = true;
            Decision::now(order, "cancelling", OrderEvent::OrderCancellationRequested(Nothing {}))
        }
        OrderStatus::Placed | OrderStatus::Withdrawn => Decision::so(order, "cancelling"),
        OrderStatus::Cancelled { .. } => Decision::so(order, "cancelled"),
        OrderStatus::Confirmed => already_confirmed(order),
    }
}

/// A person says what is to become of a parked compensation. The reply is for the token that was parked.
///
/// # Errors
/// [`Misfit`] when that is not what is parked.
pub fn answer_parked(order: &Order, step: CommandName, answer: ParkedAnswer) -> Result<Decision<Order>, Misfit> {
    if order.parked != Some(step) {
        return Err(Misfit { command: step, state: "not parked" });
    }
    let order = Order { parked: None, ..order.clone() };
    let decision = match answer {
        ParkedAnswer::Resolved => Decision::so(order, "resolved"),
        ParkedAnswer::Retry => Decision::no(order, ErrorName::RetryCompensation, "a person wants it tried again"),
    };
    Ok(decision.with(OrderEvent::CompensationAnswered(CompensationAnswered { step, answer })))
}

/// What becomes of a command of the saga.
///
/// # Errors
/// [`Misfit`].
pub fn decide(order: &Order, command: &OrderCommand) -> Result<Decision<Order>, Misfit> {
    use OrderStatus::{Cancelled, Confirmed, Placed, Withdrawn};
    let order = order.clone();
    Ok(match (command, order.status) {
        (OrderCommand::Confirm {}, Placed) => {
            let order = Order { status: Confirmed, ..order };
            Decision::now(order, "confirmed", OrderEvent::OrderConfirmed(Nothing {}))
        }
        (OrderCommand::Confirm {}, Confirmed) => Decision::so(order, "confirmed"),
        (OrderCommand::Confirm {}, Withdrawn | Cancelled { .. }) => Decision::too_late(order),

        (OrderCommand::WithdrawConfirmation {}, Placed) => {
            Decision::so(Order { status: Withdrawn, ..order }, "withdrawn")
        }
        (OrderCommand::WithdrawConfirmation {}, Withdrawn | Cancelled { .. }) => Decision::so(order, "withdrawn"),
        (OrderCommand::WithdrawConfirmation {}, Confirmed) => already_confirmed(order),

        (OrderCommand::Cancel { reason }, Placed | Withdrawn) => {
            let reason = CancelReason::of_error(reason);
            let event = OrderEvent::OrderCancelled(OrderCancelled { reason });
            Decision::now(Order { status: Cancelled { reason }, ..order }, "cancelled", event)
        }
        (OrderCommand::Cancel { .. }, Cancelled { .. }) => Decision::so(order, "cancelled"),
        (OrderCommand::Cancel { .. }, Confirmed) => {
            return Err(Misfit { command: command.name(), state: "a confirmed order" });
        }

        (OrderCommand::Park { step, error }, _) => {
            // The saga may park what it has parked, with a new token, when it was redriven; it is told once.
            let events = if order.parked == Some(*step) {
                Vec::new()
            } else {
                let parked = CompensationParked { step: *step, error: error.name.clone() };
                vec![OrderEvent::CompensationParked(parked)]
            };
            Decision { state: Order { parked: Some(*step), ..order }, reply: Reply::Later, events }
        }
    })
}

fn already_confirmed(order: Order) -> Decision<Order> {
    Decision::no(order, ErrorName::AlreadyConfirmed, "the order has been confirmed")
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
