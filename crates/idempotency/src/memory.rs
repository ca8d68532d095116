//! Claims in memory: for tests, for one process, and as the plainest statement of what a store does.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::{Claim, Claimed, Fence, FinishError, Key, Request, Store, StoreError};

/// Keeps claims in this process's memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<BTreeMap<Key, Record>>,
}

#[derive(Debug)]
struct Record {
    fence: Fence,
    state: State,
    expires_at: SystemTime,
    label: Option<String>,
}

#[derive(Debug)]
enum State {
    Claimed { lease_until: SystemTime },
    Done { answer: Option<String> },
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
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, claim: &Claim, write: impl FnOnce(&mut Record)) -> Result<(), FinishError> {
        match self.lock().get_mut(&claim.key) {
            Some(record) if record.fence == claim.fence && matches!(record.state, State::Claimed { .. }) => {
                write(record);
                Ok(())
            }
            _ => Err(FinishError::FencedOff { key: claim.key.to_string() }),
        }
    }
}

impl Store for MemoryStore {
    async fn claim(&self, request: Request<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let mut records = self.lock();
        let alive = records.get(request.key).filter(|record| record.expires_at > now);
        let label = match alive {
            Some(Record { state: State::Done { answer }, label, .. }) => {
                return Ok(Claimed::Done { answer: answer.clone(), label: label.clone() });
            }
            Some(Record { state: State::Claimed { lease_until }, .. }) if *lease_until > now => {
                return Ok(Claimed::InProgress { lease_until: *lease_until });
            }
            Some(record) => record.label.clone(),
            None => request.label.map(str::to_owned),
        };
        let taken_over = alive.is_some();
        let Request { key, fence, lease_until, expires_at, .. } = request;
        let state = State::Claimed { lease_until };
        records.insert(key.clone(), Record { fence, state, expires_at, label: label.clone() });
        Ok(Claimed::Owner(Claim { key: key.clone(), fence, expires_at, label, taken_over }))
    }

    async fn complete(&self, claim: &Claim, answer: Option<&str>, _now: SystemTime) -> Result<(), FinishError> {
        self.finish(claim, |record| record.state = State::Done { answer: answer.map(str::to_owned) })
    }

    async fn release(&self, claim: &Claim, now: SystemTime) -> Result<(), FinishError> {
        self.finish(claim, |record| record.state = State::Claimed { lease_until: now })
    }
}
