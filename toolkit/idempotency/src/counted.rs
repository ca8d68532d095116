//! Counts of what became of calls.

use std::time::SystemTime;

use crate::{Claim, Claimed, FinishError, Origin, Request, Store, StoreError};

/// What became of a call, for a metric. A call counts once when it claims, and once more should it be fenced off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Owned, and nothing was known before.
    First,
    /// Owned, because an earlier owner let go.
    Retried,
    /// Owned, because the lease or the record of an earlier owner had expired.
    Expired,
    /// Answered from the record.
    Repeated,
    /// Refused, because another owner is at it.
    Raced,
    /// Refused, because the key is known with another fingerprint.
    Mismatched,
    /// An owner came too late to complete or release: a successor had taken over.
    FencedOff,
}

impl Outcome {
    /// The outcome as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retried => "retried",
            Self::Expired => "expired",
            Self::Repeated => "repeated",
            Self::Raced => "raced",
            Self::Mismatched => "mismatched",
            Self::FencedOff => "fenced-off",
        }
    }
}

/// A store that tells `count` what became of each call. Put it around a `Cached` one, so that repeats answered
/// from memory count too. A completion in the caller's own transaction does not pass through here.
#[derive(Clone, Debug)]
pub struct Counted<S, F> {
    store: S,
    count: F,
}

impl<S: Store, F: Fn(Outcome) + Send + Sync> Counted<S, F> {
    /// Counts the calls to `store`. `count` is called within them and must not take long.
    pub fn new(store: S, count: F) -> Self {
        Self { store, count }
    }

    fn finished(&self, finished: Result<(), FinishError>) -> Result<(), FinishError> {
        if let Err(FinishError::FencedOff { .. }) = finished {
            (self.count)(Outcome::FencedOff);
        }
        finished
    }
}

impl<S: Store, F: Fn(Outcome) + Send + Sync> Store for Counted<S, F> {
    async fn claim(&self, request: Request<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let claimed = self.store.claim(request, now).await?;
        (self.count)(match &claimed {
            Claimed::Owner(Claim { origin: Origin::First, .. }) => Outcome::First,
            Claimed::Owner(Claim { origin: Origin::Released, .. }) => Outcome::Retried,
            Claimed::Owner(Claim { origin: Origin::Expired | Origin::Abandoned, .. }) => Outcome::Expired,
            Claimed::InProgress { .. } => Outcome::Raced,
            Claimed::Done(_) => Outcome::Repeated,
            Claimed::Mismatch => Outcome::Mismatched,
        });
        Ok(claimed)
    }

    async fn complete(&self, claim: &Claim, answer: Option<&str>) -> Result<(), FinishError> {
        self.finished(self.store.complete(claim, answer).await)
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.finished(self.store.release(claim).await)
    }
}
