//! The runner: every record on its own, and an answer that names exactly those that are not done.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::{FutureExt, StreamExt, stream};

use crate::{DeadLetter, Failure, Message, Reason};

/// How a batch is run.
#[derive(Clone, Debug)]
pub struct Policy {
    /// How many records are handled at once.
    pub concurrency: usize,
    /// At this receive count a transient failure is set aside. Lower than the queue's `maxReceiveCount`, because the
    /// queue's own redrive attaches no reason; that one is left for functions that die.
    pub max_receives: u32,
    /// The back-off after the first failure; it doubles with every further one.
    pub base_delay: Duration,
    /// The longest back-off.
    pub max_delay: Duration,
    /// The time before the deadline that is kept for reporting: what is not done by then stays in the queue.
    pub reserve: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            concurrency: 10, // SQS's default batch: all at once
            max_receives: 20,
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(900),
            reserve: Duration::from_secs(2), // two calls to SQS, each with a retry
        }
    }
}

/// The time there is.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The moment the batch begins.
    pub now: SystemTime,
    /// The invocation's deadline.
    pub deadline: SystemTime,
}

/// What a runner does with a message that failed.
pub trait Queue {
    /// Hides the message for `by`, after which the queue hands it out again.
    fn delay(&self, message: &Message, by: Duration) -> impl Future<Output = Result<(), QueueError>>;

    /// Puts the message into the dead-letter queue with its reason. Once this is `Ok` the message is safe there and is
    /// acknowledged; a crash in between leaves it in both queues, which redriving and consumers bear.
    fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> impl Future<Output = Result<(), QueueError>>;
}

/// The queue service could not be asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} the message")]
pub struct QueueError {
    /// What was attempted.
    pub operation: &'static str,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The batch cannot be answered record by record; the invocation has to fail.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A record without an identifier cannot be named in a partial answer.
    #[error("record {index} of the batch has no message id")]
    NoMessageId {
        /// The record's place in the batch.
        index: usize,
    },
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Handled.
    Done,
    /// Comes back after a delay.
    Delayed {
        /// What went wrong.
        error: String,
        /// When it comes back; `None` where the queue could not be told, so that its own visibility timeout decides.
        after: Option<Duration>,
    },
    /// Set aside with a reason.
    DeadLettered {
        /// The kind of failure.
        reason: Reason,
        /// What went wrong.
        error: String,
    },
    /// Should have been set aside but the dead-letter queue could not be reached; comes back.
    Stuck {
        /// What went wrong, first with the record and then with setting it aside.
        error: String,
    },
    /// There was no time left; comes back.
    OutOfTime,
}

impl Outcome {
    /// True where the queue may forget the message.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Done | Self::DeadLettered { .. })
    }
}

/// What became of every record, in the order of the batch.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Message id and outcome.
    pub outcomes: Vec<(String, Outcome)>,
}

impl Report {
    /// The partial batch response that Lambda wants.
    #[must_use]
    pub fn response(&self) -> SqsBatchResponse {
        let mut response = SqsBatchResponse::default();
        for (id, outcome) in &self.outcomes {
            if !outcome.is_acknowledged() {
                let mut failure = BatchItemFailure::default();
                failure.item_identifier.clone_from(id);
                response.batch_item_failures.push(failure);
            }
        }
        response
    }
}

/// Runs every record of `event` through `handle`. `random` gives the jitter.
///
/// # Errors
/// [`BatchError`] where the batch cannot be answered record by record.
pub async fn run(
    event: SqsEvent,
    policy: &Policy,
    budget: Budget,
    random: &mut fastrand::Rng,
    queue: &impl Queue,
    handle: impl AsyncFn(&Message) -> Result<(), Failure>,
) -> Result<Report, BatchError> {
    let mut messages = Vec::with_capacity(event.records.len());
    for (index, raw) in event.records.into_iter().enumerate() {
        let id = raw.message_id.clone().filter(|id| !id.is_empty()).ok_or(BatchError::NoMessageId { index })?;
        messages.push((index, random.f64(), Message { id, raw }));
    }
    let time = budget.deadline.duration_since(budget.now).unwrap_or_default().saturating_sub(policy.reserve);
    let stop = tokio::time::Instant::now() + time;

    let each = async |index: usize, jitter: f64, message: Message| {
        let outcome = if tokio::time::Instant::now() >= stop {
            Outcome::OutOfTime
        } else {
            let handled = AssertUnwindSafe(handle(&message)).catch_unwind();
            match tokio::time::timeout_at(stop, handled).await {
                Err(_) => Outcome::OutOfTime,
                Ok(Ok(Ok(()))) => Outcome::Done,
                Ok(Ok(Err(failure))) => fail(policy, budget.now, queue, &message, jitter, failure).await,
                Ok(Err(panic)) => {
                    set_aside(budget.now, queue, &message, Reason::Panicked, panic_text(panic.as_ref())).await
                }
            }
        };
        (index, message.id, outcome)
    };

    let running = stream::iter(messages).map(|(index, jitter, message)| each(index, jitter, message));
    let mut done: Vec<_> = running.buffer_unordered(policy.concurrency.max(1)).collect().await;
    done.sort_by_key(|(index, ..)| *index);
    Ok(Report { outcomes: done.into_iter().map(|(_, id, outcome)| (id, outcome)).collect() })
}

async fn fail(
    policy: &Policy,
    now: SystemTime,
    queue: &impl Queue,
    message: &Message,
    jitter: f64,
    failure: Failure,
) -> Outcome {
    match failure {
        Failure::Permanent { reason } => set_aside(now, queue, message, Reason::Permanent, reason).await,
        Failure::Undecodable { reason } => set_aside(now, queue, message, Reason::Undecodable, reason).await,
        Failure::Transient { reason, .. } if message.receive_count() >= policy.max_receives => {
            set_aside(now, queue, message, Reason::AttemptsExhausted, reason).await
        }
        Failure::Transient { reason, retry_after } => {
            let after = retry_after.unwrap_or_else(|| backoff(policy, message.receive_count(), jitter));
            let told = queue.delay(message, after).await;
            Outcome::Delayed { error: reason, after: told.is_ok().then_some(after) }
        }
    }
}

async fn set_aside(now: SystemTime, queue: &impl Queue, message: &Message, reason: Reason, error: String) -> Outcome {
    let letter = DeadLetter { reason, error, failed_at: now };
    match queue.dead_letter(message, &letter).await {
        Ok(()) => Outcome::DeadLettered { reason, error: letter.error },
        Err(cause) => Outcome::Stuck { error: format!("{}; {cause}: {}", letter.error, cause.source) },
    }
}

/// Full jitter: anywhere between nothing and the doubled delay, so that messages that failed together come back apart
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>). `jitter` is in 0..1.
fn backoff(policy: &Policy, receive_count: u32, jitter: f64) -> Duration {
    let doubled = policy.base_delay.saturating_mul(1 << receive_count.saturating_sub(1).min(20));
    doubled.min(policy.max_delay).mul_f64(jitter)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("no message"))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
