//! Requests to Stripe that were not answered.

use std::time::Duration;

/// No answer. Whether what was asked has been done is unknown, unless the reason says so. Reasons hold neither the key nor
/// the means of payment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// May work another time.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// For how long Stripe asked to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// Stripe does not know the key. Will not work until somebody changes it; it may have been changed just now.
    #[error("{reason}")]
    UnknownKey {
        /// What happened.
        reason: String,
    },
    /// Will not work until somebody changes something.
    #[error("{reason}")]
    Permanent {
        /// What happened; starts with Stripe's own word for it where there is one.
        reason: String,
    },
}

pub(super) fn transient(reason: impl Into<String>) -> AskError {
    AskError::Transient { reason: reason.into(), retry_after: None }
}

pub(super) fn permanent(reason: impl Into<String>) -> AskError {
    AskError::Permanent { reason: reason.into() }
}
