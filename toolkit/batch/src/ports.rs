//! The runner's ports.

use std::time::Duration;

use crate::failure::DeadLetter;
use crate::report::Outcome;

/// Where records of kind `R` go that cannot be handled.
pub trait DeadLetters<R> {
    /// Keeps the record with its reason. Once this is `Ok` the record is safe there and is acknowledged; a crash in
    /// between leaves it in both places, which redriving and consumers bear.
    fn dead_letter(&self, record: &R, letter: &DeadLetter) -> impl Future<Output = Result<(), QueueError>>;
}

/// Takes no dead letters: a stream stops at a bad record, until Lambda's own limits (`MaximumRetryAttempts`,
/// `MaximumRecordAgeInSeconds`) give it to the mapping's on-failure destination.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDeadLetters;

impl<R> DeadLetters<R> for NoDeadLetters {
    async fn dead_letter(&self, _: &R, _: &DeadLetter) -> Result<(), QueueError> {
        Err(QueueError { operation: "dead-letter", source: "there are no dead letters".into() })
    }
}

/// A record could not be delayed or dead-lettered.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} the message")]
pub struct QueueError {
    /// What was attempted.
    pub operation: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Observes records of kind `R` while the batch runs. It must not panic: that fails the invocation.
pub trait Observer<R> {
    /// The handler is about to get the record.
    fn before(&self, _record: &R) {}
    /// The record's outcome is known; also for those that the handler never got.
    fn after(&self, _record: &R, _outcome: &Outcome) {}
}

/// Observes nothing.
impl<R> Observer<R> for () {}

/// Where the runner sends a record that failed.
pub(crate) trait FailureSink<R> {
    async fn delay(&self, record: &R, by: Duration) -> Result<(), QueueError>;
    async fn dead_letter(&self, record: &R, letter: &DeadLetter) -> Result<(), QueueError>;
}

/// Records that can be dead-lettered but not delayed.
#[cfg(any(feature = "kinesis", feature = "dynamodb", feature = "kafka", feature = "rabbitmq"))]
pub(crate) struct DeadLettersOnly<'a, D>(pub(crate) &'a D);

#[cfg(any(feature = "kinesis", feature = "dynamodb", feature = "kafka", feature = "rabbitmq"))]
impl<R, D: DeadLetters<R>> FailureSink<R> for DeadLettersOnly<'_, D> {
    async fn delay(&self, _: &R, _: Duration) -> Result<(), QueueError> {
        Err(QueueError { operation: "delay", source: "this source has no delays".into() })
    }

    async fn dead_letter(&self, record: &R, letter: &DeadLetter) -> Result<(), QueueError> {
        self.0.dead_letter(record, letter).await
    }
}
