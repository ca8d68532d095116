//! Claims in memory: for tests, for one process, and as the plainest statement of what a store does.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::claim::{
    Claim, ClaimRequest, Claimed, CompletedClaim, Fence, Fingerprint, FinishError, Key, Origin, Store, StoreError,
    contradicts,
};

/// Keeps claims in this process's memory. It deletes nothing, so a process that lives for long needs another store.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<HashMap<Key, Record>>,
}

#[derive(Debug)]
struct Record {
    fence: Fence,
    state: State,
    expires_at: SystemTime,
    label: Option<String>,
    fingerprint: Option<Fingerprint>,
}

#[derive(Debug)]
enum State {
    Claimed { lease_until: SystemTime },
    Released,
    Done { response: Option<String> },
}

impl MemoryStore {
    /// How many records are kept, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// True where nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // Every write below is a single insert or assignment, so a panic elsewhere cannot leave a record half written.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, claim: &Claim, state: State) -> Result<(), FinishError> {
        match self.lock().get_mut(&claim.key) {
            Some(record) if record.fence == claim.fence && !matches!(record.state, State::Done { .. }) => {
                record.state = state;
                Ok(())
            }
            _ => Err(FinishError::FencedOff { key: claim.key.to_string() }),
        }
    }
}

impl Store for MemoryStore {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let expires_at = request.kept_until();
        let ClaimRequest { key, fence, lease_until, label, fingerprint, .. } = request;
        let mut records = self.lock();
        let (origin, predecessor) = match records.get(key) {
            None => (Origin::First, None),
            Some(record) if record.expires_at <= now => (Origin::Expired, None),
            Some(record) if contradicts(fingerprint, record.fingerprint.as_ref()) => return Ok(Claimed::Mismatch),
            Some(record) => match &record.state {
                State::Done { response } => return Ok(Claimed::Done(record.completed(response.clone()))),
                State::Claimed { lease_until } if *lease_until > now => {
                    return Ok(Claimed::InProgress { lease_until: *lease_until });
                }
                State::Claimed { .. } => (Origin::Abandoned, Some(record)),
                State::Released => (Origin::Released, Some(record)),
            },
        };
        let (label, fingerprint) = match predecessor {
            Some(record) => (record.label.clone(), record.fingerprint.clone()),
            None => (label.map(str::to_owned), fingerprint.cloned()),
        };
        let state = State::Claimed { lease_until };
        let record = Record { fence, state, expires_at, label: label.clone(), fingerprint: fingerprint.clone() };
        records.insert(key.clone(), record);
        Ok(Claimed::Owner(Claim { key: key.clone(), fence, expires_at, label, fingerprint, origin }))
    }

    async fn complete(&self, claim: &Claim, response: Option<&str>) -> Result<(), FinishError> {
        self.finish(claim, State::Done { response: response.map(str::to_owned) })
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.finish(claim, State::Released)
    }
}

impl Record {
    fn completed(&self, response: Option<String>) -> CompletedClaim {
        let Record { expires_at, label, fingerprint, .. } = self;
        CompletedClaim { response, label: label.clone(), fingerprint: fingerprint.clone(), expires_at: *expires_at }
    }
}
