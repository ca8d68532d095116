//! A stand-in for what is outside, on the wire: Slack (`chat.postMessage` with Slack's own answers, refusals and limits), Stripe
//! (in front of localstripe: `stripe/`) and whoever is called back (`callbacks.rs`).
//!
//! What Slack received can be read at `GET /_standin/messages`. `POST /_standin/fail` programs the next answers, so that a test can
//! cause a fault and mend it again:
//!
//! ```json
//! {"channel": "#deploys", "times": 2, "status": 429, "retry_after": 1}
//! {"channel": "#deploys", "error": "channel_not_found"}
//! ```
//!
//! Without `channel` a fault concerns every channel; without `times` it lasts until `DELETE /_standin/fail`.

pub mod blocks;
mod callbacks;
mod faults;
mod routes;
mod stripe;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::Instant;

use callbacks::Callbacks;
pub use callbacks::{Callback, CallbackFault};
pub use faults::Fault;
use faults::Faults;
use stripe::Stripe;
pub use stripe::{Act, StripeFault, StripeRequest};

use crate::clock;

/// How the stand-in behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The token it accepts.
    pub token: String,
    /// Where it appends each accepted message as a line of JSON.
    pub record: Option<PathBuf>,
    /// Where it appends each callback that came as a line of JSON.
    pub callbacks_record: Option<PathBuf>,
    /// The least time between two messages to one channel; sooner ones are told to wait. Slack's is a second.
    pub interval: Option<Duration>,
}

impl Options {
    /// The token of the local stack: it opens nothing but the stand-in.
    pub const LOCAL_TOKEN: &str = "xoxb-local-stand-in";
}

impl Default for Options {
    fn default() -> Self {
        Self { token: Self::LOCAL_TOKEN.to_owned(), record: None, callbacks_record: None, interval: None }
    }
}

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
    /// The blocks.
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

/// The stand-in's memory. Clones share it.
#[derive(Clone, Debug)]
pub struct Standin {
    options: Options,
    shared: Arc<Mutex<Shared>>,
    stripe: Stripe,
    callbacks: Callbacks,
}

#[derive(Debug, Default)]
struct Shared {
    messages: Vec<Message>,
    attempts: Vec<Attempt>,
    faults: Faults,
    last_by_channel: HashMap<String, Instant>,
    last_ts: u128,
    record: Option<File>,
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, options: Options) -> Result<()> {
    Standin::new(options)?.serve(listener).await
}

impl Standin {
    /// An empty memory.
    pub fn new(options: Options) -> Result<Self> {
        let record = options.record.as_deref().map(open).transpose()?;
        let callbacks = Callbacks::new(options.callbacks_record.as_deref().map(open).transpose()?);
        let shared = Arc::new(Mutex::new(Shared { record, ..Shared::default() }));
        Ok(Self { options, shared, stripe: Stripe::default(), callbacks })
    }

    /// Serves until the process ends.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        axum::serve(listener, routes::router(self)).await.context("the stand-in stopped serving")
    }

    /// The callbacks that came, oldest first.
    pub fn callbacks(&self) -> Vec<Callback> {
        self.callbacks.received()
    }

    /// What Slack accepted, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.lock().messages.clone()
    }

    /// Every request, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().attempts.clone()
    }

    /// Programs the next answers.
    pub fn fail(&self, fault: Fault) {
        self.lock().faults.add(fault);
    }

    /// Mends everything.
    pub fn mend(&self) {
        self.lock().faults.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A panic while the lock was held left complete values: every change is one push.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.with_context(|| format!("{} cannot be written", path.display()))
}

impl Shared {
    /// How long the channel has to wait, or nothing when its message may come now.
    fn wait(&mut self, channel: &str, interval: Option<Duration>) -> Option<Duration> {
        let interval = interval?;
        let now = Instant::now();
        match self.last_by_channel.get(channel) {
            Some(last) if now < *last + interval => Some(*last + interval - now),
            _ => {
                self.last_by_channel.insert(channel.to_owned(), now);
                None
            }
        }
    }

    fn accept(&mut self, channel: &str, request: Value) -> Message {
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
