//! One record of a queue, as a handler sees it.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsMessage;
use serde::Deserialize;

use crate::Failure;

/// One message of an SQS queue.
#[derive(Clone, Debug)]
pub struct Message {
    /// The message's id, which a partial answer names.
    pub id: String,
    /// What Lambda handed over.
    pub raw: SqsMessage,
}

impl Message {
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
        serde_json::from_str(self.body()).map_err(|error| {
            let place = format!("line {} column {}", error.line(), error.column());
            Failure::undecodable(format!("the body is not the JSON expected ({:?} error at {place})", error.classify()))
        })
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

    fn system(&self, name: &str) -> Option<&str> {
        self.raw.attributes.get(name).map(String::as_str)
    }
}
