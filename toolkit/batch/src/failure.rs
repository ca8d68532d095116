//! Why a record failed, and what that means for it.

use std::fmt;
use std::time::{Duration, SystemTime};

/// A handler's "not done". A business "no" is not a failure: it is `Ok`.
///
/// Reasons go to logs and to the dead-letter queue, so they carry no secret and no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Worth trying again.
    #[error("{reason}")]
    Transient {
        /// What went wrong.
        reason: String,
        /// The delay that the other side asked for.
        retry_after: Option<Duration>,
    },
    /// Trying again cannot help; a person has to look.
    #[error("{reason}")]
    Permanent {
        /// What went wrong.
        reason: String,
    },
    /// The record is not what it should be.
    #[error("{reason}")]
    Undecodable {
        /// What is wrong with it.
        reason: String,
    },
}

impl Failure {
    /// Worth trying again, with a back-off of the runner's choice.
    #[must_use]
    pub fn transient(reason: impl fmt::Display) -> Self {
        Self::Transient { reason: reason.to_string(), retry_after: None }
    }

    /// Worth trying again once `delay` has passed.
    #[must_use]
    pub fn retry_after(delay: Duration, reason: impl fmt::Display) -> Self {
        Self::Transient { reason: reason.to_string(), retry_after: Some(delay) }
    }

    /// A person has to look.
    #[must_use]
    pub fn permanent(reason: impl fmt::Display) -> Self {
        Self::Permanent { reason: reason.to_string() }
    }

    /// The record is not what it should be.
    #[must_use]
    pub fn undecodable(reason: impl fmt::Display) -> Self {
        Self::Undecodable { reason: reason.to_string() }
    }
}

/// Why a message is in the dead-letter queue, as the message attribute `reason` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Trying again cannot help.
    Permanent,
    /// It failed every time for as often as the policy allows.
    AttemptsExhausted,
    /// It was not what it should be.
    Undecodable,
    /// The handler panicked over it.
    Panicked,
}

impl Reason {
    /// The stable word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::AttemptsExhausted => "attempts-exhausted",
            Self::Undecodable => "undecodable",
            Self::Panicked => "panicked",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is attached to a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The kind of failure.
    pub reason: Reason,
    /// The handler's error.
    pub error: String,
    /// When the handler failed.
    pub failed_at: SystemTime,
}
