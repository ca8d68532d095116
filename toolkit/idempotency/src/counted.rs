//! Counts of claims by their outcome.

use std::time::SystemTime;

use crate::claim::{Claim, ClaimRequest, Claimed, FinishError, Origin, Store, StoreError};

/// The outcome of a call, for a metric. A call counts once when it claims, and once more should it be fenced off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimOutcome {
    /// Owned, and nothing was known before.
    First,
    /// Owned, because an earlier owner let go.
    Retried,
    /// Owned, because the lease or the record of an earlier owner had expired.
    Expired,
    /// Answered from the record.
    Duplicate,
    /// Refused, because another owner holds the claim.
    InProgress,
    /// Refused, because the key is known with another fingerprint.
    Mismatch,
    /// An owner came too late to complete or release: a successor had taken over.
    FencedOff,
}

impl ClaimOutcome {
    /// The outcome as one word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Retried => "retried",
            Self::Expired => "expired",
            Self::Duplicate => "duplicate",
            Self::InProgress => "in-progress",
            Self::Mismatch => "mismatch",
            Self::FencedOff => "fenced-off",
        }
    }
}

/// A store that counts the outcome of each call. Put it around a `Cached` one, so that repeats answered
/// from memory count too. A completion in the caller's own transaction does not pass through here.
#[derive(Clone, Debug)]
pub struct Counted<S, F> {
    store: S,
    count: F,
}

impl<S: Store, F: Fn(ClaimOutcome) + Send + Sync> Counted<S, F> {
    /// Counts the calls to `store`. `count` is called within them and must not take long.
    pub fn new(store: S, count: F) -> Self {
        Self { store, count }
    }

    fn finished(&self, finished: Result<(), FinishError>) -> Result<(), FinishError> {
        if let Err(FinishError::FencedOff { .. }) = finished {
            (self.count)(ClaimOutcome::FencedOff);
        }
        finished
    }
}

impl<S: Store, F: Fn(ClaimOutcome) + Send + Sync> Store for Counted<S, F> {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let claimed = self.store.claim(request, now).await?;
        (self.count)(match &claimed {
            Claimed::Owner(Claim { origin: Origin::First, .. }) => ClaimOutcome::First,
            Claimed::Owner(Claim { origin: Origin::Released, .. }) => ClaimOutcome::Retried,
            Claimed::Owner(Claim { origin: Origin::Expired | Origin::Abandoned, .. }) => ClaimOutcome::Expired,
            Claimed::InProgress { .. } => ClaimOutcome::InProgress,
            Claimed::Done(_) => ClaimOutcome::Duplicate,
            Claimed::Mismatch => ClaimOutcome::Mismatch,
        });
        Ok(claimed)
    }

    async fn complete(&self, claim: &Claim, response: Option<&str>) -> Result<(), FinishError> {
        self.finished(self.store.complete(claim, response).await)
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.finished(self.store.release(claim).await)
    }
}
