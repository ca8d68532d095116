//! The relay: says what the stream shows to have been committed, in order, and never skips.

mod plan;
#[cfg(test)]
mod relay_tests;

use std::fmt;

use futures::future::join_all;
use tidegate_cloudevents::Event;

use crate::image::Unreadable;
use crate::{AggregateId, CommandId, Image, Message, Reply, TaskToken, Version};
use plan::{Planned, Said};

/// One record of a table's stream.
#[derive(Clone, Debug)]
pub struct Record {
    sequence: String,
    image: Result<Option<Image>, Unreadable>,
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

/// Publishes events to everybody.
pub trait Publisher: Send + Sync {
    /// Publishes at most 10 events of together at most 256 KiB, all of different aggregates. The result has one entry
    /// for each, in order: a batch can fail in part. What is `Ok` is kept by the topic; what is `Err` may have been
    /// published all the same.
    fn publish(&self, batch: &[Outgoing<'_>]) -> impl Future<Output = Vec<Result<(), SayError>>> + Send;
}

/// Answers workflows that wait.
pub trait TaskTokens: Send + Sync {
    /// Gives the answer, or says that nobody waits for it any more.
    ///
    /// # Errors
    /// [`SayError`]; the answer may have been given all the same.
    fn answer(&self, token: &TaskToken, reply: &Reply) -> impl Future<Output = Result<Answered, SayError>> + Send;
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The workflow has it.
    Taken,
    /// The token is no longer good: the workflow timed out, ended, or has been answered before.
    Expired,
}

/// An answer that came too late, or a second time. The workflow has moved on, so there is nothing to try again; it is
/// told of for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired<'a> {
    /// Where the command was handled.
    pub aggregate: &'a AggregateId,
    /// In which version the answer stands.
    pub version: Version,
    /// The command.
    pub command: &'a CommandId,
}

/// What a relay said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Events.
    pub published: usize,
    /// Workflows that took their answer.
    pub answered: usize,
    /// Answers whose token was no longer good.
    pub expired: usize,
}

/// Something could not be said. Neither payload nor token stands in its text.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} {what}")]
pub struct SayError {
    /// What was attempted.
    pub operation: &'static str,
    /// With what: an event's id, or nothing that is a secret.
    pub what: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The relay stopped: every record before `sequence` is wholly said, that one is not, and of those after it nothing may
/// be skipped.
///
/// A function returns this as its error: then Lambda hands it the whole batch again, and what was said is said again
/// under the same ids. [`Stopped::checkpoint`] is what spares these repeats, on AWS only.
#[derive(Debug, thiserror::Error)]
#[error("stopped at stream record {sequence}")]
pub struct Stopped {
    /// The first record not wholly said.
    pub sequence: String,
    /// What was said all the same.
    pub relayed: Relayed,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Stopped {
    /// The partial batch response from which AWS goes on at this record, if the mapping has `ReportBatchItemFailures`.
    /// **Not to be returned where the service may not know it for streams**: ministack takes it for a success, and what
    /// was not said would never be. An error is right everywhere.
    #[must_use]
    pub fn checkpoint(&self) -> serde_json::Value {
        serde_json::json!({ "batchItemFailures": [{ "itemIdentifier": self.sequence }] })
    }
}

/// Says what the records show, and returns once all of it is said.
///
/// Of each aggregate one message is said after the other, each after the one before it was taken; messages of different
/// aggregates go together, up to what one `PublishBatch` takes. A failure stops everything: nothing is tried again here,
/// because Lambda tries the batch again for as long as the stream keeps it.
///
/// # Errors
/// [`Stopped`] at the first record that is not wholly said or cannot be read.
pub async fn relay<P: Publisher, T: TaskTokens>(
    records: &[Record],
    publisher: &P,
    tokens: &T,
    on_expired: impl Fn(Expired<'_>),
) -> Result<Relayed, Stopped> {
    // Nothing after a record that cannot be read is said: it may be an earlier version of the same aggregate.
    let unreadable = records.iter().position(|record| record.image.is_err());
    let mut said = Said::of(&records[..unreadable.unwrap_or(records.len())]);
    let mut relayed = Relayed::default();
    loop {
        let wave = said.next_wave();
        if wave.is_empty() {
            break;
        }
        let failures = [
            publish(&mut said, &wave.events, publisher, &mut relayed).await,
            answer(&mut said, &wave.replies, tokens, &on_expired, &mut relayed).await,
        ];
        if let Some(error) = failures.into_iter().flatten().next() {
            return Err(stopped(records, said.first_unsaid(), relayed, error));
        }
    }
    match unreadable.map(|at| (at, records[at].image.clone())) {
        Some((at, Err(error))) => Err(stopped(records, Some(at), relayed, error)),
        _ => Ok(relayed),
    }
}

async fn publish<P: Publisher>(
    said: &mut Said<'_>,
    events: &[usize],
    publisher: &P,
    relayed: &mut Relayed,
) -> Option<SayError> {
    let batch: Vec<_> = events.iter().filter_map(|at| said.message(*at).outgoing()).collect();
    if batch.is_empty() {
        return None;
    }
    let results = publisher.publish(&batch).await;
    let missing = (results.len() < events.len()).then(|| failed("publish", "events", "a result is missing"));
    let mut first = None;
    for (at, result) in events.iter().zip(results) {
        match result {
            Ok(()) => {
                said.say(*at);
                relayed.published += 1;
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.or(missing)
}

async fn answer<T: TaskTokens>(
    said: &mut Said<'_>,
    replies: &[usize],
    tokens: &T,
    on_expired: &impl Fn(Expired<'_>),
    relayed: &mut Relayed,
) -> Option<SayError> {
    let answers = join_all(replies.iter().filter_map(|at| {
        let Planned { image, message, .. } = *said.message(*at);
        let Message::Reply { command, token, reply } = message else { return None };
        let expired = Expired { aggregate: &image.aggregate, version: image.version, command };
        Some(async move { (*at, expired, tokens.answer(token, reply).await) })
    }));
    let mut first = None;
    for (at, expired, answered) in answers.await {
        match answered {
            Ok(Answered::Taken) => relayed.answered += 1,
            Ok(Answered::Expired) => {
                relayed.expired += 1;
                on_expired(expired);
            }
            Err(error) => {
                first = first.or(Some(error));
                continue;
            }
        }
        said.say(at);
    }
    first
}

fn stopped(
    records: &[Record],
    at: Option<usize>,
    relayed: Relayed,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Stopped {
    let sequence = at.and_then(|at| records.get(at)).map(|record| record.sequence.clone()).unwrap_or_default();
    Stopped { sequence, relayed, source: error.into() }
}

pub(crate) fn failed(
    operation: &'static str,
    what: impl fmt::Display,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SayError {
    SayError { operation, what: what.to_string(), source: source.into() }
}
