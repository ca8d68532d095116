//! The words by which workers and state machines tell what went wrong, and why an order was cancelled.

use serde::{Deserialize, Serialize};

use crate::text::names;

names! {
    /// An error's name as a worker answers it and a state machine's `ErrorEquals` matches it. These are all there are,
    /// and a word never changes. [`CommandName::refusals`](crate::CommandName::refusals) says which command is refused
    /// with which.
    ErrorName, "an error's name that a worker answers" {
        /// There is not enough of every SKU.
        StockRejected,
        /// The payment's provider refused, or asks for what only the customer at a screen can do, or the authorisation
        /// has lapsed.
        PaymentDeclined,
        /// The carrier does not ship this there.
        ShipmentRejected,
        /// The customer withdrew before the capture.
        OrderCancelledByCustomer,
        /// The action came after its compensation, and was not done.
        Compensated,
        /// The confirmation that should be withdrawn has been given: the order stays confirmed.
        AlreadyConfirmed,
        /// A person wants the parked compensation tried again.
        RetryCompensation,
        /// Trying again cannot help, and it is no refusal: a person has to look. Has no catcher of its own, because
        /// whatever is unknown is compensated alike (`States.ALL`).
        PermanentFailure,
    }
}

/// Why an order was cancelled, as its customer reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// There was not enough.
    OutOfStock,
    PaymentDeclined,
    /// The carrier does not ship there.
    ShipmentRejected,
    /// The customer asked for it.
    CancelledByCustomer,
    /// Something did not work, and everything was undone.
    TechnicalFailure,
}

impl CancelReason {
    /// The reason that an error is: one of Step Functions' own (`States.Timeout`) is as technical as an unknown one.
    #[must_use]
    pub fn of_error(name: &str) -> Self {
        let Ok(name) = name.parse() else { return Self::TechnicalFailure };
        match name {
            ErrorName::StockRejected => Self::OutOfStock,
            ErrorName::PaymentDeclined => Self::PaymentDeclined,
            ErrorName::ShipmentRejected => Self::ShipmentRejected,
            ErrorName::OrderCancelledByCustomer => Self::CancelledByCustomer,
            ErrorName::Compensated
            | ErrorName::AlreadyConfirmed
            | ErrorName::RetryCompensation
            | ErrorName::PermanentFailure => Self::TechnicalFailure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_is_the_same_word_in_json() {
        for name in ErrorName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            assert_eq!(serde_json::to_string(&name).unwrap(), format!("\"{name}\""));
        }
        assert!("States.Timeout".parse::<ErrorName>().is_err());
    }

    #[test]
    fn an_error_that_is_no_refusal_is_technical() {
        assert_eq!(CancelReason::of_error("OrderCancelledByCustomer"), CancelReason::CancelledByCustomer);
        for technical in ["States.Timeout", "PermanentFailure", "Compensated", ""] {
            assert_eq!(CancelReason::of_error(technical), CancelReason::TechnicalFailure);
        }
    }
}
