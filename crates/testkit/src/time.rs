//! Time and randomness under a test's control.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tidegate_runtime::ambient::Ambient;

/// A clock that starts where the test says and goes with tokio's, and a generator that repeats from its seed.
///
/// Under tokio's paused clock (`start_paused`) it stands still but for what a handler sleeps and a test skips.
#[derive(Debug)]
pub struct ManualAmbient {
    start: SystemTime,
    started: tokio::time::Instant,
    skipped: Mutex<Duration>,
    random: Mutex<u128>,
}

impl ManualAmbient {
    /// A clock at `start`.
    #[must_use]
    pub fn new(start: SystemTime, seed: u64) -> Self {
        let random = Mutex::new(u128::from(seed));
        Self { start, started: tokio::time::Instant::now(), skipped: Mutex::default(), random }
    }

    /// Lets time pass at once, without waking what sleeps.
    pub fn skip(&self, by: Duration) {
        *self.skipped.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Ambient for ManualAmbient {
    fn now(&self) -> SystemTime {
        self.start + self.started.elapsed() + *self.skipped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // splitmix64 on both halves: plain, and never the same number twice within a test.
    fn random(&self) -> u128 {
        let mut state = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mixed = (*state ^ (*state >> 64)).wrapping_mul(0xbf58_476d_1ce4_e5b9_94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 61)
    }
}
