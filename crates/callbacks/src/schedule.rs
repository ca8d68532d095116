//! When a callback is attempted, and every number that follows from it. Another schedule is written here alone;
//! `tests/architecture` holds the queue in `infra/callbacks.yaml` against it.

use std::time::Duration;

use tidegate_batch::Policy;
use tidegate_batch::sqs::MAX_DELAY;
use tidegate_webhooks::outbound::RetrySchedule;

/// Receives for crashes and for AWS not answering, some eight hours with the longest back-off.
const SPARE_RECEIVES: u32 = 70;
/// A slow endpoint holds other deliveries for no longer: the response to their own attempt says how long to wait. It is
/// spread over as long again, so a hold takes at most twice this.
pub(crate) const MAX_HOLD: Duration = Duration::from_secs(3_600);

/// Svix's eight attempts over some 28 hours.
#[must_use]
pub fn schedule() -> RetrySchedule {
    RetrySchedule::default()
}

/// Receives are counted for what goes wrong on this side; attempts are counted in the delivery.
#[must_use]
pub fn policy() -> Policy {
    Policy { max_receives: receives(&schedule()) + SPARE_RECEIVES, ..Policy::default() }
}

/// The attempts that a delivery keeps: those of two rounds, and some that were interrupted. An item does not grow for ever.
#[must_use]
pub fn kept_attempts() -> usize {
    2 * schedule().delays_secs.len() + 4
}

/// How often a message is received at most while nothing fails on this side: once for each attempt, once more where the
/// endpoint holds it, and once more for each time that SQS cannot hide it for the whole of a wait.
#[must_use]
pub fn receives(schedule: &RetrySchedule) -> u32 {
    let longer =
        waits(schedule).map(|wait| wait.as_secs().div_ceil(MAX_DELAY.as_secs()).saturating_sub(1)).sum::<u64>();
    u32::try_from(2 * schedule.delays_secs.len() as u64 + longer).unwrap_or(u32::MAX)
}

/// How long a message lives at most: each wait at its longest, a hold before each attempt, and every spare receive after the
/// longest back-off.
#[must_use]
pub fn longest_life(schedule: &RetrySchedule) -> Duration {
    let attempts = u32::try_from(schedule.delays_secs.len()).unwrap_or(u32::MAX);
    waits(schedule).sum::<Duration>() + 2 * MAX_HOLD * attempts + Policy::default().max_delay * SPARE_RECEIVES
}

/// The longest wait before each attempt but the first: with its jitter, or the longest `Retry-After`.
fn waits(schedule: &RetrySchedule) -> impl Iterator<Item = Duration> {
    (1..).map_while(|made| schedule.delay_before(made, u64::MAX, Some(Duration::MAX)))
}
