//! The words by which workers and state machines tell what went wrong, and why an order was cancelled.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Invalid;

/// An error's name as a worker answers it and a state machine's `ErrorEquals` matches it. These are all there are, and
/// a word never changes. [`CommandName::refusals`](crate::CommandName::refusals) says which command is answered which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorName {
    /// There is not enough of every SKU.
    StockRejected,
    /// The payment's provider said no, or asks for what only the customer at a screen can do, or the authorisation has
    /// lapsed.
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
    /// Trying again cannot help, and it is no business "no": somebody has to look. Has no catcher of its own, because
    /// whatever is unknown is compensated alike (`States.ALL`).
    PermanentFailure,
}

impl ErrorName {
    /// All names.
    pub const ALL: [Self; 8] = [
        Self::StockRejected,
        Self::PaymentDeclined,
        Self::ShipmentRejected,
        Self::OrderCancelledByCustomer,
        Self::Compensated,
        Self::AlreadyConfirmed,
        Self::RetryCompensation,
        Self::PermanentFailure,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StockRejected => "StockRejected",
            Self::PaymentDeclined => "PaymentDeclined",
            Self::ShipmentRejected => "ShipmentRejected",
            Self::OrderCancelledByCustomer => "OrderCancelledByCustomer",
            Self::Compensated => "Compensated",
            Self::AlreadyConfirmed => "AlreadyConfirmed",
            Self::RetryCompensation => "RetryCompensation",
            Self::PermanentFailure => "PermanentFailure",
        }
    }
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ErrorName {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|it| it.as_str() == word).ok_or(Invalid("an error's name that a worker answers"))
    }
}

/// Why an order was cancelled, as customers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// There was not enough.
    OutOfStock,
    /// The payment was declined.
    PaymentDeclined,
    /// Nobody ships it there.
    ShipmentRejected,
    /// They wanted it so.
    CancelledByCustomer,
    /// Something did not work, and everything was undone.
    TechnicalFailure,
}

impl CancelReason {
    /// The reason that an error is: one of Step Functions' own (`States.Timeout`) is as technical as an unknown one.
    #[must_use]
    pub fn of_error(name: &str) -> Self {
        match name.parse() {
            Ok(ErrorName::StockRejected) => Self::OutOfStock,
            Ok(ErrorName::PaymentDeclined) => Self::PaymentDeclined,
            Ok(ErrorName::ShipmentRejected) => Self::ShipmentRejected,
            Ok(ErrorName::OrderCancelledByCustomer) => Self::CancelledByCustomer,
            _ => Self::TechnicalFailure,
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
    fn whatever_is_no_business_no_is_technical() {
        assert_eq!(CancelReason::of_error("OrderCancelledByCustomer"), CancelReason::CancelledByCustomer);
        for technical in ["States.Timeout", "PermanentFailure", "Compensated", ""] {
            assert_eq!(CancelReason::of_error(technical), CancelReason::TechnicalFailure);
        }
    }
}
