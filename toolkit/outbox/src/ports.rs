//! What the relay reads, and where it sends: a stream's records in; a topic and workflows' tasks out.

use std::fmt;

use tidegate_cloudevents::Event;

use crate::ids::TaskToken;
use crate::image::{Image, Unreadable};
use crate::message::Reply;

/// One record of a table's stream.
#[derive(Clone, Debug)]
pub struct Record {
    pub(crate) sequence: String,
    pub(crate) image: Result<Option<Image>, Unreadable>,
}

impl Record {
    /// A version that was written.
    #[must_use]
    pub fn of_image(sequence: impl Into<String>, image: Image) -> Self {
        Self { sequence: sequence.into(), image: Ok(Some(image)) }
    }

    #[cfg(feature = "stream")]
    pub(crate) fn new(sequence: String, image: Result<Option<Image>, Unreadable>) -> Self {
        Self { sequence, image }
    }

    /// Its sequence number.
    #[must_use]
    pub fn sequence(&self) -> &str {
        &self.sequence
    }

    /// The image that it shows: none where an item was deleted or is not an aggregate's.
    ///
    /// # Errors
    /// [`Unreadable`] where it is an aggregate's and cannot be read.
    pub fn image(&self) -> Result<Option<&Image>, &Unreadable> {
        self.image.as_ref().map(Option::as_ref)
    }
}

/// An event to publish, and the body that is to be published of it.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The event: its attributes `type`, `source` and `subject` are what subscriptions filter on
    /// ([`attributes`](tidegate_cloudevents::messaging::attributes)).
    pub event: &'a Event,
    /// Its JSON.
    pub body: &'a str,
}

/// Publishes events.
pub trait Publisher: Send + Sync {
    /// Publishes at most 10 events of together at most 256 KiB, all of different aggregates. The result has one entry
    /// for each, in order: a batch can fail in part. What is `Ok` is kept by the topic; what is `Err` may have been
    /// published all the same.
    fn publish(&self, batch: &[Outgoing<'_>]) -> impl Future<Output = Vec<Result<(), SendError>>> + Send;
}

/// Tasks of workflows, which wait by a token until they are answered.
pub trait Tasks: Send + Sync {
    /// Ends a task with a reply.
    ///
    /// # Errors
    /// [`SendError`]; the reply may have arrived all the same.
    fn answer(&self, token: &TaskToken, reply: &Reply) -> impl Future<Output = Result<Answered, SendError>> + Send;

    /// Has a task wait longer: work on it goes on.
    ///
    /// # Errors
    /// [`SendError`].
    fn heartbeat(&self, token: &TaskToken) -> impl Future<Output = Result<Answered, SendError>> + Send;
}

/// Whether a task was there to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The workflow has it.
    Accepted,
    /// The token is no longer good: the task timed out, ended, or has been answered before.
    Expired,
}

/// An event, a reply or a heartbeat was not sent. Neither payload nor token stands in its text.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} {what}")]
pub struct SendError {
    /// What was attempted.
    pub operation: &'static str,
    /// With what: an event's id, or a word that is no secret.
    pub what: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

pub(crate) fn failed(
    operation: &'static str,
    what: impl fmt::Display,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SendError {
    SendError { operation, what: what.to_string(), source: source.into() }
}
