//! The port: the contract of a store of claims.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use sha2::{Digest, Sha256};

/// What is claimed: a scope (who asks) and the SHA-256 of the parts that identify the thing.
///
/// Hashed, so that a key of any length and content fits a store's limits and no payload is kept as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// A key of one part.
    #[must_use]
    pub fn new(scope: &str, part: &str) -> Self {
        Self::composite(scope, &[part])
    }

    /// A key of several parts. Each part's length is hashed with it, so that `["ab", "c"]` and `["a", "bc"]` differ.
    #[must_use]
    pub fn composite(scope: &str, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(format!("{scope}#{}", hex::encode(hash.finalize())))
    }

    /// A key of the SHA-256 of canonical JSON.
    #[cfg(feature = "json")]
    pub(crate) fn of_canonical(scope: &str, canonical: &[u8]) -> Self {
        Self(format!("{scope}#{}", hex::encode(Sha256::digest(canonical))))
    }

    /// The key as it stands in the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A fencing token: drawn at random for every attempt to claim, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fence(u128);

impl Fence {
    /// A fence of 128 random bits that the caller drew.
    #[must_use]
    pub fn new(random: u128) -> Self {
        Self(random)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// The SHA-256 of what a key was first used with, so that the same key with something else in hand is noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of these bytes. Of JSON, take the canonical form ([`crate::canonical`]).
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The fingerprint as it stands in the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[cfg(feature = "dynamodb")]
    pub(crate) fn from_store(text: String) -> Self {
        Self(text)
    }
}

/// A request for a claim.
#[derive(Clone, Debug)]
pub struct ClaimRequest<'a> {
    /// What is claimed.
    pub key: &'a Key,
    /// The claimant's own fence.
    pub fence: Fence,
    /// When the claimant is certainly dead: its invocation's deadline.
    pub lease_until: SystemTime,
    /// Until when a repeat is recognised. A record is never kept for less than its lease.
    pub expires_at: SystemTime,
    /// What the first claimant leaves for its successors, for instance the id it publishes under.
    pub label: Option<&'a str>,
    /// What the key stands for this time. Where the record has one and it differs, the result is
    /// [`Claimed::Mismatch`].
    pub fingerprint: Option<&'a Fingerprint>,
}

impl ClaimRequest<'_> {
    /// A record that expired before its lease would give the key to a second owner while the first is alive.
    pub(crate) fn kept_until(&self) -> SystemTime {
        self.expires_at.max(self.lease_until)
    }
}

/// A claim that is held. Only its holder can complete or release it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What is claimed.
    pub key: Key,
    /// The holder's fence.
    pub fence: Fence,
    /// Until when a repeat is recognised.
    pub expires_at: SystemTime,
    /// The label of the first claimant within the record's life.
    pub label: Option<String>,
    /// The fingerprint of the first claimant within the record's life.
    pub fingerprint: Option<Fingerprint>,
    /// What came before.
    pub origin: Origin,
}

/// What came before a claim that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing is known.
    First,
    /// A record that had expired, and that the store had not deleted yet.
    Expired,
    /// An owner that let go.
    Released,
    /// An owner whose lease ended, presumed dead: its effects may or may not have happened.
    Abandoned,
}

/// The record of a completed claim, by which a repeat is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompletedClaim {
    /// The owner's response.
    pub response: Option<String>,
    /// The label of the first claimant.
    pub label: Option<String>,
    /// The fingerprint of the first claimant.
    pub fingerprint: Option<Fingerprint>,
    /// Until when a repeat is recognised.
    pub expires_at: SystemTime,
}

/// The result of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The caller handles it.
    Owner(Claim),
    /// Another owner holds the claim. Claim again; it is free from `lease_until` on.
    InProgress {
        /// When the other owner's lease ends.
        lease_until: SystemTime,
    },
    /// It has been handled.
    Done(CompletedClaim),
    /// The key is known, with another fingerprint: two things go by one name. Nothing is claimed.
    Mismatch,
}

/// Whether a claimant's fingerprint contradicts the one on record. One that is missing contradicts nothing.
pub(crate) fn contradicts(requested: Option<&Fingerprint>, recorded: Option<&Fingerprint>) -> bool {
    matches!((requested, recorded), (Some(requested), Some(recorded)) if requested != recorded)
}

/// The store failed, or returned what it should not hold.
#[derive(Debug, thiserror::Error)]
#[error("the idempotency store failed to {operation} {key}")]
pub struct StoreError {
    /// What was attempted.
    pub operation: &'static str,
    /// On which key.
    pub key: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A claim could not be completed or released.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// A successor holds the claim, or finished it: this owner was presumed dead, and nothing was written.
    #[error("fenced off: another owner has taken {key}")]
    FencedOff {
        /// The key that was lost.
        key: String,
    },
    /// The store failed; whether the write happened is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps claims.
///
/// For one key, at any moment, at most one claimant whose lease has not ended was given [`Claimed::Owner`]. A
/// completed claim stays [`Claimed::Done`] until it expires. `testkit` has the suite that every store passes.
pub trait Store: Send + Sync {
    /// Claims a key, or returns its state.
    ///
    /// # Errors
    /// [`StoreError`] when the store fails. The claim may then have been taken; its lease ends it.
    fn claim(
        &self,
        request: ClaimRequest<'_>,
        now: SystemTime,
    ) -> impl Future<Output = Result<Claimed, StoreError>> + Send;

    /// Records that the claim's work is done, with a response for repeats.
    ///
    /// # Errors
    /// [`FinishError::FencedOff`] when a successor took over; [`FinishError::Store`] when the store fails.
    fn complete(&self, claim: &Claim, response: Option<&str>) -> impl Future<Output = Result<(), FinishError>> + Send;

    /// Lets a claim go, so that the next claimant takes over at once and gets the same label.
    ///
    /// # Errors
    /// As [`Store::complete`].
    fn release(&self, claim: &Claim) -> impl Future<Output = Result<(), FinishError>> + Send;
}

impl<S: Store> Store for Arc<S> {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        (**self).claim(request, now).await
    }

    async fn complete(&self, claim: &Claim, response: Option<&str>) -> Result<(), FinishError> {
        (**self).complete(claim, response).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        (**self).release(claim).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_concatenate_alike_make_different_keys() {
        assert_ne!(Key::composite("s", &["ab", "c"]), Key::composite("s", &["a", "bc"]));
        assert_ne!(Key::composite("s", &["ab"]), Key::composite("s", &["ab", ""]));
        assert_ne!(Key::new("s", "ab"), Key::new("t", "ab"));
        assert_eq!(Key::new("s", "ab"), Key::composite("s", &["ab"]));
    }
}
