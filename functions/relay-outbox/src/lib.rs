//! Relays what a service's table shows to have been committed: publishes its events, answers the workflows that wait.
//!
//! One mapping for each table's stream, all to this function; the topic is the same for all. Order, limits and ids are
//! `tidegate_outbox`'s ([`relay`]); what a deployment adds is that an operator sees it: counts by table, a line for each
//! batch, a line for each reply that came too late.
//!
//! What cannot be sent fails the invocation, and Lambda hands over the same batch for as long as the stream keeps it
//! (docs/decisions/0014-outbox.md). So the mapping must neither bisect, nor bound its retries, nor have a
//! destination for failures: each of these would skip.

use aws_lambda_events::dynamodb::Event;
use tidegate_outbox::{Expired, Publisher, Stopped, Tasks, relay, stream};
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::metrics::{Metric, Metrics};
use tracing::{Instrument, info, info_span, warn};

/// The handler, over its ports.
#[derive(Debug)]
pub struct Relay<A, P, T, M> {
    /// Time.
    pub ambient: A,
    /// Where events go.
    pub publisher: P,
    /// Tasks of workflows, which are answered.
    pub tasks: T,
    /// Counts.
    pub metrics: M,
}

impl<A: Ambient, P: Publisher, T: Tasks, M: Metrics> Relay<A, P, T, M> {
    /// Relays one batch of a table's stream.
    ///
    /// # Errors
    /// [`Stopped`] where something could not be sent or read. It is the invocation's error, never a partial answer.
    pub async fn handle(&self, batch: &Event, request_id: &str) -> Result<(), Stopped> {
        let table = table(batch);
        self.relay(batch, table).instrument(info_span!("relay", request_id, table)).await
    }

    async fn relay(&self, batch: &Event, table: &str) -> Result<(), Stopped> {
        let result = relay(&stream::records(batch), &self.publisher, &self.tasks, log_expired).await;
        let (Ok(relayed) | Err(Stopped { relayed, .. })) = &result;
        let counts = [
            (Metric::RelayPublished, relayed.published),
            (Metric::RelayAnswered, relayed.answered),
            (Metric::RelayExpired, relayed.expired),
            (Metric::RelayStopped, usize::from(result.is_err())),
        ];
        let counted = |(metric, count): (Metric, usize)| Some((metric, u64::try_from(count).ok()?));
        let counts: Vec<_> = counts.into_iter().filter_map(counted).filter(|(_, count)| *count > 0).collect();
        self.metrics.count(self.ambient.now(), ("table", table), &counts);

        let (records, published, answered) = (batch.records.len(), relayed.published, relayed.answered);
        match &result {
            Ok(_) => info!(records, published, answered, "relayed"),
            Err(stopped) => {
                let error = tidegate_runtime::chain(stopped);
                warn!(records, published, answered, error, "stopped; the batch comes again");
            }
        }
        result.map(drop)
    }
}

/// The workflow timed out, ended, or had this very reply before. It has moved on, and its own catchers with it.
fn log_expired(Expired { aggregate, version, command }: Expired<'_>) {
    let (aggregate, version, command) = (aggregate.as_str(), version.0, command.as_str());
    info!(aggregate, version, command, "the task token of a reply has expired");
}

/// Out of `arn:…:table/{name}/stream/{label}`. All records of a batch are of one stream.
fn table(batch: &Event) -> &str {
    let arn = batch.records.first().and_then(|record| record.event_source_arn.as_deref());
    arn.and_then(|arn| arn.split('/').nth(1)).unwrap_or("unknown")
}
