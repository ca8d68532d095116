//! The handler: one event of the queue becomes one entry.

use std::sync::Arc;

use tidegate_batch::Failure;
use tidegate_cloudevents::Event;
use tidegate_events::{NoEntry, ReadError, TimelineEntry};
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::Sample;
use tidegate_runtime::queue::Handler;
use tidegate_runtime::{Call, Ports};
use tracing::info;

use crate::Timelines;

/// What stands before the types of this context's events.
const OURS: &str = "com.tidegate.orders.";

#[derive(Debug)]
pub struct Recorder<T> {
    pub ports: Arc<dyn Ports>,
    /// Where entries go.
    pub timelines: T,
}

impl<T: Timelines> Handler for Recorder<T> {
    type Message = Event;

    const SAMPLE: Sample =
        Sample { event: include_str!("../../../crates/events/tests/fixtures/events/order-placed.json"), answers: &[] };

    async fn handle(&self, event: Event, _: &Call) -> Result<(), Failure> {
        let entry = TimelineEntry::of(&event).map_err(|reason| unrecordable(&event, reason))?;
        self.timelines.keep(&entry).await?;
        info!("timeline entry recorded");
        // Its source is one of our services: there is no entry of any other.
        self.ports.count(("source", &entry.source), &[(Metric::TimelineRecorded, 1)]);
        Ok(())
    }
}

/// An event of ours whose type is unknown comes from a newer program: a deployment is under way, which replaces this one
/// within minutes, so the message is retried (and goes to the dead-letter queue in the end). It is not recorded as far as
/// it is understood, because what it must withhold is not known either.
fn unrecordable(event: &Event, reason: NoEntry) -> Failure {
    match reason {
        NoEntry::Unread(ReadError::UnknownType) if event.ty().starts_with(OURS) => Failure::transient(reason),
        NoEntry::Unread(_) | NoEntry::NoTime | NoEntry::IdTooLong => Failure::undecodable(reason),
    }
}
