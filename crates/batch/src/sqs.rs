//! Delays and dead letters over SQS.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessageAttribute;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::{Blob, DateTime, DateTimeFormat};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue};

use crate::{DeadLetter, Message, Queue, QueueError};

/// SQS refuses a longer hiding than 12 hours after the message was received; the rest is left for what already passed.
const LONGEST_DELAY: Duration = Duration::from_secs(12 * 3600 - 60);
/// SQS's limit for one message, the reason included.
const MAX_ATTRIBUTES: usize = 10;
/// A reason is for a person to read, and counts against the message's size.
const MAX_ERROR_BYTES: usize = 1024;

/// A queue and its dead-letter queue.
#[derive(Clone, Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dead_letter_url: String,
    function: String,
}

impl SqsQueue {
    /// The queue at `url`, whose messages `function` sets aside in the queue at `dead_letter_url`.
    #[must_use]
    pub fn new(
        client: Client,
        url: impl Into<String>,
        dead_letter_url: impl Into<String>,
        function: impl Into<String>,
    ) -> Self {
        Self { client, url: url.into(), dead_letter_url: dead_letter_url.into(), function: function.into() }
    }
}

impl Queue for SqsQueue {
    async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
        let secs = by.min(LONGEST_DELAY).as_millis().div_ceil(1000);
        self.client
            .change_message_visibility()
            .queue_url(&self.url)
            .set_receipt_handle(message.raw.receipt_handle.clone())
            .visibility_timeout(i32::try_from(secs).unwrap_or(i32::MAX))
            .send()
            .await
            .map(drop)
            .map_err(|source| QueueError { operation: "delay", source: source.into() })
    }

    async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
        let failed = |source| QueueError { operation: "set aside", source };
        let mut send = self
            .client
            .send_message()
            .queue_url(&self.dead_letter_url)
            .message_body(message.body())
            .set_message_attributes(Some(attributes(message, letter, &self.function).map_err(|e| failed(e.into()))?));
        if let Some(trace) = message.xray_trace_header() {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build();
            let value = value.map_err(|error| failed(error.into()))?;
            send = send.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
        }
        send.send().await.map(drop).map_err(|source| failed(source.into()))
    }
}

/// The reason's attributes, and as many of the message's own as fit beside them.
fn attributes(
    message: &Message,
    letter: &DeadLetter,
    function: &str,
) -> Result<HashMap<String, MessageAttributeValue>, aws_sdk_sqs::error::BuildError> {
    let failed_at = DateTime::from(letter.failed_at.max(SystemTime::UNIX_EPOCH));
    let failed_at = failed_at.fmt(DateTimeFormat::DateTime).unwrap_or_default();
    let mut attributes = HashMap::new();
    for (name, value) in [
        ("reason", letter.reason.as_str()),
        ("error", shorten(&letter.error)),
        ("function", function),
        ("failed_at", &failed_at),
    ] {
        if !value.is_empty() {
            let value = MessageAttributeValue::builder().data_type("String").string_value(value).build()?;
            attributes.insert(name.to_owned(), value);
        }
    }
    let mut own: Vec<_> = message.raw.message_attributes.iter().collect();
    own.sort_by_key(|(name, _)| *name); // so that which ones are left out does not change from try to try
    for (name, value) in own {
        if attributes.len() < MAX_ATTRIBUTES && !attributes.contains_key(name) {
            attributes.insert(name.clone(), copy(value)?);
        }
    }
    Ok(attributes)
}

fn copy(value: &SqsMessageAttribute) -> Result<MessageAttributeValue, aws_sdk_sqs::error::BuildError> {
    MessageAttributeValue::builder()
        .data_type(value.data_type.as_deref().unwrap_or("String"))
        .set_string_value(value.string_value.clone())
        .set_binary_value(value.binary_value.as_ref().map(|binary| Blob::new(binary.0.clone())))
        .build()
}

fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ERROR_BYTES)]
}
