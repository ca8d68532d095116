//! Owners that die at every point between claim, effect and completion.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use tidegate_idempotency::{
    Admission, Call, Claim, ClaimRequest, Claimed, Error, Execution, Fence, FinishError, Idempotent, Part, Store,
    StoreError,
};
use tokio::sync::Notify;

pub(super) const LEASE: Duration = Duration::from_secs(6);
pub(super) const KEPT: Duration = Duration::from_secs(3600);

/// Right after what the owner dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// Nothing was written.
    Start,
    /// The claim was written; the effect did not happen.
    Claim,
    /// The effect happened; the completion was not written.
    Effect,
    /// The completion was written; nobody was answered.
    Completion,
}

/// A store whose caller dies: from that point on, no call of it ever returns.
struct Dying<S> {
    store: Arc<S>,
    death: Death,
    died: Arc<Notify>,
}

impl<S> Dying<S> {
    async fn die_if(&self, death: Death) {
        if self.death == death {
            self.died.notify_one();
            pending::<()>().await;
        }
    }
}

impl<S: Store> Store for Dying<S> {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        self.die_if(Death::Start).await;
        let claimed = self.store.claim(request, now).await;
        self.die_if(Death::Claim).await;
        claimed
    }

    async fn complete(&self, claim: &Claim, answer: Option<&str>) -> Result<(), FinishError> {
        self.die_if(Death::Effect).await;
        let completed = self.store.complete(claim, answer).await;
        self.die_if(Death::Completion).await;
        completed
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.store.release(claim).await
    }
}

pub(super) async fn a_crash_at_any_point_is_survived<S: Store>(store: &Arc<S>, unique: &str, now: SystemTime) {
    // Only between effect and completion is there nothing that could tell a successor.
    for (death, effects_in_all) in [(Death::Start, 1), (Death::Claim, 1), (Death::Effect, 2), (Death::Completion, 1)] {
        let event = format!("{unique}/{death:?}");
        let effects = AtomicU32::new(0);
        let handler = async || Ok::<_, Infallible>(effects.fetch_add(1, Ordering::Relaxed) + 1);
        let idempotent = |death| {
            let died = Arc::new(Notify::new());
            let store = Dying { store: Arc::clone(store), death, died: Arc::clone(&died) };
            (Idempotent::<String, u32, _>::new(store, "suite-crashes", Part::whole(), KEPT), died)
        };
        let call = |fence, now| Call { now, deadline: now + LEASE, fence: Fence::new(fence) };

        let (doomed, died) = idempotent(death);
        tokio::select! {
            biased;
            answered = doomed.run(&event, call(1, now), handler) => panic!("{death:?}: lived, {answered:?}"),
            () = died.notified() => {}
        }
        // Whoever comes while the dead owner's lease runs is told to come back, and has its answer if it was completed.
        let plain = Idempotent::<String, u32, _>::new(Arc::clone(store), "suite-crashes", Part::whole(), KEPT);
        match (death, plain.begin::<Infallible>(&event, call(2, now)).await) {
            (Death::Claim | Death::Effect, Err(Error::InProgress { lease_until, .. })) => {
                assert_eq!(lease_until, now + LEASE);
            }
            (Death::Start, Ok(Admission::Owner(_))) => {} // and dies too
            (Death::Completion, Ok(Admission::Replay(1))) => {}
            (_, other) => panic!("{death:?}: {other:?}"),
        }
        let successor = plain.run(&event, call(3, now + LEASE), handler).await.expect("the successor is answered");
        assert_eq!(successor.response, effects_in_all, "{death:?}: the answer is that of the last effect");
        let repeat = plain.run(&event, call(4, now + LEASE), handler).await.expect("a repeat is answered");
        assert_eq!((repeat.response, repeat.execution), (effects_in_all, Execution::Replayed), "{death:?}");
        assert_eq!(effects.load(Ordering::Relaxed), effects_in_all, "{death:?}");
    }
}
