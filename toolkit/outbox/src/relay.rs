//! The relay: publishes and answers what the stream shows to have been committed, in order, and never skips.

mod plan;
#[cfg(test)]
mod relay_tests;

use futures::future::join_all;

use crate::ids::{AggregateId, CommandId, Version};
use crate::message::Message;
use crate::ports::{Answered, Publisher, Record, SendError, Tasks, failed};
use plan::{Backlog, Planned};

/// A reply that came too late, or a second time. The workflow has moved on, so there is nothing to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired<'a> {
    /// The aggregate whose outbox holds the reply.
    pub aggregate: &'a AggregateId,
    /// The version that holds it.
    pub version: Version,
    /// The command.
    pub command: &'a CommandId,
}

/// What a relay sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// Events that were published.
    pub published: usize,
    /// Replies that workflows took.
    pub answered: usize,
    /// Replies whose token was no longer good.
    pub expired: usize,
}

/// The relay stopped: every record before `sequence` is wholly sent, that one is not, and of those after it nothing may
/// be skipped.
///
/// A function returns this as its error: then Lambda hands it the whole batch again, and what was sent is sent again
/// under the same ids. [`Stopped::checkpoint`] is what spares these repeats, on AWS only.
#[derive(Debug, thiserror::Error)]
#[error("stopped at stream record {sequence}")]
pub struct Stopped {
    /// The first record not wholly sent.
    pub sequence: String,
    /// What was sent all the same.
    pub relayed: Relayed,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

impl Stopped {
    /// The partial batch response from which AWS goes on at this record, if the mapping has `ReportBatchItemFailures`.
    /// **Not to be returned where the service may not know it for streams**: ministack takes it for a success, and what
    /// was not sent would never be. An error is right everywhere.
    #[must_use]
    pub fn checkpoint(&self) -> serde_json::Value {
        serde_json::json!({ "batchItemFailures": [{ "itemIdentifier": self.sequence }] })
    }
}

/// Sends the messages of all records: publishes events, answers tasks.
///
/// Of each aggregate one message is sent after the other, each after the one before it was taken; messages of different
/// aggregates go together, up to what one `PublishBatch` takes. A failure stops everything: nothing is tried again here,
/// because Lambda tries the batch again for as long as the stream keeps it.
///
/// # Errors
/// [`Stopped`] at the first record that is not wholly sent or cannot be read.
pub async fn relay<P: Publisher, T: Tasks>(
    records: &[Record],
    publisher: &P,
    tasks: &T,
    on_expired: impl Fn(Expired<'_>),
) -> Result<Relayed, Stopped> {
    // Nothing after a record that cannot be read is sent: it may be an earlier version of the same aggregate.
    let unreadable = records.iter().position(|record| record.image.is_err());
    let mut backlog = Backlog::of(&records[..unreadable.unwrap_or(records.len())]);
    let mut relayed = Relayed::default();
    loop {
        let wave = backlog.next_wave();
        if wave.is_empty() {
            break;
        }
        let failures = [
            publish(&mut backlog, &wave.events, publisher, &mut relayed).await,
            answer(&mut backlog, &wave.replies, tasks, &on_expired, &mut relayed).await,
        ];
        if let Some(error) = failures.into_iter().flatten().next() {
            return Err(stopped(records, backlog.first_unsent(), relayed, error));
        }
    }
    match unreadable.map(|at| (at, records[at].image.clone())) {
        Some((at, Err(error))) => Err(stopped(records, Some(at), relayed, error)),
        _ => Ok(relayed),
    }
}

async fn publish<P: Publisher>(
    backlog: &mut Backlog<'_>,
    events: &[usize],
    publisher: &P,
    relayed: &mut Relayed,
) -> Option<SendError> {
    let batch: Vec<_> = events.iter().filter_map(|at| backlog.message(*at).outgoing()).collect();
    if batch.is_empty() {
        return None;
    }
    let results = publisher.publish(&batch).await;
    let missing = (results.len() < events.len()).then(|| failed("publish", "events", "a result is missing"));
    let mut first = None;
    for (at, result) in events.iter().zip(results) {
        match result {
            Ok(()) => {
                backlog.mark_sent(*at);
                relayed.published += 1;
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.or(missing)
}

async fn answer<T: Tasks>(
    backlog: &mut Backlog<'_>,
    replies: &[usize],
    tasks: &T,
    on_expired: &impl Fn(Expired<'_>),
    relayed: &mut Relayed,
) -> Option<SendError> {
    let answers = join_all(replies.iter().filter_map(|at| {
        let Planned { image, message, .. } = *backlog.message(*at);
        let Message::Reply { command, token, reply } = message else { return None };
        let expired = Expired { aggregate: &image.aggregate, version: image.version, command };
        Some(async move { (*at, expired, tasks.answer(token, reply).await) })
    }));
    let mut first = None;
    for (at, expired, answered) in answers.await {
        match answered {
            Ok(Answered::Accepted) => relayed.answered += 1,
            Ok(Answered::Expired) => {
                relayed.expired += 1;
                on_expired(expired);
            }
            Err(error) => {
                first = first.or(Some(error));
                continue;
            }
        }
        backlog.mark_sent(at);
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
