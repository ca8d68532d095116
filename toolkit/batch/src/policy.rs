//! How a batch is run: the numbers, and the time there is.

use std::time::{Duration, SystemTime};

/// How a batch is run.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How many records are handled at once.
    pub concurrency: usize,
    /// At this receive count a transient failure is dead-lettered; for SQS only, because streams and brokers do not count.
    /// Lower than the queue's `maxReceiveCount`, because the queue's own redrive attaches no reason; that one is left for
    /// functions that die.
    pub max_receives: u32,
    /// The back-off after the first failure; it doubles with every further one.
    pub base_delay: Duration,
    /// The longest back-off.
    pub max_delay: Duration,
    /// The time before the deadline that is kept for reporting: what is not done by then is retried.
    pub reserve: Duration,
    /// When the invocation fails as a whole instead of answering record by record.
    pub fail_invocation: FailInvocation,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 10, // SQS's default batch: all at once
            max_receives: 20,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(900),
            reserve: Duration::from_secs(2), // two calls to SQS, each with a retry
            fail_invocation: FailInvocation::Never,
        }
    }
}

/// When a batch is answered with an error, after which the source hands out all of it again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailInvocation {
    /// Never: the response names what failed. The mapping must have `ReportBatchItemFailures`; without it Lambda reads
    /// every answer as "all done".
    #[default]
    Never,
    /// When every record fails: the function's error rate then shows that nothing works.
    WhenAllFail,
    /// When any record fails: for mappings and emulators that do not read partial answers.
    WhenAnyFails,
}

/// The time there is.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The moment the batch begins.
    pub now: SystemTime,
    /// The invocation's deadline.
    pub deadline: SystemTime,
}
