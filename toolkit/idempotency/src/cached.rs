//! Proofs remembered in this process, so that a repeat which comes back here asks no store.

use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use lru::LruCache;

use crate::claim::contradicts;
use crate::{Claim, Claimed, FinishError, Key, Proof, Request, Store, StoreError};

/// A store that remembers the proofs it saw last. A proof never changes until it expires, so no other process can make
/// one stale. Claims in progress are not remembered.
#[derive(Debug)]
pub struct Cached<S> {
    store: S,
    proofs: Mutex<LruCache<Key, Proof>>,
}

impl<S: Store> Cached<S> {
    /// Remembers `most` proofs, answers included.
    pub fn new(store: S, most: NonZeroUsize) -> Self {
        Self { store, proofs: Mutex::new(LruCache::new(most)) }
    }

    // Each use below is one call of the cache, which leaves it whole.
    fn proofs(&self) -> MutexGuard<'_, LruCache<Key, Proof>> {
        self.proofs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> Store for Cached<S> {
    async fn claim(&self, request: Request<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let remembered = self.proofs().get(request.key).filter(|proof| proof.expires_at > now).cloned();
        if let Some(proof) = remembered {
            let other = contradicts(request.fingerprint, proof.fingerprint.as_ref());
            return Ok(if other { Claimed::Mismatch } else { Claimed::Done(proof) });
        }
        let key = request.key;
        let claimed = self.store.claim(request, now).await?;
        if let Claimed::Done(proof) = &claimed {
            self.proofs().put(key.clone(), proof.clone());
        }
        Ok(claimed)
    }

    async fn complete(&self, claim: &Claim, answer: Option<&str>) -> Result<(), FinishError> {
        self.store.complete(claim, answer).await?;
        let proof = Proof {
            answer: answer.map(str::to_owned),
            label: claim.label.clone(),
            fingerprint: claim.fingerprint.clone(),
            expires_at: claim.expires_at,
        };
        self.proofs().put(claim.key.clone(), proof);
        Ok(())
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.store.release(claim).await
    }
}
