//! Random schedules of claimants under a manual clock: who owns, what is answered, what is lost.

#![expect(clippy::unwrap_used, reason = "the lint spares `#[test]` functions, not what they call")]
#![cfg(feature = "lru")]

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use tidegate_idempotency::{Cached, Claim, ClaimRequest, Claimed, Fence, FinishError, Key, MemoryStore, Store};

const KEYS: usize = 3;
const WORKERS: usize = 6;
const LEASE: Duration = Duration::from_secs(6);
const KEPT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Worker asks for a key.
    Claim(usize, usize),
    /// Worker completes what it holds, or believes to hold.
    Complete(usize),
    /// Worker lets go of what it holds, or believes to hold.
    Release(usize),
    /// Worker dies, or is paused for ever.
    Die(usize),
    /// Time passes.
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..WORKERS, 0..KEYS).prop_map(|(worker, key)| Step::Claim(worker, key)),
        2 => (0..WORKERS).prop_map(Step::Complete),
        1 => (0..WORKERS).prop_map(Step::Release),
        1 => (0..WORKERS).prop_map(Step::Die),
        2 => (0..12_000_u64).prop_map(Step::Wait),
    ]
}

/// A claim as its worker holds it, and until when it is alive.
struct Held {
    claim: Claim,
    key: usize,
    lease_until: SystemTime,
}

/// What must be true of a key, from what workers were told.
#[derive(Default)]
struct Known {
    /// The live owner's fence and the end of its lease.
    owner: Option<(Fence, SystemTime)>,
    /// The response on record, and until when.
    response: Option<(String, SystemTime)>,
}

/// Plays a schedule. Workers are spread over the stores, which share their records as processes share a table.
async fn play(stores: &[impl Store], steps: &[Step]) -> Result<(), TestCaseError> {
    let keys: Vec<Key> = (0..KEYS).map(|key| Key::new("schedule", &key.to_string())).collect();
    let mut now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let mut held: HashMap<usize, Held> = HashMap::new();
    let mut known: Vec<Known> = (0..KEYS).map(|_| Known::default()).collect();
    for (number, step) in (0_u32..).zip(steps) {
        match *step {
            Step::Wait(millis) => now += Duration::from_millis(millis),
            Step::Die(worker) => drop(held.remove(&worker)),
            Step::Claim(worker, key) => {
                let fence = Fence::new(number.into());
                let (lease_until, expires_at) = (now + LEASE, now + KEPT);
                let request =
                    ClaimRequest { key: &keys[key], fence, lease_until, expires_at, label: None, fingerprint: None };
                let claimed = stores[worker % stores.len()].claim(request, now).await.unwrap();
                let known = &mut known[key];
                let response = known.response.as_ref().filter(|(_, until)| *until > now);
                match claimed {
                    Claimed::Owner(claim) => {
                        let live = known.owner.filter(|(_, until)| *until > now);
                        prop_assert!(live.is_none(), "step {number}: two live owners of key {key}");
                        prop_assert!(response.is_none(), "step {number}: the response of key {key} is lost");
                        known.owner = Some((fence, lease_until));
                        held.insert(worker, Held { claim, key, lease_until });
                    }
                    Claimed::Done(completed) => {
                        let response = response.map(|(response, _)| response.clone());
                        prop_assert_eq!(
                            completed.response,
                            response,
                            "step {}: not the response of key {}",
                            number,
                            key
                        );
                    }
                    Claimed::InProgress { .. } => {
                        let live = known.owner.filter(|(_, until)| *until > now);
                        prop_assert!(live.is_some(), "step {number}: nobody is at key {key}");
                    }
                    Claimed::Mismatch => prop_assert!(false, "nobody gave a fingerprint"),
                }
            }
            Step::Complete(worker) | Step::Release(worker) => {
                let Some(Held { claim, key, lease_until }) = held.remove(&worker) else { continue };
                let store = &stores[worker % stores.len()];
                let response = format!("{key} by {}", claim.fence);
                let completes = matches!(step, Step::Complete(_));
                let finished =
                    if completes { store.complete(&claim, Some(&response)).await } else { store.release(&claim).await };
                let known = &mut known[key];
                let is_last = known.owner.is_some_and(|(fence, _)| fence == claim.fence);
                match finished {
                    Ok(()) => {
                        prop_assert!(is_last, "step {number}: an owner wrote over its successor");
                        known.owner = None;
                        if completes {
                            known.response = Some((response, claim.expires_at));
                        }
                    }
                    Err(FinishError::FencedOff { .. }) => {
                        prop_assert!(!is_last && lease_until <= now, "step {number}: a live owner was fenced off");
                    }
                    Err(error) => prop_assert!(false, "{error}"),
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn at_most_one_lives_and_no_answer_is_lost_or_mixed_up(steps in prop::collection::vec(step(), 0..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(play(&[MemoryStore::default()], &steps))?;
        let shared = Arc::new(MemoryStore::default());
        let cached = || Cached::new(Arc::clone(&shared), NonZeroUsize::new(2).unwrap());
        runtime.block_on(play(&[cached(), cached()], &steps))?;
    }
}
