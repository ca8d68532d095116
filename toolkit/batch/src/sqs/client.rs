//! Delays and dead letters over SQS; also the dead letters of streams.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessageAttribute;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::primitives::{Blob, DateTime, DateTimeFormat};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue};

use super::{MAX_DELAY, Message, Queue};
use crate::failure::DeadLetter;
use crate::ports::{DeadLetters, QueueError};
use crate::stream::StreamRecord;

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
    /// The queue at `url`, whose messages `function` dead-letters to the queue at `dead_letter_url`.
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
        let secs = by.min(MAX_DELAY).as_millis().div_ceil(1000);
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
}

impl DeadLetters<Message> for SqsQueue {
    async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
        let attributes = attributes(message, letter, &self.function).map_err(not_sent)?;
        let mut send = self
            .client
            .send_message()
            .queue_url(&self.dead_letter_url)
            .message_body(message.body())
            .set_message_attributes(Some(attributes));
        if self.dead_letter_url.ends_with(".fifo") {
            // The message's own id: a second try within five minutes is then recognised by the queue.
            let group = message.fifo_group().filter(|group| !group.is_empty()).unwrap_or(message.id());
            send = send.message_group_id(group).message_deduplication_id(message.id());
        }
        if let Some(trace) = message.xray_trace_header() {
            let value = MessageSystemAttributeValue::builder().data_type("String").string_value(trace).build();
            let value = value.map_err(not_sent)?;
            send = send.message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, value);
        }
        send.send().await.map(drop).map_err(not_sent)
    }
}

/// A standard queue for the dead letters of streams and brokers: the record as Lambda handed it
/// over, in JSON, and in attributes the reason and the record's location.
#[derive(Clone, Debug)]
pub struct SqsDeadLetters {
    client: Client,
    url: String,
    function: String,
}

impl SqsDeadLetters {
    /// The queue at `url`, for the records that `function` dead-letters. A message of SQS is limited to 1 MiB: a record that is
    /// larger in JSON stays where it is.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>, function: impl Into<String>) -> Self {
        Self { client, url: url.into(), function: function.into() }
    }
}

impl<R: StreamRecord> DeadLetters<R> for SqsDeadLetters {
    async fn dead_letter(&self, record: &R, letter: &DeadLetter) -> Result<(), QueueError> {
        let mut attributes = reason_attributes(letter, &self.function).map_err(not_sent)?;
        for (name, value) in record.location() {
            if !value.is_empty() {
                attributes.insert(name.to_owned(), text(&legible(&value)).map_err(not_sent)?);
            }
        }
        let body = escape_noncharacters(serde_json::to_string(record).map_err(not_sent)?);
        let send = self.client.send_message().queue_url(&self.url).message_body(body);
        send.set_message_attributes(Some(attributes)).send().await.map(drop).map_err(not_sent)
    }
}

fn not_sent(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueueError {
    QueueError { operation: "dead-letter", source: source.into() }
}

/// The reason's attributes, and as many of the message's own as fit beside them.
fn attributes(
    message: &Message,
    letter: &DeadLetter,
    function: &str,
) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let mut attributes = reason_attributes(letter, function)?;
    let mut own: Vec<_> = message.raw.message_attributes.iter().collect();
    own.sort_by_key(|(name, _)| *name); // so that which ones are left out does not change from try to try
    for (name, value) in own {
        if attributes.len() < MAX_ATTRIBUTES && !attributes.contains_key(name) {
            attributes.insert(name.clone(), copy(value)?);
        }
    }
    Ok(attributes)
}

fn reason_attributes(
    letter: &DeadLetter,
    function: &str,
) -> Result<HashMap<String, MessageAttributeValue>, BuildError> {
    let failed_at = DateTime::from(letter.failed_at.max(SystemTime::UNIX_EPOCH));
    let failed_at = failed_at.fmt(DateTimeFormat::DateTime).unwrap_or_default();
    let mut attributes = HashMap::new();
    for (name, value) in [
        ("reason", letter.reason.as_str()),
        ("error", shorten(&legible(&letter.error))),
        ("function", function),
        ("failed_at", &failed_at),
    ] {
        if !value.is_empty() {
            attributes.insert(name.to_owned(), text(value)?);
        }
    }
    Ok(attributes)
}

fn text(value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

fn copy(value: &SqsMessageAttribute) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder()
        .data_type(value.data_type.as_deref().unwrap_or("String"))
        .set_string_value(value.string_value.clone())
        .set_binary_value(value.binary_value.as_ref().map(|binary| Blob::new(binary.0.clone())))
        .build()
}

/// SQS [refuses](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html) a message with
/// control characters, which panics and senders' ids may have. The record would never be dead-lettered.
fn legible(text: &str) -> String {
    text.replace(|it| (it < ' ' && !matches!(it, '\t' | '\n' | '\r')) || is_refused_noncharacter(it), "\u{fffd}")
}

/// The only characters that JSON need not escape and SQS refuses. They can only stand in strings.
fn escape_noncharacters(json: String) -> String {
    if !json.contains(is_refused_noncharacter) {
        return json;
    }
    json.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

fn is_refused_noncharacter(it: char) -> bool {
    matches!(it, '\u{fffe}' | '\u{ffff}')
}

fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_ERROR_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Reason;

    #[test]
    fn the_reason_has_its_place_beside_as_many_of_the_messages_own_attributes_as_fit() {
        let own: serde_json::Map<_, _> = (0..12)
            .map(|i| (format!("own{i:02}"), serde_json::json!({"stringValue": "x", "dataType": "String"})))
            .collect();
        let raw = serde_json::from_value(serde_json::json!({"messageId": "m0", "messageAttributes": own})).unwrap();
        let error = "ü".repeat(MAX_ERROR_BYTES);
        let letter = DeadLetter { reason: Reason::Panicked, error, failed_at: SystemTime::UNIX_EPOCH };
        let attributes = attributes(&Message { raw }, &letter, "orders").unwrap();
        assert_eq!(attributes.len(), MAX_ATTRIBUTES);
        let text = |name: &str| attributes.get(name).and_then(MessageAttributeValue::string_value);
        assert_eq!(text("reason"), Some("panicked"));
        assert_eq!(text("failed_at"), Some("1970-01-01T00:00:00Z"));
        assert!(text("error").unwrap().len() <= MAX_ERROR_BYTES);
        assert!(text("own05").is_some() && text("own06").is_none(), "the same ones are left out at every try");
    }

    #[test]
    fn what_sqs_refuses_is_not_sent() {
        let raw = serde_json::from_str(r#"{"messageId": "m0"}"#).unwrap();
        let error = "\u{1b}[31mleft\u{1b}[0m\n\tright \0\u{ffff}".to_owned();
        let letter = DeadLetter { reason: Reason::Panicked, error, failed_at: SystemTime::UNIX_EPOCH };
        let attributes = attributes(&Message { raw }, &letter, "orders").unwrap();
        let error = attributes["error"].string_value().unwrap();
        assert_eq!(error, "\u{fffd}[31mleft\u{fffd}[0m\n\tright \u{fffd}\u{fffd}");

        let key = serde_json::json!({"key": "a\u{ffff}b\u{fffe}\u{0}"});
        let body = escape_noncharacters(key.to_string());
        assert_eq!(body, r#"{"key":"a\uffffb\ufffe\u0000"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap(), key);
    }
}
