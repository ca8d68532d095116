//! What every store of claims must do: one suite, run against memory and against the emulator's DynamoDB.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![expect(clippy::expect_used, reason = "a suite fails as a test does: by panicking, with what went wrong")]

mod crashes;

use crashes::{KEPT, LEASE};

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tidegate_idempotency::{
    Claim, ClaimOutcome, ClaimRequest, Claimed, Counted, Fence, Fingerprint, FinishError, Key, Origin, Store,
};
use tokio::sync::Semaphore;

/// How many race for one key.
const RACERS: u128 = 1_000;
/// How many of them have a request under way at a time. All are there before the first is answered, but a small machine's
/// emulator would time out if it had to answer all at once.
const AT_A_TIME: usize = 64;

/// A store with one key of its own, and fences that never repeat.
struct Case<'a, S> {
    store: &'a S,
    key: Key,
    next_fence: std::cell::Cell<u128>,
}

impl<S: Store> Case<'_, S> {
    async fn claim(&self, now: SystemTime, label: &str) -> Claimed {
        let fence = self.next_fence.get();
        self.next_fence.set(fence + 1);
        claim(self.store, &self.key, Fence::new(fence), label, now).await
    }

    async fn own(&self, now: SystemTime, label: &str) -> Claim {
        match self.claim(now, label).await {
            Claimed::Owner(claim) => claim,
            other => panic!("expected to own the claim, got {other:?}"),
        }
    }
}

async fn claim(store: &impl Store, key: &Key, fence: Fence, label: &str, now: SystemTime) -> Claimed {
    store.claim(request(key, fence, label, now), now).await.expect("the store answers")
}

fn request<'a>(key: &'a Key, fence: Fence, label: &'a str, now: SystemTime) -> ClaimRequest<'a> {
    ClaimRequest { key, fence, lease_until: now + LEASE, expires_at: now + KEPT, label: Some(label), fingerprint: None }
}

fn completed(claimed: Claimed) -> tidegate_idempotency::CompletedClaim {
    match claimed {
        Claimed::Done(completed) => completed,
        other => panic!("expected it done, got {other:?}"),
    }
}

/// Runs the whole suite. `unique` keeps several runs over one table apart; `now` is any whole millisecond, which is what
/// DynamoDB keeps.
///
/// # Panics
/// Where the store does not keep its contract.
pub async fn run<S: Store + 'static>(store: Arc<S>, unique: &str, now: SystemTime) {
    let case = |name: &str| Case {
        store: &*store,
        key: Key::new("suite", &format!("{unique}/{name}")),
        next_fence: std::cell::Cell::new(1),
    };
    a_completed_claim_answers_whoever_asks_again(&case("completed"), now).await;
    a_claim_in_progress_is_not_given_twice(&case("in-progress"), now).await;
    an_owner_past_its_lease_is_fenced_off(&case("fenced"), now).await;
    a_released_claim_goes_to_the_next_with_its_label(&case("released"), now).await;
    an_expired_record_is_as_if_it_had_never_been(&case("expired"), now).await;
    a_record_does_not_expire_under_a_live_owner(&case("short"), now).await;
    nothing_can_be_finished_twice(&case("twice"), now).await;
    another_fingerprint_is_a_mismatch(&case("fingerprint"), now).await;
    every_outcome_is_counted(&store, &case("counted").key, now).await;
    crashes::a_crash_at_any_point_is_survived(&store, unique, now).await;
    of_many_racers_one_wins(&store, &case("race").key, now).await;
    of_many_successors_one_takes_over(&store, &case("takeover"), now).await;
}

async fn a_completed_claim_answers_whoever_asks_again<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    assert_eq!(claim.origin, Origin::First);
    case.store.complete(&claim, Some("the answer")).await.expect("completes");
    let completed = completed(case.claim(now + LEASE * 2, "second").await);
    assert_eq!((completed.response.as_deref(), completed.label.as_deref()), (Some("the answer"), Some("first")));
    assert!(completed.expires_at >= now + KEPT);
}

async fn a_claim_in_progress_is_not_given_twice<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    case.own(now, "first").await;
    let Claimed::InProgress { lease_until } = case.claim(now + Duration::from_secs(1), "second").await else {
        panic!("given twice");
    };
    assert_eq!(lease_until, now + LEASE);
}

async fn an_owner_past_its_lease_is_fenced_off<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let late = case.own(now, "first").await;
    let successor = case.own(now + LEASE, "second").await;
    assert_eq!(successor.origin, Origin::Abandoned);
    assert_eq!(successor.label.as_deref(), Some("first"), "the first label stays");

    let refused = case.store.complete(&late, Some("late")).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "{refused:?}");
    let refused = case.store.release(&late).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "{refused:?}");

    case.store.complete(&successor, Some("in time")).await.expect("the successor completes");
    let refused = case.store.complete(&late, Some("later still")).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "{refused:?}");
    let response = completed(case.claim(now + LEASE, "third").await).response;
    assert_eq!(response.as_deref(), Some("in time"));
}

async fn a_released_claim_goes_to_the_next_with_its_label<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    case.store.release(&claim).await.expect("releases");
    let next = case.own(now, "second").await;
    assert_eq!((next.origin, next.label.as_deref()), (Origin::Released, Some("first")));
}

async fn an_expired_record_is_as_if_it_had_never_been<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    case.store.complete(&claim, Some("old")).await.expect("completes");
    // Seconds are what a time to live is kept in, so one of them is allowed for.
    let fresh = case.own(now + KEPT + Duration::from_secs(1), "second").await;
    assert_eq!((fresh.origin, fresh.label.as_deref()), (Origin::Expired, Some("second")));
}

async fn a_record_does_not_expire_under_a_live_owner<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let short = |fence, now| ClaimRequest { expires_at: now, ..request(&case.key, Fence::new(fence), "label", now) };
    let claimed = case.store.claim(short(1, now), now).await.expect("the store answers");
    let Claimed::Owner(owner) = claimed else { panic!("not owned: {claimed:?}") };
    let later = now + LEASE / 2;
    let second = case.store.claim(short(2, later), later).await.expect("the store answers");
    assert_eq!(second, Claimed::InProgress { lease_until: now + LEASE });
    // The same for a successor.
    case.store.release(&owner).await.expect("releases");
    let claimed = case.store.claim(short(3, later), later).await.expect("the store answers");
    assert!(matches!(claimed, Claimed::Owner(_)), "{claimed:?}");
    let latest = later + LEASE / 2;
    let third = case.store.claim(short(4, latest), latest).await.expect("the store answers");
    assert_eq!(third, Claimed::InProgress { lease_until: later + LEASE });
}

async fn nothing_can_be_finished_twice<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    case.store.complete(&claim, Some("once")).await.expect("completes");
    let refused = case.store.release(&claim).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "a done claim was released: {refused:?}");
    let response = completed(case.claim(now, "second").await).response;
    assert_eq!(response.as_deref(), Some("once"));
}

async fn another_fingerprint_is_a_mismatch<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let (one, other) = (Fingerprint::of(b"one"), Fingerprint::of(b"other"));
    let claim = async |fence, fingerprint, now| {
        let request = ClaimRequest { fingerprint, ..request(&case.key, Fence::new(fence), "label", now) };
        case.store.claim(request, now).await.expect("the store answers")
    };
    let Claimed::Owner(owner) = claim(1, Some(&one), now).await else { panic!("not owned") };
    assert_eq!(claim(2, Some(&other), now).await, Claimed::Mismatch, "in progress");
    assert_eq!(claim(3, Some(&other), now + LEASE).await, Claimed::Mismatch, "free to take over");
    case.store.complete(&owner, Some("of one")).await.expect("completes");
    assert_eq!(claim(4, Some(&other), now).await, Claimed::Mismatch, "done");
    for agrees in [Some(&one), None] {
        let completed = completed(claim(5, agrees, now).await);
        assert_eq!((completed.response.as_deref(), completed.fingerprint.as_ref()), (Some("of one"), Some(&one)));
    }
    let late = now + KEPT + Duration::from_secs(1);
    assert!(matches!(claim(6, Some(&other), late).await, Claimed::Owner(_)), "an expired record binds nobody");
}

async fn every_outcome_is_counted<S: Store>(store: &Arc<S>, key: &Key, now: SystemTime) {
    let counts = Mutex::new(Vec::new());
    let counted = Counted::new(Arc::clone(store), |outcome| counts.lock().expect("not poisoned").push(outcome));
    let own = async |fence, now| match claim(&counted, key, Fence::new(fence), "label", now).await {
        Claimed::Owner(claim) => claim,
        other => panic!("expected to own the claim, got {other:?}"),
    };
    let released = own(1, now).await;
    counted.release(&released).await.expect("releases");
    let late = own(2, now).await;
    claim(&counted, key, Fence::new(3), "label", now).await;
    let successor = own(4, now + LEASE).await;
    counted.complete(&late, None).await.expect_err("fenced off");
    counted.complete(&successor, None).await.expect("completes");
    claim(&counted, key, Fence::new(5), "label", now + LEASE).await;
    use ClaimOutcome::{Duplicate, Expired, FencedOff, First, InProgress, Retried};
    assert_eq!(*counts.lock().expect("not poisoned"), [First, Retried, InProgress, Expired, FencedOff, Duplicate]);
}

async fn of_many_racers_one_wins<S: Store + 'static>(store: &Arc<S>, key: &Key, now: SystemTime) {
    assert_eq!(owners(store, key, 1_000_000, now).await, 1);
}

async fn of_many_successors_one_takes_over<S: Store + 'static>(store: &Arc<S>, case: &Case<'_, S>, now: SystemTime) {
    case.own(now, "first").await;
    assert_eq!(owners(store, &case.key, 2_000_000, now + LEASE).await, 1);
}

async fn owners<S: Store + 'static>(store: &Arc<S>, key: &Key, first_fence: u128, now: SystemTime) -> usize {
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let racers = (0..RACERS).map(|i| {
        let (store, key, turns) = (Arc::clone(store), key.clone(), Arc::clone(&turns));
        tokio::spawn(async move {
            let _turn = turns.acquire().await.expect("never closed");
            claim(&*store, &key, Fence::new(first_fence + i), "racer", now).await
        })
    });
    let mut owners = 0;
    for racer in racers.collect::<Vec<_>>() {
        owners += usize::from(matches!(racer.await.expect("no panic"), Claimed::Owner(_)));
    }
    owners
}

#[cfg(test)]
mod tests {
    use tidegate_idempotency::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        run(Arc::new(MemoryStore::default()), "memory", SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000))
            .await;
    }
}
