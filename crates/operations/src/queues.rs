//! Queues: how deep they are, and messages that are looked at, moved and sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde::Serialize;

/// How many messages a queue holds; SQS calls these numbers approximate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    pub waiting: u64,
    /// Received and not yet deleted.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

/// A message attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// SQS's name of the type: `String`, `Number`, `Binary`, or one of these with a suffix.
    pub data_type: String,
    pub value: AttributeValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeValue {
    Text(String),
    Binary(Vec<u8>),
}

impl Attribute {
    pub fn text(text: impl Into<String>) -> Self {
        Self { data_type: "String".to_owned(), value: AttributeValue::Text(text.into()) }
    }
}

pub type Attributes = BTreeMap<String, Attribute>;

/// A message that was received, with the receipt by which it is released or deleted.
#[derive(Clone, Debug)]
pub struct Received {
    pub id: String,
    pub body: String,
    pub attributes: Attributes,
    /// When it was sent to this queue, in milliseconds since the epoch.
    pub sent_at_millis: Option<i64>,
    pub(crate) receipt: String,
}

impl Received {
    /// A message attribute's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.attributes.get(name)?.value {
            AttributeValue::Text(text) => Some(text),
            AttributeValue::Binary(_) => None,
        }
    }
}

pub trait Queues: Sync {
    fn depth(&self, queue_url: &str) -> impl Future<Output = Result<Depth>> + Send;

    /// Receives up to `most` messages and hides them for a moment. Release what is not deleted.
    ///
    /// Receiving raises the receive count of a message in a dead-letter queue. That queue has no redrive policy of its own, so the count
    /// leads nowhere; the source queue starts counting anew.
    fn receive(&self, queue_url: &str, most: usize) -> impl Future<Output = Result<Vec<Received>>> + Send;

    /// Makes received messages visible again at once.
    fn release(&self, queue_url: &str, received: &[Received]) -> impl Future<Output = Result<()>> + Send;

    /// Gives the new message's id.
    fn send(&self, queue_url: &str, body: &str, attributes: Attributes) -> impl Future<Output = Result<String>> + Send;

    fn delete(&self, queue_url: &str, message: &Received) -> impl Future<Output = Result<()>> + Send;
}

/// Queues in this process's memory. A message stays hidden until it is released.
#[derive(Debug, Default)]
pub struct MemoryQueues {
    messages: Mutex<Vec<Stored>>,
}

#[derive(Debug)]
struct Stored {
    queue_url: String,
    message: Received,
    is_hidden: bool,
}

impl MemoryQueues {
    /// What a queue has, hidden or not, oldest first.
    pub fn messages(&self, queue_url: &str) -> Vec<Received> {
        let of_queue = |stored: &&Stored| stored.queue_url == queue_url;
        self.lock().iter().filter(of_queue).map(|stored| stored.message.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Stored>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues for MemoryQueues {
    async fn depth(&self, queue_url: &str) -> Result<Depth> {
        let mut depth = Depth::default();
        for stored in self.lock().iter().filter(|stored| stored.queue_url == queue_url) {
            if stored.is_hidden { depth.in_flight += 1 } else { depth.waiting += 1 }
        }
        Ok(depth)
    }

    async fn receive(&self, queue_url: &str, most: usize) -> Result<Vec<Received>> {
        let mut messages = self.lock();
        let visible = messages.iter_mut().filter(|stored| stored.queue_url == queue_url && !stored.is_hidden);
        Ok(visible
            .take(most)
            .map(|stored| {
                stored.is_hidden = true;
                stored.message.clone()
            })
            .collect())
    }

    async fn release(&self, queue_url: &str, received: &[Received]) -> Result<()> {
        for stored in self.lock().iter_mut().filter(|stored| stored.queue_url == queue_url) {
            if received.iter().any(|message| message.receipt == stored.message.receipt) {
                stored.is_hidden = false;
            }
        }
        Ok(())
    }

    async fn send(&self, queue_url: &str, body: &str, attributes: Attributes) -> Result<String> {
        let mut messages = self.lock();
        let id = format!("m-{}", messages.len() + 1);
        let message =
            Received { id: id.clone(), body: body.to_owned(), attributes, sent_at_millis: None, receipt: id.clone() };
        messages.push(Stored { queue_url: queue_url.to_owned(), message, is_hidden: false });
        Ok(id)
    }

    async fn delete(&self, queue_url: &str, message: &Received) -> Result<()> {
        // Emptied rather than removed, so that no later message gets its id.
        for stored in self.lock().iter_mut().filter(|stored| stored.queue_url == queue_url) {
            if stored.message.receipt == message.receipt {
                stored.queue_url.clear();
            }
        }
        Ok(())
    }
}
