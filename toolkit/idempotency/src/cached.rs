//! Proofs remembered in this process, so that a repeat which comes back here asks no store.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use lru::LruCache;

use crate::claim::{Claim, ClaimRequest, Claimed, CompletedClaim, FinishError, Key, Store, StoreError, contradicts};

/// A store that remembers the completed claims it saw last. A completed claim never changes until it expires, so no other process can make
/// one stale. Claims in progress are not remembered.
#[derive(Debug)]
pub struct Cached<S> {
    store: S,
    completed: Mutex<LruCache<Key, CompletedClaim>>,
}

impl<S: Store> Cached<S> {
    /// Remembers `most` completed claims, responses included.
    pub fn new(store: S, most: NonZeroUsize) -> Self {
        Self { store, completed: Mutex::new(LruCache::new(most)) }
    }

    // Each use below is one call of the cache, which leaves it whole.
    fn completed(&self) -> MutexGuard<'_, LruCache<Key, CompletedClaim>> {
        self.completed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> Store for Cached<S> {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let remembered = self.completed().get(request.key).filter(|completed| completed.expires_at > now).cloned();
        if let Some(completed) = remembered {
            let other = contradicts(request.fingerprint, completed.fingerprint.as_ref());
            return Ok(if other { Claimed::Mismatch } else { Claimed::Done(completed) });
        }
        let key = request.key;
        let claimed = self.store.claim(request, now).await?;
        if let Claimed::Done(completed) = &claimed {
            self.completed().put(key.clone(), completed.clone());
        }
        Ok(claimed)
    }

    async fn complete(&self, claim: &Claim, response: Option<&str>) -> Result<(), FinishError> {
        self.store.complete(claim, response).await?;
        let completed = CompletedClaim {
            response: response.map(str::to_owned),
            label: claim.label.clone(),
            fingerprint: claim.fingerprint.clone(),
            expires_at: claim.expires_at,
        };
        self.completed().put(claim.key.clone(), completed);
        Ok(())
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.store.release(claim).await
    }
}
