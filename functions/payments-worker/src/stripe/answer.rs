//! What Stripe's answer means for the payment.
//!
//! | asked | requires_capture | succeeded | canceled | requires_action | requires_payment_method | processing |
//! |---|---|---|---|---|---|---|
//! | authorise | authorised | authorised (a capture will find it done) | declined | requires action | declined | look, later |
//! | capture | later; refused for good where it was refused | captured | cancelled | permanent | declined | later |
//! | cancel | likewise | captured | cancelled | permanent | permanent | later |

use http::StatusCode;
use serde::Deserialize;
use tidegate_events::{PaymentId, Reason};
use tidegate_orders::payment::{Answer, Request};

use super::error::{AskError, permanent, transient};
use super::intent::{Intent, Status};
use super::response::{Refusal, StripeResponse};

/// What is known after the first answer.
pub(super) enum Read {
    /// All.
    Answer(Answer),
    /// The payment itself has to be looked at.
    Look {
        payment_id: PaymentId,
        /// Why Stripe refused, where it did.
        refused: Option<String>,
    },
}

/// A refund, as far as it is read.
#[derive(Deserialize)]
struct Refund {
    status: Option<String>,
}

/// The first answer.
pub(super) fn read(request: &Request, response: &StripeResponse) -> Result<Read, AskError> {
    match request {
        Request::Authorise { .. } => match response.success::<Intent>()? {
            // The answer is the one kept for the key; what has become of the payment since it does not say.
            Ok(intent) if intent.status() == Status::Processing => {
                Ok(Read::Look { payment_id: intent.id, refused: None })
            }
            Ok(intent) => authorised(&intent).map(Read::Answer),
            Err(refusal) => not_authorised(&refusal, response.status()).map(Read::Answer),
        },
        Request::Capture { payment_id } => match response.success::<Intent>()? {
            Ok(intent) => captured(&intent, None).map(Read::Answer),
            Err(refusal) if refusal.is("charge_expired_for_capture") => Ok(Read::Answer(Answer::Cancelled)),
            Err(refusal) if response.status() == StatusCode::PAYMENT_REQUIRED => {
                Ok(Read::Answer(Answer::Declined { reason: refusal.word().unwrap_or_else(unnamed) }))
            }
            Err(refusal) => settled(request, payment_id, refusal, response.status()),
        },
        Request::Cancel { payment_id } => match response.success::<Intent>()? {
            Ok(intent) => cancelled(&intent, None).map(Read::Answer),
            Err(refusal) => settled(request, payment_id, refusal, response.status()),
        },
        Request::Refund { .. } => match response.success::<Refund>()? {
            Ok(refund) => refunded(&refund).map(Read::Answer),
            Err(refusal) if refusal.is("charge_already_refunded") => Ok(Read::Answer(Answer::Refunded)),
            Err(refusal) => Err(permanent(refusal.describe(response.status()))),
        },
    }
}

/// The answer about the payment itself.
pub(super) fn look(request: &Request, response: &StripeResponse, refused: Option<String>) -> Result<Answer, AskError> {
    let intent = response.success::<Intent>()?.map_err(|refusal| permanent(refusal.describe(response.status())))?;
    stands(request, &intent, refused)
}

/// "No", in a word of Stripe's.
pub(super) fn declined(word: &str) -> Answer {
    Answer::Declined { reason: word.parse().unwrap_or_else(|_| unnamed()) }
}

/// A payment says what has become of what was refused.
fn stands(request: &Request, intent: &Intent, refused: Option<String>) -> Result<Answer, AskError> {
    match request {
        Request::Authorise { .. } => authorised(intent),
        Request::Capture { .. } => captured(intent, refused),
        Request::Cancel { .. } => cancelled(intent, refused),
        // Nobody looks for it: a refund is refused by words of its own.
        Request::Refund { .. } => Err(permanent(refused.unwrap_or_else(|| intent.describe()))),
    }
}

fn authorised(intent: &Intent) -> Result<Answer, AskError> {
    let payment_id = intent.id.clone();
    match intent.status() {
        Status::RequiresCapture | Status::Succeeded => Ok(Answer::Authorised { payment_id }),
        Status::RequiresAction => Ok(Answer::RequiresAction { payment_id, reason: named("requires_action") }),
        Status::RequiresPaymentMethod => Ok(Answer::Declined { reason: intent.decline().unwrap_or_else(unnamed) }),
        Status::Canceled => Ok(declined("canceled")),
        Status::Processing => Err(transient(intent.describe())),
        Status::Other => Err(permanent(intent.describe())),
    }
}

/// A decline, or an order that cannot be paid like this, is the customer's; the rest is ours.
fn not_authorised(refusal: &Refusal, status: StatusCode) -> Result<Answer, AskError> {
    if status == StatusCode::PAYMENT_REQUIRED || refusal.blames_the_order() {
        return Ok(Answer::Declined { reason: refusal.word().unwrap_or_else(unnamed) });
    }
    Err(permanent(refusal.describe(status)))
}

/// A request about a payment that was refused: the payment, as the refusal shows it or by looking, knows whether it is so
/// already.
fn settled(request: &Request, payment: &PaymentId, refusal: Refusal, status: StatusCode) -> Result<Read, AskError> {
    let refused = refusal.describe(status);
    if status != StatusCode::BAD_REQUEST {
        return Err(permanent(refused));
    }
    match refusal.payment_intent {
        Some(intent) => stands(request, &intent, Some(refused)).map(Read::Answer),
        None => Ok(Read::Look { payment_id: payment.clone(), refused: Some(refused) }),
    }
}

fn captured(intent: &Intent, refused: Option<String>) -> Result<Answer, AskError> {
    match intent.status() {
        Status::Succeeded => Ok(Answer::Captured),
        Status::Canceled => Ok(Answer::Cancelled),
        Status::RequiresPaymentMethod => Ok(Answer::Declined { reason: intent.decline().unwrap_or_else(unnamed) }),
        Status::Processing => Err(transient(intent.describe())),
        Status::RequiresCapture | Status::RequiresAction | Status::Other => Err(undone(intent, refused)),
    }
}

fn cancelled(intent: &Intent, refused: Option<String>) -> Result<Answer, AskError> {
    match intent.status() {
        Status::Canceled => Ok(Answer::Cancelled),
        Status::Succeeded => Ok(Answer::Captured),
        Status::Processing => Err(transient(intent.describe())),
        Status::RequiresCapture | Status::RequiresAction | Status::RequiresPaymentMethod | Status::Other => {
            Err(undone(intent, refused))
        }
    }
}

/// It could have been done and was not: refused for good, or told to be done before it was.
fn undone(intent: &Intent, refused: Option<String>) -> AskError {
    match refused {
        Some(refused) => permanent(format!("{refused}; {}", intent.describe())),
        None => transient(intent.describe()),
    }
}

/// One that is on its way counts: Stripe has taken it out of the account.
fn refunded(refund: &Refund) -> Result<Answer, AskError> {
    match refund.status.as_deref() {
        Some("succeeded" | "pending") => Ok(Answer::Refunded),
        Some("failed") => Err(permanent("at Stripe the refund has failed")),
        Some("canceled") => Err(permanent("at Stripe the refund is canceled")),
        Some("requires_action") => Err(permanent("at Stripe the refund requires an action")),
        _ => Err(permanent("at Stripe the refund is of an unknown status")),
    }
}

/// A decline without a word that could be one.
fn unnamed() -> Reason {
    named("card_declined")
}

// Invariant: called with words of lower case letters and `_`, which are reasons.
#[expect(clippy::expect_used, reason = "see the invariant")]
fn named(word: &'static str) -> Reason {
    word.parse().expect("a word")
}
