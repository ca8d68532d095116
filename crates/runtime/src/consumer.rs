//! What every consumer of a queue does around its handler: time and jitter in, a line and a count for each message that was
//! not handled out.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsEvent;
use tidegate_batch::sqs::{self, Message, MessageId, Queue};
use tidegate_batch::{BatchError, Budget, Failure, Outcome, Policy, Report, Response, Runner};
use tidegate_cloudevents::{Event, messaging};
use tracing::{error, warn};

use crate::PortError;
use crate::ambient::Ambient;
use crate::metrics::{Metric, Metrics};
use crate::trace::TraceContext;

/// What Lambda says about one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of the request.
    pub request_id: String,
    /// When Lambda ends this invocation.
    pub deadline: SystemTime,
}

/// A consumer's ports.
#[derive(Clone, Copy, Debug)]
pub struct Consumer<'a, A, Q, M> {
    /// Time and randomness.
    pub ambient: &'a A,
    /// The queue and its dead-letter queue.
    pub queue: &'a Q,
    /// Counts.
    pub metrics: &'a M,
}

impl<A: Ambient, Q: Queue, M: Metrics> Consumer<'_, A, Q, M> {
    /// Handles a batch and says which messages must come back.
    ///
    /// # Errors
    /// [`BatchError`] where the batch cannot be answered message by message.
    pub async fn run(
        self,
        batch: SqsEvent,
        invocation: &Invocation,
        policy: &Policy,
        handle: impl AsyncFn(&Message) -> Result<(), Failure>,
    ) -> Result<Response<MessageId>, BatchError> {
        let budget = Budget { now: self.ambient.now(), deadline: invocation.deadline };
        let mut random = fastrand::Rng::with_seed(u64::try_from(self.ambient.random() >> 64).unwrap_or_default());
        let report = sqs::run(batch, Runner::new(policy, budget, &mut random), self.queue, handle).await?;
        self.tell(&report, &invocation.request_id);
        report.response()
    }

    fn tell(self, report: &Report<MessageId>, request_id: &str) {
        let (mut delayed, mut dead) = (0, 0);
        for (MessageId(message_id), outcome) in &report.outcomes {
            match outcome {
                Outcome::Done => {}
                Outcome::Retry { error, after } => {
                    delayed += 1;
                    warn!(request_id, message_id, error, after_secs = after.map(|after| after.as_secs()), "delayed");
                }
                Outcome::TimedOut | Outcome::Blocked => {
                    delayed += 1;
                    warn!(request_id, message_id, "out of time");
                }
                Outcome::DeadLetterFailed { error } => {
                    delayed += 1;
                    error!(request_id, message_id, error, "cannot be dead-lettered; is retried");
                }
                Outcome::DeadLettered { reason, error } => {
                    dead += 1;
                    error!(request_id, message_id, reason = reason.as_str(), error, "set aside for a person");
                }
            }
        }
        let counts = [(Metric::MessageDelayed, delayed), (Metric::MessageDeadLettered, dead)];
        let counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        self.metrics.count(self.ambient.now(), ("source", "any"), &counts);
    }
}

/// The event that a message's body is.
///
/// # Errors
/// [`Failure::Undecodable`] where it is none.
pub fn event(message: &Message) -> Result<Event, Failure> {
    messaging::from_message(message.body().as_bytes())
        .map_err(|error| Failure::undecodable(format!("the body is not a CloudEvent: {error}")))
}

/// The trace that a message's content carries, or the one X-Ray carried beside it, or a new one.
#[must_use]
pub fn trace(traceparent: Option<&str>, message: &Message, random: u128) -> TraceContext {
    traceparent
        .and_then(TraceContext::from_traceparent)
        .or_else(|| message.xray_trace_header().and_then(TraceContext::from_xray))
        .unwrap_or_else(|| TraceContext::start(random))
}

/// What a port's failure means for the message at hand.
#[must_use]
pub fn failure(error: &PortError) -> Failure {
    let text = crate::chain(error);
    if error.transient { Failure::transient(text) } else { Failure::permanent(text) }
}
