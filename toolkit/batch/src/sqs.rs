//! SQS, standard and FIFO: what is transient is hidden for a while, what is permanent goes to the dead-letter queue.
//!
//! In a FIFO queue the messages of a group are handled in order, other groups beside them. A message that is retried takes
//! those after it in its group along: they are named in the answer without being handled, and hidden for as long, because
//! SQS hands out nothing of a group of which a message is hidden. They are counted as received all the same. Once a
//! message is safe in the dead-letter queue, which has to be FIFO too, its group goes on without it.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage};
use serde::{Deserialize, Serialize};

use crate::failure::{DeadLetter, Failure};
use crate::payload;
use crate::ports::{DeadLetters, FailureSink, Observer, QueueError};
use crate::report::{BatchError, Report, Response};
use crate::run::{BatchRecord, Runner, run_all};

#[cfg(feature = "sqs-client")]
mod client;
#[cfg(feature = "sqs-client")]
pub use client::{SqsDeadLetters, SqsQueue};

/// The longest delay: SQS hides a message for at most 12 hours after it was received; a minute is left for what has passed.
pub const MAX_DELAY: Duration = Duration::from_secs(12 * 3600 - 60);

/// A queue that can hide a message for a while.
pub trait Queue: DeadLetters<Message> {
    /// Hides the message for `by`, after which the queue delivers it again.
    fn delay(&self, message: &Message, by: Duration) -> impl Future<Output = Result<(), QueueError>>;
}

/// What names a message in the response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageId(pub String);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One message of an SQS queue.
#[derive(Clone, Debug)]
pub struct Message {
    /// What Lambda handed over.
    pub raw: SqsMessage,
}

impl Message {
    /// The message's id, which a partial answer names.
    #[must_use]
    pub fn id(&self) -> &str {
        self.raw.message_id.as_deref().unwrap_or_default()
    }

    /// The body; empty where there is none.
    #[must_use]
    pub fn body(&self) -> &str {
        self.raw.body.as_deref().unwrap_or_default()
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// [`Failure::Undecodable`], naming the place but not the content.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        serde_json::from_str(self.body()).map_err(|error| payload::not_json(&error))
    }

    /// A message attribute's text.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.raw.message_attributes.get(name)?.string_value.as_deref()
    }

    /// How often the queue has handed this message out, this time included.
    #[must_use]
    pub fn receive_count(&self) -> u32 {
        self.system("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
    }

    /// When it was sent to the queue.
    #[must_use]
    pub fn sent_at(&self) -> Option<SystemTime> {
        let millis = self.system("SentTimestamp")?.parse().ok()?;
        Some(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
    }

    /// The X-Ray trace header that SQS carries beside the message.
    #[must_use]
    pub fn xray_trace_header(&self) -> Option<&str> {
        self.system("AWSTraceHeader")
    }

    /// The group whose messages are in order with this one; `None` in a standard queue, where a group id means no order
    /// ([fair queues](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html)).
    #[must_use]
    pub fn fifo_group(&self) -> Option<&str> {
        let fifo = self.raw.event_source_arn.as_deref().is_some_and(|arn| arn.ends_with(".fifo"));
        // Without a group it is in order with all others that have none.
        fifo.then(|| self.system("MessageGroupId").unwrap_or_default())
    }

    fn system(&self, name: &str) -> Option<&str> {
        self.raw.attributes.get(name).map(String::as_str)
    }
}

/// Runs every message of `event` through `handle`.
///
/// # Errors
/// [`BatchError::NoIdentifier`] where the batch cannot be answered record by record.
pub async fn run<O: Observer<Message>>(
    event: SqsEvent,
    runner: Runner<'_, O>,
    queue: &impl Queue,
    handle: impl AsyncFn(&Message) -> Result<(), Failure>,
) -> Result<Report<MessageId>, BatchError> {
    let messages: Vec<_> = event.records.into_iter().map(|raw| Message { raw }).collect();
    if let Some(index) = messages.iter().position(|message| message.id().is_empty()) {
        return Err(BatchError::NoIdentifier { index });
    }
    Ok(run_all(messages, runner, &SqsFailureSink(queue), handle).await)
}

impl Report<MessageId> {
    /// Names every message that failed, in the order of the batch
    /// ([rule](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html)).
    ///
    /// # Errors
    /// [`BatchError::Failed`] as [`FailInvocation`](crate::FailInvocation) decides.
    pub fn response(&self) -> Result<Response<MessageId>, BatchError> {
        self.check(self.fail_invocation)?;
        Ok(self.failed().cloned().collect())
    }
}

impl BatchRecord for Message {
    type Position = MessageId;
    type Lane<'a> = &'a str;
    const RETURNS_ALONE: bool = true;

    fn lane(&self) -> Option<&str> {
        self.fifo_group()
    }

    fn receive_count(&self) -> Option<u32> {
        Some(self.receive_count())
    }

    fn into_position(self) -> MessageId {
        MessageId(self.raw.message_id.unwrap_or_default())
    }
}

struct SqsFailureSink<'a, Q>(&'a Q);

impl<Q: Queue> FailureSink<Message> for SqsFailureSink<'_, Q> {
    async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
        self.0.delay(message, by).await
    }

    async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
        self.0.dead_letter(message, letter).await
    }
}
