//! Claiming the right to publish an event, when the same delivery may arrive again, at once, or after a crash.
//!
//! A scheme that signs only the body puts two claims on a delivery: on the signature, because a captured request could
//! be sent again under another id, and on the id, because a redelivery after a rotation is signed with another secret.
//! They are always taken in this order, so that of two racers one gets both.
//!
//! ```text
//! A  claim sig ok . claim id ok . publish ........ complete, complete -> 202
//! B     claim sig: in progress, wait ....................... done     -> 200
//! A  claim sig ok . claim id ok . publish x (killed)
//! B     claim sig: in progress, wait ... lease over: takes over, A's id ... publish, same event id -> 202
//! ```

use std::time::{Duration, SystemTime};

use tidegate_idempotency::{Claim, ClaimRequest, Claimed, Fence, FinishError, Store};
use tidegate_runtime::Ports;
use tidegate_runtime::problem::Problem;
use tracing::{error, warn};

use crate::events::Incoming;
use crate::try_again;

/// Time kept for the answer: a racer that is still waiting then asks its sender to retry.
const RESERVE: Duration = Duration::from_millis(500);
/// The first and the longest pause between two looks at another's claim.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(320));

/// What came of claiming an event.
#[derive(Debug)]
pub(crate) enum Claims {
    /// This invocation holds all of them, and publishes.
    Held(Vec<Claim>),
    /// The event was published before.
    Duplicate,
}

/// Takes all of an event's claims, waiting for another owner as long as there is time: a racing duplicate is answered
/// once the outcome is certain, because "200" to a delivery whose owner then dies would lose it.
pub(crate) async fn claim(
    store: &impl Store,
    ports: &dyn Ports,
    incoming: &Incoming,
    deadline: SystemTime,
) -> Result<Claims, Problem> {
    let mut held = Vec::with_capacity(incoming.keys.len());
    let mut pause = PAUSES.0;
    let mut keys = incoming.keys.iter();
    let mut next = keys.next();
    while let Some((key, recognised_for)) = next {
        let now = ports.now();
        let request = ClaimRequest {
            key,
            fence: Fence::new(ports.random()),
            lease_until: deadline,
            expires_at: now + *recognised_for,
            label: Some(incoming.event.id()),
            fingerprint: None,
        };
        match store.claim(request, now).await {
            Ok(Claimed::Owner(claim)) => {
                held.push(claim);
                next = keys.next();
            }
            Ok(Claimed::Done { .. }) => {
                // Known under one of its names: so is it under those that were taken before.
                complete(store, &held).await;
                return Ok(Claims::Duplicate);
            }
            Ok(Claimed::InProgress { .. }) if now + pause + RESERVE < deadline => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(PAUSES.1);
            }
            // Without a fingerprint there is no mismatch; if there were, nothing would be known to be out.
            Ok(Claimed::InProgress { .. } | Claimed::Mismatch) => {
                release(store, &held).await;
                return Err(try_again("in-progress", "The same delivery is being handled"));
            }
            Err(error) => {
                error!(error = tidegate_runtime::chain(&error), "the delivery cannot be claimed");
                release(store, &held).await;
                return Err(try_again("not-claimed", "The delivery could not be recorded"));
            }
        }
    }
    Ok(Claims::Held(held))
}

/// Records that the event is out. If this fails the event is out all the same: a redelivery would be published once
/// more under the same id, which consumers recognise. So it is logged and the sender gets its 2xx.
pub(crate) async fn complete(store: &impl Store, claims: &[Claim]) {
    for claim in claims {
        log(store.complete(claim, None).await, "complete");
    }
}

/// Lets go, so that the sender's next try need not wait for the leases to end.
pub(crate) async fn release(store: &impl Store, claims: &[Claim]) {
    for claim in claims.iter().rev() {
        log(store.release(claim).await, "release");
    }
}

fn log(finished: Result<(), FinishError>, operation: &str) {
    if let Err(error) = finished {
        warn!(
            operation,
            error = tidegate_runtime::chain(&error),
            "the claim could not be written; it ends with its lease"
        );
    }
}
