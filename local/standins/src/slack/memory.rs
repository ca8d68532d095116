//! What the stand-in for Slack remembers.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::faults::Faults;
use crate::clock;

/// An accepted message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Slack's id of the message in its channel: seconds and microseconds.
    pub ts: String,
    /// When it came, in RFC 3339.
    pub received_at: String,
    /// The channel it is for.
    pub channel: String,
    /// The text, which clients show where they cannot show blocks.
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub blocks: Vec<Value>,
    /// The whole request.
    pub request: Value,
}

/// A request for `chat.postMessage`, accepted or not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it came, in milliseconds since the epoch.
    pub at_millis: i64,
    /// The channel it is for, when it named one.
    pub channel: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// Slack's word for what was wrong; nothing when the message was accepted.
    pub error: Option<String>,
    /// The trace it belongs to, as its header `traceparent` has it.
    pub traceparent: Option<String>,
}

/// What Slack remembers, and how it behaves. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Slack {
    pub(super) token: String,
    /// The least time between two messages to one channel.
    pub(super) interval: Option<Duration>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) messages: Vec<Message>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) faults: Faults,
    last_by_channel: HashMap<String, Instant>,
    last_ts: u128,
    record: Option<File>,
}

impl Slack {
    /// Remembers nothing yet; appends each accepted message to `record`.
    pub(crate) fn new(token: String, interval: Option<Duration>, record: Option<File>) -> Self {
        Self { token, interval, shared: Arc::new(Mutex::new(Shared { record, ..Shared::default() })) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic while the lock was held left complete values: every change is one push.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// How long the channel has to wait, or nothing when its message may come now.
    pub(super) fn wait(&mut self, channel: &str, interval: Duration) -> Option<Duration> {
        let now = Instant::now();
        match self.last_by_channel.get(channel) {
            Some(last) if now < *last + interval => Some(*last + interval - now),
            _ => {
                self.last_by_channel.insert(channel.to_owned(), now);
                None
            }
        }
    }

    pub(super) fn accept(&mut self, channel: &str, request: Value) -> Message {
        // Two messages in one microsecond still have different ids.
        let micros = clock::since_epoch().as_micros().max(self.last_ts + 1);
        self.last_ts = micros;
        let message = Message {
            ts: format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000),
            received_at: clock::timestamp().to_string(),
            channel: channel.to_owned(),
            text: request["text"].as_str().unwrap_or_default().to_owned(),
            blocks: request["blocks"].as_array().cloned().unwrap_or_default(),
            request,
        };
        self.append(&message);
        self.messages.push(message.clone());
        message
    }

    fn append(&mut self, message: &Message) {
        if let Some(file) = &mut self.record
            && let Ok(mut line) = serde_json::to_vec(message)
        {
            line.push(b'\n');
            // The record is a convenience; the memory is what answers.
            let _ = file.write_all(&line);
        }
    }
}
