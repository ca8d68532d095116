//! What every function needs from outside: the time, random bits, and a place for its counts. The one module that reads
//! the clock and draws randomness; everything else gets them as values or through [`Ports`].

use std::fmt;
use std::io::Write;
use std::time::SystemTime;

use crate::metrics::{Metric, line};
use crate::priming::Priming;

/// One value of these is part of every handler.
pub trait Ports: fmt::Debug + Send + Sync {
    fn now(&self) -> SystemTime;

    /// 128 random bits. Unpredictable enough for fencing tokens, jitter and span ids; not for secrets.
    fn random(&self) -> u128;

    /// Counts, with one dimension beside the function's name (for instance `source`, which is an operator's own word
    /// and so of bounded variety).
    fn count(&self, dimension: (&'static str, &str), counts: &[(Metric, u64)]);
}

/// The machine's clock, a generator seeded by the operating system, and metrics on standard output.
#[derive(Clone, Debug)]
pub struct System {
    function: String,
    priming: Priming,
}

impl System {
    #[must_use]
    pub fn new(function: impl Into<String>, priming: Priming) -> Self {
        Self { function: function.into(), priming }
    }
}

impl Ports for System {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u128 {
        fastrand::u128(..)
    }

    fn count(&self, dimension: (&'static str, &str), counts: &[(Metric, u64)]) {
        let counts: Vec<_> = counts.iter().copied().filter(|(_, count)| *count > 0).collect();
        if counts.is_empty() {
            return;
        }
        let line = line(&self.function, self.now(), dimension, &counts);
        if !self.priming.is_on() {
            // A metric that cannot be written is not worth failing a delivery for.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }
}
