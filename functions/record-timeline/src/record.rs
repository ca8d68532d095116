//! The handler: one event of the queue becomes one entry.

use aws_lambda_events::sqs::SqsEvent;
use tidegate_batch::sqs::{Message, MessageId, Queue};
use tidegate_batch::{BatchError, Failure, Policy, Response};
use tidegate_cloudevents::Event;
use tidegate_events::{NoEntry, ReadError, TimelineEntry};
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::consumer::{self, Consumer, Invocation, failure, trace};
use tidegate_runtime::metrics::{Metric, Metrics};
use tracing::{Instrument, info, info_span};

use crate::Timelines;

/// What stands before the types of this context's events.
const OURS: &str = "com.tidegate.orders.";

/// The handler, over its ports.
#[derive(Debug)]
pub struct Recorder<A, T, Q, M> {
    /// Time and randomness.
    pub ambient: A,
    /// Where entries go.
    pub timelines: T,
    /// The queue and its dead-letter queue.
    pub queue: Q,
    /// Counts.
    pub metrics: M,
}

/// How the queue is worked: see [`Policy`].
#[must_use]
pub fn policy() -> Policy {
    Policy::default()
}

impl<A: Ambient, T: Timelines, Q: Queue, M: Metrics> Recorder<A, T, Q, M> {
    /// Handles a batch and says which messages must come back.
    ///
    /// # Errors
    /// [`BatchError`] where the batch cannot be answered message by message.
    pub async fn handle(&self, batch: SqsEvent, invocation: Invocation) -> Result<Response<MessageId>, BatchError> {
        let consumer = Consumer { ambient: &self.ambient, queue: &self.queue, metrics: &self.metrics };
        let each = async |message: &Message| self.handle_message(message, &invocation).await;
        consumer.run(batch, &invocation, &policy(), each).await
    }

    async fn handle_message(&self, message: &Message, invocation: &Invocation) -> Result<(), Failure> {
        let event = consumer::event(message)?;
        let span = info_span!(
            "record",
            request_id = invocation.request_id,
            message_id = message.id(),
            trace_id = trace(event.traceparent(), message, self.ambient.random()).trace_id(),
            event_id = event.id(),
            event_type = event.ty(),
            correlation_id = event.correlationid().unwrap_or_default(),
        );
        let entry = TimelineEntry::of(&event).map_err(|reason| unrecordable(&event, reason))?;
        let kept = self.timelines.keep(&entry).instrument(span.clone()).await;
        kept.map_err(|error| failure(&error))?;
        let _entered = span.entered();
        info!("recorded");
        // Its source is one of our services: there is no entry of any other.
        self.metrics.count(self.ambient.now(), ("source", &entry.source), &[(Metric::TimelineRecorded, 1)]);
        Ok(())
    }
}

/// What says that it is ours and is not known comes from a newer program: a deployment is under way, which replaces this
/// one within minutes, so it waits (and is set aside with the reason in the end). It is not recorded as far as it is
/// understood, because what it must withhold is not known either.
fn unrecordable(event: &Event, reason: NoEntry) -> Failure {
    match reason {
        NoEntry::Unread(ReadError::UnknownType) if event.ty().starts_with(OURS) => Failure::transient(reason),
        reason => Failure::undecodable(reason),
    }
}
