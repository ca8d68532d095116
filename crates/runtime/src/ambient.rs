//! Time and randomness: the one place where either is drawn. Everything else gets them as values or through [`Ambient`].

use std::time::SystemTime;

/// Where a handler gets the time and its random bits from.
pub trait Ambient: Send + Sync {
    /// The moment it is.
    fn now(&self) -> SystemTime;

    /// 128 random bits. Unpredictable enough for fencing tokens, jitter and span ids; not for secrets.
    fn random(&self) -> u128;
}

/// The machine's clock and a generator seeded by the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Ambient for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u128 {
        fastrand::u128(..)
    }
}
