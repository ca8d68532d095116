//! What keeps a call from being answered.

use std::time::{Duration, SystemTime};

use crate::claim::{Key, StoreError};
use crate::part::PartError;
use crate::response::{OverflowError, Unreadable};

/// Why there is no response. Texts carry keys, which are hashes, and nothing of the event.
#[derive(Debug, thiserror::Error)]
pub enum Error<H> {
    /// The handler's own error. The claim was let go, so that the next try may start at once.
    #[error("the handler failed")]
    Handler(#[source] H),
    /// The event has no key, and running without was not allowed.
    #[error("the event has no idempotency key")]
    MissingKey,
    /// The key, or what it stands for, cannot be had from the event.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The key was used before with another payload. Nothing ran.
    #[error("{key} was used before with another payload")]
    Mismatch {
        /// The key.
        key: Key,
    },
    /// Another owner holds the claim. Nothing ran here; try again when its lease is over at the latest.
    #[error("another invocation holds {key}")]
    InProgress {
        /// The key.
        key: Key,
        /// When the other owner's lease ends.
        lease_until: SystemTime,
    },
    /// It has been done before, and its response was not stored: too large, or its store failed at that time.
    #[error("{key} is done, but its response was not stored")]
    ResponseNotStored {
        /// The key.
        key: Key,
    },
    /// It has been done before, and the response on record cannot be read as this type: the code has changed since.
    #[error("the response stored for {key} cannot be read")]
    ResponseUnreadable {
        /// The key.
        key: Key,
    },
    /// The store of claims failed; nothing ran.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It has been done before, and its response cannot be fetched now.
    #[error(transparent)]
    Overflow(OverflowError),
}

impl<H> Error<H> {
    /// A stable word for logs, metrics and the error types of Lambda.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Handler(_) => "handler-failed",
            Self::MissingKey => "missing-key",
            Self::Part(_) => "unusable-key",
            Self::Mismatch { .. } => "payload-mismatch",
            Self::InProgress { .. } => "in-progress",
            Self::ResponseNotStored { .. } => "response-not-stored",
            Self::ResponseUnreadable { .. } => "response-unreadable",
            Self::Store(_) => "store-failed",
            Self::Overflow(_) => "response-store-failed",
        }
    }

    /// How long to wait before the same call can go well: none where it never will, or where the handler decides.
    #[must_use]
    pub fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        match self {
            Self::InProgress { lease_until, .. } => Some(lease_until.duration_since(now).unwrap_or_default()),
            Self::Store(_) | Self::Overflow(_) => Some(Duration::ZERO),
            Self::Handler(_)
            | Self::MissingKey
            | Self::Part(_)
            | Self::Mismatch { .. }
            | Self::ResponseNotStored { .. }
            | Self::ResponseUnreadable { .. } => None,
        }
    }

    pub(crate) fn unreadable(key: Key, why: Unreadable) -> Self {
        match why {
            Unreadable::Dropped => Self::ResponseNotStored { key },
            Unreadable::NotAsExpected => Self::ResponseUnreadable { key },
            Unreadable::Overflow(error) => Self::Overflow(error),
        }
    }
}
