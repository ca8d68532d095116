//! The payment of an order: authorised, then captured; voided or refunded when it has to be undone.
//!
//! The money is with a provider, who is asked in between. What is certain about the provider, and what all of this rests
//! on:
//!
//! - Asked twice to authorise under one key, it authorises once and answers the same twice.
//! - To cancel, capture or refund what already is so is the same as to have done it. These requests have no key: Stripe
//!   repeats the answer to a key for a day even if that was its own failure, and a person who has a compensation tried
//!   again means a real attempt.
//! - It decides between a capture and a cancellation that race: one of them is told of the other.
//!
//! An authorisation is written down before it is asked for. Whoever undoes it then knows that it may have happened, and
//! under which key; it asks the same again, learns the payment's id, and cancels that:
//!
//! ```text
//!   A (AuthorisePayment)  record . ask .... dies, or sleeps
//!   U (UndoPayment)                          ask the same: the same id . cancel . write Voided
//!   A wakes                                                                  . write: refused . load: Voided -> Compensated
//!   A wakes before it has asked              . ask the same: the same id, cancelled long since . write: refused
//! ```

use serde::{Deserialize, Serialize};
use tidegate_events::{
    CommandId, ErrorName, Money, OrderEvent, PaymentCommand, PaymentDeclined, PaymentFact, PaymentId, PaymentMethod,
    PaymentOf, Reason,
};

use crate::decision::{InvalidTransition, Next, Transition};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// How far it is.
    pub status: PaymentStatus,
    /// The customer has withdrawn: what is not yet authorised or captured will not be.
    #[serde(default)]
    pub stopped: bool,
}

/// How far a payment is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum PaymentStatus {
    /// No command has come yet.
    #[default]
    None,
    /// The provider is being asked, or has been, or will be.
    Authorising {
        /// Under which key.
        key: CommandId,
        amount: Money,
        payment_method: PaymentMethod,
    },
    /// The money is certain.
    Authorised(PaymentOf),
    /// The money is ours.
    Captured(PaymentOf),
    /// The provider said no.
    Declined,
    /// Given back before it was captured.
    Voided(PaymentOf),
    /// Given back after it was captured.
    Refunded(PaymentOf),
    Expired(PaymentOf),
    /// Undone before anything was authorised: nothing will be.
    Undone,
}

/// What the provider is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// To make sure of the money.
    Authorise {
        /// The same for the same authorisation.
        key: CommandId,
        amount: Money,
        payment_method: PaymentMethod,
    },
    /// To take it.
    Capture { payment_id: PaymentId },
    /// To let go of what was authorised.
    Cancel { payment_id: PaymentId },
    /// To give all of it back.
    Refund { payment_id: PaymentId },
}

/// What the provider answers. That it could not be reached, or is busy, is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Authorised {
        /// What the provider calls it.
        payment_id: PaymentId,
    },
    /// Only the customer at a screen could go on, which is too late here.
    RequiresAction {
        /// What the provider calls it.
        payment_id: PaymentId,
        /// In the provider's word.
        reason: Reason,
    },
    Declined {
        /// In the provider's word.
        reason: Reason,
    },
    /// Captured, now or before.
    Captured,
    /// Cancelled, now or before, or lapsed.
    Cancelled,
    /// Refunded, now or before.
    Refunded,
}

/// What becomes of a command. `id` is the command's, `answers` are those to what this decision has asked so far.
///
/// # Errors
/// [`InvalidTransition`].
pub fn decide(
    payment: &Payment,
    command: &PaymentCommand,
    id: &CommandId,
    answers: &[Answer],
) -> Result<Next<Payment, Request>, InvalidTransition> {
    let next = match command {
        PaymentCommand::Authorise { amount, payment_method } => {
            authorise(payment, *amount, payment_method, id, answers)
        }
        PaymentCommand::Capture {} => capture(payment, answers),
        PaymentCommand::Undo {} => undo(payment, answers),
        PaymentCommand::Stop {} => Ok(Next::Done(stop(payment))),
        PaymentCommand::Settle {} => settle(payment, answers),
        PaymentCommand::Reconcile { status } => Ok(Next::Done(reconcile(payment, *status))),
    };
    next.map_err(|state| InvalidTransition { command: command.name(), state })
}

/// Or the word for a state that does not fit.
type Step = Result<Next<Payment, Request>, &'static str>;

const UNFIT_ANSWER: &str = "the provider's answer";

impl Payment {
    fn becomes(&self, status: PaymentStatus) -> Self {
        Self { status, stopped: self.stopped }
    }
}

fn authorise(payment: &Payment, amount: Money, method: &PaymentMethod, id: &CommandId, answers: &[Answer]) -> Step {
    use PaymentStatus::{Authorised, Authorising, Captured, Declined, Expired, None, Refunded, Undone, Voided};
    Ok(Next::Done(match &payment.status {
        None if payment.stopped => withdrawn(payment),
        None => {
            let status = Authorising { key: id.clone(), amount, payment_method: method.clone() };
            return Ok(Next::Record(payment.becomes(status)));
        }
        Authorising { key, amount, payment_method } => match answers {
            [] => return Ok(Next::Ask(ask_to_authorise(key, *amount, payment_method))),
            [Answer::Authorised { payment_id }] => {
                let it = PaymentOf { payment_id: payment_id.clone(), amount: *amount };
                let event = OrderEvent::PaymentAuthorised(it.clone());
                Transition::done_with(payment.becomes(Authorised(it)), "authorised", event)
            }
            [Answer::Declined { reason }] => declined_now(payment, *amount, reason.clone()),
            // It would stay open, and the customer could complete it after the order is gone.
            [Answer::RequiresAction { payment_id, .. }] => {
                return Ok(Next::Ask(Request::Cancel { payment_id: payment_id.clone() }));
            }
            [Answer::RequiresAction { reason, .. }, Answer::Cancelled] => {
                declined_now(payment, *amount, reason.clone())
            }
            _ => return Err(UNFIT_ANSWER),
        },
        Authorised(_) | Captured(_) => Transition::done(payment.clone(), "authorised"),
        Declined => declined(payment.clone()),
        Voided(_) | Refunded(_) | Expired(_) | Undone => Transition::compensated(payment.clone()),
    }))
}

fn capture(payment: &Payment, answers: &[Answer]) -> Step {
    use PaymentStatus::{Authorised, Authorising, Captured, Declined, Expired, None, Refunded, Undone, Voided};
    Ok(Next::Done(match (&payment.status, answers) {
        (Authorised(_), []) if payment.stopped => withdrawn(payment),
        (Authorised(it), []) => return Ok(Next::Ask(Request::Capture { payment_id: it.payment_id.clone() })),
        (Authorised(it), [Answer::Captured]) => captured(payment, it),
        (Authorised(it), [Answer::Cancelled]) => {
            let expired = declined(payment.becomes(Expired(it.clone())));
            expired.with(OrderEvent::PaymentExpired(it.clone()))
        }
        (Authorised(_), [Answer::Declined { .. }]) | (Expired(_), _) => declined(payment.clone()),
        (Captured(_), _) => Transition::done(payment.clone(), "captured"),
        (Voided(_) | Refunded(_) | Undone, _) => Transition::compensated(payment.clone()),
        (Authorised(_), _) => return Err(UNFIT_ANSWER),
        (None | Authorising { .. } | Declined, _) => return Err("a payment that is not authorised"),
    }))
}

fn undo(payment: &Payment, answers: &[Answer]) -> Step {
    use PaymentStatus::{Authorised, Authorising, Captured, Declined, Expired, None, Refunded, Undone, Voided};
    let cancel = |payment_id: &PaymentId| Ok(Next::Ask(Request::Cancel { payment_id: payment_id.clone() }));
    let refund = |it: &PaymentOf| Ok(Next::Ask(Request::Refund { payment_id: it.payment_id.clone() }));
    Ok(Next::Done(match (&payment.status, answers) {
        (None, _) => Transition::done(payment.becomes(Undone), "undone"),

        (Authorising { key, amount, payment_method }, []) => {
            return Ok(Next::Ask(ask_to_authorise(key, *amount, payment_method)));
        }
        (Authorising { .. }, [Answer::Declined { .. }] | [Answer::RequiresAction { .. }, Answer::Cancelled]) => {
            Transition::done(payment.becomes(Undone), "undone")
        }
        (Authorising { .. }, [Answer::Authorised { payment_id } | Answer::RequiresAction { payment_id, .. }]) => {
            return cancel(payment_id);
        }
        (Authorising { amount, .. }, [Answer::Authorised { payment_id }, Answer::Cancelled]) => {
            let it = PaymentOf { payment_id: payment_id.clone(), amount: *amount };
            Transition::done_with(
                payment.becomes(Voided(it.clone())),
                "voided",
                OrderEvent::PaymentAuthorised(it.clone()),
            )
            .with(OrderEvent::PaymentVoided(it))
        }

        (Authorised(it), []) => return cancel(&it.payment_id),
        (Authorised(it), [Answer::Cancelled]) => {
            let event = OrderEvent::PaymentVoided(it.clone());
            Transition::done_with(payment.becomes(Voided(it.clone())), "voided", event)
        }
        // A capture was quicker, and could not write it down yet, or never will.
        (Authorised(it), [Answer::Captured]) => return refund(it),
        (Authorised(it), [Answer::Captured, Answer::Refunded]) => captured_and_refunded(payment, it),

        (Captured(it), []) => return refund(it),
        (Captured(it), [Answer::Refunded]) => refunded(payment, it),

        (Declined | Voided(_) | Refunded(_) | Expired(_) | Undone, _) => Transition::done(payment.clone(), "undone"),
        (Authorising { .. } | Authorised(_) | Captured(_), _) => return Err(UNFIT_ANSWER),
    }))
}

/// A person has undone it by hand, perhaps past the provider. What is only authorised is given back, which moves no money;
/// what was captured is not refunded, or it could be twice. Where the person did it at the provider, that tells.
fn settle(payment: &Payment, answers: &[Answer]) -> Step {
    match (&payment.status, answers) {
        (PaymentStatus::Captured(_), _) => Ok(Next::Done(Transition::done(payment.clone(), "settled"))),
        (PaymentStatus::Authorised(it), [Answer::Captured]) => Ok(Next::Done(captured(payment, it))),
        (
            PaymentStatus::None
            | PaymentStatus::Authorising { .. }
            | PaymentStatus::Authorised(_)
            | PaymentStatus::Declined
            | PaymentStatus::Voided(_)
            | PaymentStatus::Refunded(_)
            | PaymentStatus::Expired(_)
            | PaymentStatus::Undone,
            _,
        ) => undo(payment, answers),
    }
}

/// The customer's wish. What is captured stays: it came too late.
fn stop(payment: &Payment) -> Transition<Payment> {
    use PaymentStatus::{Authorised, Authorising, None};
    let in_time = matches!(payment.status, None | Authorising { .. } | Authorised(_));
    Transition::done(Payment { stopped: payment.stopped || in_time, ..payment.clone() }, "stopped")
}

/// What the provider reports by itself. News is only what we have not done or written down: an authorisation that lapsed,
/// what a person did at the provider by hand, a capture whose worker has died. The rest is passed over; where something
/// is in doubt the provider will be asked.
fn reconcile(payment: &Payment, status: PaymentFact) -> Transition<Payment> {
    match (&payment.status, status) {
        (PaymentStatus::Authorised(it), PaymentFact::Captured) => captured(payment, it),
        (PaymentStatus::Authorised(it), PaymentFact::Cancelled) => {
            let expired = payment.becomes(PaymentStatus::Expired(it.clone()));
            Transition::done_with(expired, "expired", OrderEvent::PaymentExpired(it.clone()))
        }
        (PaymentStatus::Authorised(it), PaymentFact::Refunded) => captured_and_refunded(payment, it),
        (PaymentStatus::Captured(it), PaymentFact::Refunded) => refunded(payment, it),
        (PaymentStatus::Captured(_), PaymentFact::Captured | PaymentFact::Cancelled)
        | (
            PaymentStatus::None
            | PaymentStatus::Authorising { .. }
            | PaymentStatus::Declined
            | PaymentStatus::Voided(_)
            | PaymentStatus::Refunded(_)
            | PaymentStatus::Expired(_)
            | PaymentStatus::Undone,
            PaymentFact::Captured | PaymentFact::Cancelled | PaymentFact::Refunded,
        ) => Transition::done(payment.clone(), "known"),
    }
}

fn ask_to_authorise(key: &CommandId, amount: Money, payment_method: &PaymentMethod) -> Request {
    Request::Authorise { key: key.clone(), amount, payment_method: payment_method.clone() }
}

fn captured(payment: &Payment, it: &PaymentOf) -> Transition<Payment> {
    let state = payment.becomes(PaymentStatus::Captured(it.clone()));
    Transition::done_with(state, "captured", OrderEvent::PaymentCaptured(it.clone()))
}

fn refunded(payment: &Payment, it: &PaymentOf) -> Transition<Payment> {
    let state = payment.becomes(PaymentStatus::Refunded(it.clone()));
    Transition::done_with(state, "refunded", OrderEvent::PaymentRefunded(it.clone()))
}

/// The capture is news as well.
fn captured_and_refunded(payment: &Payment, it: &PaymentOf) -> Transition<Payment> {
    let events = vec![OrderEvent::PaymentCaptured(it.clone()), OrderEvent::PaymentRefunded(it.clone())];
    Transition { events, ..refunded(payment, it) }
}

fn withdrawn(payment: &Payment) -> Transition<Payment> {
    Transition::refused(payment.clone(), ErrorName::OrderCancelledByCustomer, "the customer has withdrawn")
}

fn declined(state: Payment) -> Transition<Payment> {
    Transition::refused(state, ErrorName::PaymentDeclined, "the payment's provider said no")
}

fn declined_now(payment: &Payment, amount: Money, reason: Reason) -> Transition<Payment> {
    let event = OrderEvent::PaymentDeclined(PaymentDeclined { amount, reason });
    declined(payment.becomes(PaymentStatus::Declined)).with(event)
}

#[cfg(test)]
#[path = "payment_tests.rs"]
mod tests;
