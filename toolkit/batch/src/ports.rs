//! What a runner needs from outside, and what it tells.

use std::time::Duration;

use crate::{DeadLetter, Outcome};

/// Where records of kind `R` are set aside.
pub trait DeadLetters<R> {
    /// Keeps the record with its reason. Once this is `Ok` the record is safe there and is acknowledged; a crash in
    /// between leaves it in both places, which redriving and consumers bear.
    fn dead_letter(&self, record: &R, letter: &DeadLetter) -> impl Future<Output = Result<(), QueueError>>;
}

/// A queue that can hide a message for a while.
#[cfg(feature = "sqs")]
pub trait Queue: DeadLetters<crate::sqs::Message> {
    /// Hides the message for `by`, after which the queue hands it out again.
    fn delay(&self, message: &crate::sqs::Message, by: Duration) -> impl Future<Output = Result<(), QueueError>>;
}

/// Sets nothing aside: a stream stops at what should have been, until Lambda's own limits (`MaximumRetryAttempts`,
/// `MaximumRecordAgeInSeconds`) give it to the mapping's on-failure destination.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDeadLetters;

impl<R> DeadLetters<R> for NoDeadLetters {
    async fn dead_letter(&self, _: &R, _: &DeadLetter) -> Result<(), QueueError> {
        Err(QueueError { operation: "set aside", source: "there are no dead letters".into() })
    }
}

/// A record could not be delayed or set aside.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} the message")]
pub struct QueueError {
    /// What was attempted.
    pub operation: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Is told of records of kind `R` while the batch runs. It must not panic: that fails the invocation.
pub trait Observer<R> {
    /// The handler is about to get this record.
    fn before(&self, _record: &R) {}
    /// It is decided what becomes of this record; also for those that the handler never got.
    fn after(&self, _record: &R, _outcome: &Outcome) {}
}

/// Looks away.
impl<R> Observer<R> for () {}

/// What the runner does with a record that failed.
pub(crate) trait Aftermath<R> {
    async fn delay(&self, record: &R, by: Duration) -> Result<(), QueueError>;
    async fn dead_letter(&self, record: &R, letter: &DeadLetter) -> Result<(), QueueError>;
}

/// Records that can be set aside but not delayed.
#[cfg(any(feature = "kinesis", feature = "dynamodb", feature = "kafka", feature = "rabbitmq"))]
pub(crate) struct SetAsideOnly<'a, D>(pub(crate) &'a D);

#[cfg(any(feature = "kinesis", feature = "dynamodb", feature = "kafka", feature = "rabbitmq"))]
impl<R, D: DeadLetters<R>> Aftermath<R> for SetAsideOnly<'_, D> {
    async fn delay(&self, _: &R, _: Duration) -> Result<(), QueueError> {
        Err(QueueError { operation: "delay", source: "this source knows no delays".into() })
    }

    async fn dead_letter(&self, record: &R, letter: &DeadLetter) -> Result<(), QueueError> {
        self.0.dead_letter(record, letter).await
    }
}
