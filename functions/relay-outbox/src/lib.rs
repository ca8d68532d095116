//! Relays what a service's table shows to have been committed: publishes its events, replies to the workflows that wait.
//!
//! One mapping for each table's stream, all to this function; the topic is the same for all. Order, limits and ids are
//! `tidegate_outbox`'s ([`relay`]); what a deployment adds can be seen: counts by table, a line for each
//! batch, a line for each reply that expired.
//!
//! What cannot be relayed fails the invocation, and Lambda hands over the same batch for as long as the stream keeps it
//! (docs/decisions/0014-outbox.md). So the mapping must neither bisect, nor bound its retries, nor have a
//! destination for failures: each of these would skip.

use std::sync::Arc;

use aws_lambda_events::dynamodb::Event;
use tidegate_outbox::{Expired, Publisher, Stopped, Tasks, relay, stream};
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::Priming;
use tidegate_runtime::{Error, Handler, Invocation, Ports, rehearse};
use tracing::{Instrument, info, info_span, warn};

#[derive(Debug)]
pub struct Relay<P, T> {
    pub ports: Arc<dyn Ports>,
    /// Where events go.
    pub publisher: P,
    /// Tasks of workflows, which are answered.
    pub tasks: T,
}

impl<P: Publisher, T: Tasks> Handler for Relay<P, T> {
    type Event = Event;
    type Response = ();

    async fn handle(&self, batch: Event, invocation: &Invocation) -> Result<(), Error> {
        Ok(self.relay(&batch, &invocation.request_id).await?)
    }

    async fn prime(&self, priming: &Priming) {
        rehearse(self, include_str!("sample.json"), &[], priming, &*self.ports).await;
    }
}

impl<P: Publisher, T: Tasks> Relay<P, T> {
    /// Publishes what one batch of a table's stream shows.
    ///
    /// # Errors
    /// [`Stopped`] where something could not be relayed or read. It is the invocation's error, never a partial answer.
    pub async fn relay(&self, batch: &Event, request_id: &str) -> Result<(), Stopped> {
        let table = table(batch);
        self.publish(batch, table).instrument(info_span!("relay", request_id, table)).await
    }

    async fn publish(&self, batch: &Event, table: &str) -> Result<(), Stopped> {
        let done = relay(&stream::records(batch), &self.publisher, &self.tasks, log_expired).await;
        let (Ok(relayed) | Err(Stopped { relayed, .. })) = &done;
        let counts = [
            (Metric::RelayPublished, relayed.published),
            (Metric::RelayReplied, relayed.answered),
            (Metric::RelayExpired, relayed.expired),
            (Metric::RelayStopped, usize::from(done.is_err())),
        ];
        let counted = |(metric, count): (Metric, usize)| Some((metric, u64::try_from(count).ok()?));
        let counts: Vec<_> = counts.into_iter().filter_map(counted).collect();
        self.ports.count(("table", table), &counts);

        let (records, published, answered) = (batch.records.len(), relayed.published, relayed.answered);
        match &done {
            Ok(_) => info!(records, published, answered, "batch relayed"),
            Err(stopped) => {
                let error = tidegate_runtime::chain(stopped);
                warn!(records, published, answered, error, "relay stopped; the batch will be retried");
            }
        }
        done.map(drop)
    }
}

/// The workflow timed out, ended, or had this very answer before. It has moved on, and its own catchers with it.
fn log_expired(Expired { aggregate, version, command }: Expired<'_>) {
    let (aggregate, version, command) = (aggregate.as_str(), version.0, command.as_str());
    info!(aggregate, version, command, "the task token of a reply has expired");
}

/// Out of `arn:…:table/{name}/stream/{label}`. All records of a batch are of one stream.
fn table(batch: &Event) -> &str {
    let arn = batch.records.first().and_then(|record| record.event_source_arn.as_deref());
    arn.and_then(|arn| arn.split('/').nth(1)).unwrap_or("unknown")
}
