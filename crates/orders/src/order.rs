//! The order itself: placed, then confirmed or cancelled, never both.
//!
//! A confirmation whose answer was lost is the one step that cannot be undone by doing its opposite, because the world
//! has acted on it. So the saga asks for it to be withdrawn first: either it has been given, and the order stays
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
    Nothing, OrderCancelled, OrderCommand, OrderEvent, OrderPlaced, ParkedAnswer, PricedLine, TaskToken,
};

use crate::decision::{Completion, InvalidTransition, Transition};

/// An order. What only other services need (how it is paid, where it goes) it does not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Whose it is.
    pub customer_id: CustomerId,
    pub lines: Vec<PricedLine>,
    pub total: Money,
    /// Where the outcome is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<CallbackUrl>,
    pub placed_at: Timestamp,
    /// How far it is.
    pub status: OrderStatus,
    /// The customer does not want it any more.
    #[serde(default)]
    pub cancellation_requested: bool,
    /// The compensation that waits for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    /// The digest of what its customer wrote, which tells a repeated request from another one under the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_digest: Option<String>,
}

/// A compensation that keeps failing, and by what the saga is answered that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    pub step: CommandName,
    /// The name of the error that it ended with last.
    pub error: String,
    /// Since when.
    pub at: Timestamp,
    /// By which the saga is answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TaskToken>,
}

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum OrderStatus {
    /// Under way.
    Placed,
    /// Under way back: it will not be confirmed.
    Withdrawn,
    Confirmed,
    Cancelled {
        reason: CancelReason,
    },
}

impl Order {
    /// What the table's indexes find it by: its customer and when it was placed (`by-customer`), and whether and since
    /// when it waits for a person (`parked`). Times have a fixed width, so that they are in order as texts.
    #[must_use]
    pub fn index(&self) -> Vec<(String, String)> {
        let mut index = vec![
            ("customer_id", self.customer_id.as_str().to_owned()),
            ("placed_at", format!("{:.9}", self.placed_at)),
        ];
        if let Some(parked) = &self.parked {
            index.extend([("parked", "yes".to_owned()), ("parked_at", format!("{:.9}", parked.at))]);
        }
        index.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
    }
}

/// Takes an order. `request_digest` is that of what the customer wrote.
#[must_use]
pub fn place(placed: OrderPlaced, request_digest: Option<String>, now: Timestamp) -> Transition<Order> {
    let order = Order {
        customer_id: placed.customer_id.clone(),
        lines: placed.lines.clone(),
        total: placed.total,
        callback_url: placed.callback_url.clone(),
        placed_at: now,
        status: OrderStatus::Placed,
        cancellation_requested: false,
        parked: None,
        request_digest,
    };
    Transition::done_with(order, "placed", OrderEvent::OrderPlaced(placed))
}

/// The customer does not want it any more. Whether that is in time shows later: the payment, which gets the event,
/// decides between it and the capture. Only what is confirmed is certainly too late.
#[must_use]
pub fn request_cancellation(order: &Order) -> Transition<Order> {
    let mut order = order.clone();
    match order.status {
        OrderStatus::Placed if !order.cancellation_requested => {
            order.cancellation_requested = true;
            Transition::done_with(order, "cancelling", OrderEvent::OrderCancellationRequested(Nothing {}))
        }
        OrderStatus::Placed | OrderStatus::Withdrawn => Transition::done(order, "cancelling"),
        OrderStatus::Cancelled { .. } => Transition::done(order, "cancelled"),
        OrderStatus::Confirmed => already_confirmed(order),
    }
}

/// The completion is for the token that was parked.
fn answer_parked(
    order: Order,
    step: CommandName,
    answer: ParkedAnswer,
) -> Result<Transition<Order>, InvalidTransition> {
    if order.parked.as_ref().is_none_or(|it| it.step != step) {
        return Err(InvalidTransition {
            command: CommandName::AnswerCompensation,
            state: "an order that is not parked",
        });
    }
    let order = Order { parked: None, ..order };
    let answered = OrderEvent::CompensationAnswered(CompensationAnswered { step, answer });
    Ok(match (answer, step, order.status) {
        (ParkedAnswer::Retry, ..) => {
            Transition::refused(order, ErrorName::RetryCompensation, "a person wants it tried again").with(answered)
        }
        // The order is here: that it is resolved is that it is cancelled. Nothing else of the saga comes to say so.
        (ParkedAnswer::Resolved, CommandName::CancelOrder, OrderStatus::Placed | OrderStatus::Withdrawn) => {
            let reason = CancelReason::TechnicalFailure;
            let order = Order { status: OrderStatus::Cancelled { reason }, ..order };
            let cancelled = OrderEvent::OrderCancelled(OrderCancelled { reason });
            Transition::done_with(order, "resolved", answered).with(cancelled)
        }
        (ParkedAnswer::Resolved, ..) => Transition::done_with(order, "resolved", answered),
    })
}

/// What becomes of a command. `token` is by which the asker is answered; what is parked keeps it. The completion of
/// [`OrderCommand::Answer`] is not for its sender but for the token that was parked.
///
/// # Errors
/// [`InvalidTransition`], also when what a person answers is not what is parked.
pub fn decide(
    order: &Order,
    command: &OrderCommand,
    token: Option<&TaskToken>,
    now: Timestamp,
) -> Result<Transition<Order>, InvalidTransition> {
    use OrderStatus::{Cancelled, Confirmed, Placed, Withdrawn};
    let order = order.clone();
    Ok(match (command, order.status) {
        (OrderCommand::Confirm {}, Placed) => {
            let order = Order { status: Confirmed, ..order };
            Transition::done_with(order, "confirmed", OrderEvent::OrderConfirmed(Nothing {}))
        }
        (OrderCommand::Confirm {}, Confirmed) => Transition::done(order, "confirmed"),
        (OrderCommand::Confirm {}, Withdrawn | Cancelled { .. }) => Transition::compensated(order),

        (OrderCommand::WithdrawConfirmation {}, Placed) => {
            Transition::done(Order { status: Withdrawn, ..order }, "withdrawn")
        }
        (OrderCommand::WithdrawConfirmation {}, Withdrawn | Cancelled { .. }) => Transition::done(order, "withdrawn"),
        (OrderCommand::WithdrawConfirmation {}, Confirmed) => already_confirmed(order),

        (OrderCommand::Cancel { reason }, Placed | Withdrawn) => {
            let reason = CancelReason::of_error(reason);
            let event = OrderEvent::OrderCancelled(OrderCancelled { reason });
            Transition::done_with(Order { status: Cancelled { reason }, ..order }, "cancelled", event)
        }
        (OrderCommand::Cancel { .. }, Cancelled { .. }) => Transition::done(order, "cancelled"),
        (OrderCommand::Cancel { .. }, Confirmed) => {
            return Err(InvalidTransition { command: command.name(), state: "a confirmed order" });
        }

        (OrderCommand::Park { step, error }, _) => {
            // The saga parks anew what it has parked, with a new token: each day, and when it was redriven. That is told
            // once, and has waited since the first time.
            let before = order.parked.as_ref().filter(|it| it.step == *step).map(|it| it.at);
            let events = match before {
                Some(_) => Vec::new(),
                None => {
                    let parked = CompensationParked { step: *step, error: error.name.clone() };
                    vec![OrderEvent::CompensationParked(parked)]
                }
            };
            let at = before.unwrap_or(now);
            let parked = Parked { step: *step, error: error.name.clone(), at, token: token.cloned() };
            Transition { state: Order { parked: Some(parked), ..order }, completion: Completion::Deferred, events }
        }
        (OrderCommand::Answer { step, answer }, _) => return answer_parked(order, *step, *answer),
    })
}

fn already_confirmed(order: Order) -> Transition<Order> {
    Transition::refused(order, ErrorName::AlreadyConfirmed, "the order has been confirmed")
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
