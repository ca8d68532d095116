//! Chance that can be repeated: `E2E_SEED=… make test` chooses as an earlier run did.

use std::hash::{BuildHasher as _, RandomState};

/// A generator of numbers (splitmix64, <https://prng.di.unimi.it/splitmix64.c>).
pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// By the seed in the environment, or a new one.
    #[expect(clippy::disallowed_methods, reason = "a test program reads its own setting")]
    pub(crate) fn of_run() -> Self {
        let given = std::env::var("E2E_SEED").ok().and_then(|text| text.parse().ok());
        Self::new(given.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32))
    }

    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, state: seed }
    }

    /// How to have the same again.
    pub(crate) fn seed(&self) -> String {
        format!("E2E_SEED={}", self.seed)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(limit).unwrap_or(u64::MAX)).unwrap_or_default()
    }
}
