//! Waiting for a condition: the one place of these tests that lets time pass.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, sleep, timeout};

/// How long a usual effect may take to show on a busy machine. It takes tenths of a second on an idle one.
pub(crate) const SOON: Duration = Duration::from_secs(40);
/// The longest a whole test may take.
pub(crate) const TEST_LIMIT: Duration = Duration::from_secs(180);
/// Between two looks.
const POLL: Duration = Duration::from_millis(50);
/// After so long without news somebody looks whether there will be any.
const IDLE: Duration = Duration::from_millis(400);

/// Looks until there is something, and gives it back; an error names `what` when there is nothing within `limit`.
pub(crate) async fn eventually<T>(what: &str, limit: Duration, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    seen_every(POLL, what, limit, look).await
}

/// The same for what takes long, or is dear to look at.
pub(crate) async fn eventually_slowly<T>(
    what: &str,
    limit: Duration,
    look: impl AsyncFn() -> Result<Option<T>>,
) -> Result<T> {
    seen_every(IDLE, what, limit, look).await
}

async fn seen_every<T>(
    poll: Duration,
    what: &str,
    limit: Duration,
    look: impl AsyncFn() -> Result<Option<T>>,
) -> Result<T> {
    let began = Instant::now();
    let seen = timeout(limit, async {
        loop {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
            sleep(poll).await;
        }
    });
    seen.await.with_context(|| format!("not within {:.0} s: {what}", began.elapsed().as_secs_f64()))?
}

/// Lets a moment pass before another look at what has no end.
pub(crate) async fn pause() {
    sleep(POLL).await;
}

/// What comes within a moment longer than effects usually take, if anything.
pub(crate) async fn shortly<T>(coming: impl Future<Output = T>) -> Option<T> {
    timeout(IDLE, coming).await.ok()
}
