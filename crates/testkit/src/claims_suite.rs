//! What every store of claims must do: one suite, run against memory and against the emulator's DynamoDB.

#![expect(clippy::expect_used, reason = "a suite fails as a test does: by panicking, with what went wrong")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tidegate_idempotency::{Claim, Claimed, Fence, FinishError, Key, Request, Store};

const LEASE: Duration = Duration::from_secs(6);
const KEPT: Duration = Duration::from_secs(3600);

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
    let request = Request { key, fence, lease_until: now + LEASE, expires_at: now + KEPT, label: Some(label) };
    store.claim(request, now).await.expect("the store answers")
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
    nothing_can_be_finished_twice(&case("twice"), now).await;
    of_many_racers_one_wins(&store, &case("race").key, now).await;
    of_many_successors_one_takes_over(&store, &case("takeover"), now).await;
}

async fn a_completed_claim_answers_whoever_asks_again<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    assert!(!claim.taken_over);
    case.store.complete(&claim, Some("the answer"), now).await.expect("completes");
    let done = Claimed::Done { answer: Some("the answer".to_owned()), label: Some("first".to_owned()) };
    assert_eq!(case.claim(now + LEASE * 2, "second").await, done, "also after the lease");
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
    assert!(successor.taken_over);
    assert_eq!(successor.label.as_deref(), Some("first"), "the first label stays");

    let refused = case.store.complete(&late, Some("late"), now + LEASE).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "{refused:?}");
    let refused = case.store.release(&late, now + LEASE).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "{refused:?}");

    case.store.complete(&successor, Some("in time"), now + LEASE).await.expect("the successor completes");
    let refused = case.store.complete(&late, Some("later still"), now + LEASE).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "{refused:?}");
    let Claimed::Done { answer, .. } = case.claim(now + LEASE, "third").await else { panic!("not done") };
    assert_eq!(answer.as_deref(), Some("in time"));
}

async fn a_released_claim_goes_to_the_next_with_its_label<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    case.store.release(&claim, now).await.expect("releases");
    let next = case.own(now, "second").await;
    assert_eq!((next.taken_over, next.label.as_deref()), (true, Some("first")));
}

async fn an_expired_record_is_as_if_it_had_never_been<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    case.store.complete(&claim, Some("old"), now).await.expect("completes");
    // Seconds are what a time to live is kept in, so one of them is allowed for.
    let fresh = case.own(now + KEPT + Duration::from_secs(1), "second").await;
    assert_eq!((fresh.taken_over, fresh.label.as_deref()), (false, Some("second")));
}

async fn nothing_can_be_finished_twice<S: Store>(case: &Case<'_, S>, now: SystemTime) {
    let claim = case.own(now, "first").await;
    case.store.complete(&claim, Some("once"), now).await.expect("completes");
    let refused = case.store.release(&claim, now).await;
    assert!(matches!(refused, Err(FinishError::FencedOff { .. })), "a done claim was released: {refused:?}");
    let Claimed::Done { answer, .. } = case.claim(now, "second").await else { panic!("not done") };
    assert_eq!(answer.as_deref(), Some("once"));
}

async fn of_many_racers_one_wins<S: Store + 'static>(store: &Arc<S>, key: &Key, now: SystemTime) {
    assert_eq!(owners(store, key, 1_000, now).await, 1);
}

async fn of_many_successors_one_takes_over<S: Store + 'static>(store: &Arc<S>, case: &Case<'_, S>, now: SystemTime) {
    case.own(now, "first").await;
    assert_eq!(owners(store, &case.key, 2_000, now + LEASE).await, 1);
}

async fn owners<S: Store + 'static>(store: &Arc<S>, key: &Key, first_fence: u128, now: SystemTime) -> usize {
    let racers = (0..64).map(|i| {
        let (store, key) = (Arc::clone(store), key.clone());
        tokio::spawn(async move { claim(&*store, &key, Fence::new(first_fence + i), "racer", now).await })
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
