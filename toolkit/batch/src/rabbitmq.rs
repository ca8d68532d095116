//! RabbitMQ of Amazon MQ: in order within a queue.
//!
//! There is no partial answer: either the whole batch is acknowledged, or the invocation fails and all of it comes again, what
//! was handled included, so handlers have to be idempotent
//! ([rule](https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html)). What is permanent is dead-lettered, so that it does not
//! hold up the others; ahead of one that is retried it is retried too, and dead-lettered once more. What stays transient is retried
//! for as long as the broker's own delivery limit lets it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Failure;
use crate::payload;
use crate::policy::FailInvocation;
use crate::ports::{DeadLetters, DeadLettersOnly, Observer};
use crate::report::{BatchError, Report};
use crate::run::{Runner, run_all};
use crate::stream::StreamRecord;

/// What Lambda hands over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Event {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
    /// By `queue::vhost`, in each queue's order.
    pub rmq_messages_by_queue: BTreeMap<String, Vec<Message>>,
}

/// One message, as [Lambda documents it](https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Message {
    #[serde(default)]
    pub basic_properties: BasicProperties,
    #[serde(default)]
    pub redelivered: bool,
    /// In base64.
    #[serde(default)]
    pub data: Option<String>,
    #[serde(skip)]
    position: Position,
}

/// AMQP's properties of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "AMQP's own names")]
pub struct BasicProperties {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// Numbers and texts as they are; texts of the broker come as `{"bytes": […]}`.
    pub headers: Option<BTreeMap<String, Value>>,
    pub delivery_mode: Option<u8>,
    pub priority: Option<u8>,
    pub correlation_id: Option<String>,
    pub reply_to: Option<String>,
    pub expiration: Option<String>,
    pub message_id: Option<String>,
    pub timestamp: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub user_id: Option<String>,
    pub app_id: Option<String>,
    pub cluster_id: Option<String>,
    pub body_size: u64,
}

impl Message {
    /// The message's bytes.
    ///
    /// # Errors
    /// [`Failure::Undecodable`] where there is no base64.
    pub fn data(&self) -> Result<Vec<u8>, Failure> {
        let data = self.data.as_deref().ok_or_else(|| Failure::undecodable("the message has no data"))?;
        payload::base64(data)
    }
}

/// Where in the batch a message stood; messages of RabbitMQ have no id that is sure to be there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// `queue::vhost`.
    pub queue: Arc<str>,
    /// Its index among the queue's messages.
    pub index: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.queue, self.index)
    }
}

/// Runs every message of `event` through `handle`.
pub async fn run<O: Observer<Message>>(
    event: Event,
    runner: Runner<'_, O>,
    dead_letters: &impl DeadLetters<Message>,
    handle: impl AsyncFn(&Message) -> Result<(), Failure>,
) -> Report<Position> {
    let mut all = Vec::with_capacity(event.rmq_messages_by_queue.values().map(Vec::len).sum());
    for (queue, messages) in event.rmq_messages_by_queue {
        let queue: Arc<str> = queue.into();
        let positioned = |(index, message)| Message { position: Position { queue: queue.clone(), index }, ..message };
        all.extend(messages.into_iter().enumerate().map(positioned));
    }
    run_all(all, runner, &DeadLettersOnly(dead_letters), handle).await
}

impl Report<Position> {
    /// Acknowledges the whole batch.
    ///
    /// # Errors
    /// [`BatchError::Failed`] if any message failed, whatever [`FailInvocation`] is: return it from the function.
    pub fn response(&self) -> Result<(), BatchError> {
        self.check(FailInvocation::WhenAnyFails)
    }
}

impl crate::run::BatchRecord for Message {
    type Position = Position;
    type Lane<'a> = &'a str;
    const RETURNS_ALONE: bool = false;

    fn lane(&self) -> Option<&str> {
        Some(&self.position.queue)
    }

    fn into_position(self) -> Position {
        self.position
    }
}

impl StreamRecord for Message {
    fn location(&self) -> Vec<(&'static str, String)> {
        vec![
            ("queue", self.position.queue.to_string()),
            ("message_id", self.basic_properties.message_id.clone().unwrap_or_default()),
        ]
    }
}
