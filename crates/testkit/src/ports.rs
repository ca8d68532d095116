//! What every function needs, under a test's control.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tidegate_runtime::Ports;
use tidegate_runtime::metrics::Metric;

/// A clock that starts where the test says and goes with tokio's, a generator that repeats from its seed, and metrics
/// that add up.
///
/// Under tokio's paused clock (`start_paused`) the clock stands still but for what a handler sleeps and a test skips.
#[derive(Debug)]
pub struct TestPorts {
    start: SystemTime,
    started: tokio::time::Instant,
    skipped: Mutex<Duration>,
    random: Mutex<u128>,
    counts: Mutex<BTreeMap<(Metric, String), u64>>,
}

impl TestPorts {
    /// With a clock at so many seconds after the epoch.
    #[must_use]
    pub fn at(secs: u64) -> Arc<Self> {
        Self::from(SystemTime::UNIX_EPOCH + Duration::from_secs(secs))
    }

    #[must_use]
    pub fn from(start: SystemTime) -> Arc<Self> {
        Arc::new(Self {
            start,
            started: tokio::time::Instant::now(),
            skipped: Mutex::default(),
            random: Mutex::new(7),
            counts: Mutex::default(),
        })
    }

    /// Lets time pass at once, without waking what sleeps.
    pub fn skip(&self, by: Duration) {
        *self.skipped.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }

    /// The sum of a metric over all dimensions.
    #[must_use]
    pub fn total(&self, metric: Metric) -> u64 {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().filter(|((counted, _), _)| *counted == metric).map(|(_, count)| count).sum()
    }

    /// The values that dimensions have had.
    #[must_use]
    pub fn dimensions(&self) -> Vec<String> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.keys().map(|(_, dimension)| dimension.clone()).collect()
    }
}

impl Ports for TestPorts {
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

    fn count(&self, (_, value): (&'static str, &str), counts: &[(Metric, u64)]) {
        let mut totals = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for (metric, count) in counts.iter().filter(|(_, count)| *count > 0) {
            *totals.entry((*metric, value.to_owned())).or_default() += count;
        }
    }
}
