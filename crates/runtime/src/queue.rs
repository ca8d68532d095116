//! The consumer of a queue: each message is read and handled on its own, under its trace; what was not handled is logged and
//! counted, and comes back or goes to the dead-letter queue.

use std::sync::Arc;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::Error;
use serde_json::json;
use tidegate_batch::sqs::{Message, MessageId, Queue};
use tidegate_batch::{Budget, Failure, Outcome, Policy, Report, Response, Runner};
use tidegate_cloudevents::{Event, messaging};
use tracing::{Instrument, error, info_span, warn};

use crate::document::DocumentError;
use crate::handler::{self, Boxed, Call, Invocation};
use crate::metrics::Metric;
use crate::port::PortError;
use crate::ports::Ports;
use crate::priming::{Priming, Sample};
use crate::trace::TraceContext;

#[cfg(feature = "sqs-client")]
pub(crate) mod sqs;

/// What a consumer adds.
pub trait Handler {
    /// What the messages are.
    type Message: Read;

    /// A message that can be handled while the function initialises.
    const SAMPLE: Sample;

    /// How the queue is worked.
    #[must_use]
    fn policy() -> Policy {
        Policy::default()
    }

    /// Handles one message. Runs in the message's span, as often as the message comes.
    ///
    /// # Errors
    /// [`Failure`]: the message is retried or goes to the dead-letter queue.
    fn handle(&self, message: Self::Message, call: &Call) -> impl Future<Output = Result<(), Failure>>;

    /// What priming does before it handles [`Handler::SAMPLE`]: for instance reads an operator's document.
    fn prime(&self, _priming: &Priming) -> impl Future<Output = ()> {
        async {}
    }
}

/// The content of a message.
pub trait Read: Sized {
    /// # Errors
    /// [`Failure::Undecodable`] where the message is something else.
    fn read(message: &Message) -> Result<Self, Failure>;

    fn labels(&self) -> Labels<'_>;
}

/// The fields that the span of a message's lines has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labels<'a> {
    pub traceparent: Option<&'a str>,
    pub event_id: Option<&'a str>,
    pub event_type: Option<&'a str>,
    pub command: Option<&'a str>,
    pub command_id: Option<&'a str>,
    pub order_id: Option<&'a str>,
    pub correlation_id: Option<&'a str>,
}

impl Read for Event {
    fn read(message: &Message) -> Result<Self, Failure> {
        messaging::from_message(message.body().as_bytes())
            .map_err(|error| Failure::undecodable(format!("the body is not a CloudEvent: {error}")))
    }

    fn labels(&self) -> Labels<'_> {
        Labels {
            traceparent: self.traceparent(),
            event_id: Some(self.id()),
            event_type: Some(self.ty()),
            correlation_id: self.correlationid(),
            ..Labels::default()
        }
    }
}

/// A handler and its queue.
#[derive(Debug)]
pub struct Consumer<H, Q> {
    pub handler: H,
    /// The queue and its dead-letter queue.
    pub queue: Q,
    pub ports: Arc<dyn Ports>,
}

impl<H: Handler, Q: Queue> handler::Handler for Consumer<H, Q> {
    type Event = SqsEvent;
    type Response = Response<MessageId>;

    async fn handle(&self, batch: SqsEvent, invocation: &Invocation) -> Result<Response<MessageId>, Error> {
        let budget = Budget { now: self.ports.now(), deadline: invocation.deadline };
        let mut random = fastrand::Rng::with_seed(u64::try_from(self.ports.random() >> 64).unwrap_or_default());
        let policy = H::policy();
        let runner = Runner::new(&policy, budget, &mut random);
        let each = async |message: &Message| self.handle_message(message, invocation).await;
        let report = tidegate_batch::sqs::run(batch, runner, &self.queue, each).await?;
        self.count(&report, &invocation.request_id);
        Ok(report.response()?)
    }

    async fn prime(&self, priming: &Priming) {
        self.handler.prime(priming).await;
        let Sample { event, answers } = H::SAMPLE;
        let record = json!({"messageId": "priming", "receiptHandle": "priming", "body": event,
            "attributes": {"ApproximateReceiveCount": "1"}, "messageAttributes": {}});
        let event = json!({ "Records": [record] }).to_string();
        handler::rehearse(self, &event, answers, priming, &*self.ports).await;
    }
}

impl<H: Handler, Q: Queue> Consumer<H, Q> {
    async fn handle_message(&self, message: &Message, invocation: &Invocation) -> Result<(), Failure> {
        let content = H::Message::read(message)?;
        let labels = content.labels();
        let trace = labels
            .traceparent
            .and_then(TraceContext::from_traceparent)
            .or_else(|| message.xray_trace_header().and_then(TraceContext::from_xray))
            .unwrap_or_else(|| TraceContext::start(self.ports.random()));
        let span = info_span!(
            "message",
            request_id = invocation.request_id,
            message_id = message.id(),
            trace_id = trace.trace_id(),
            event_id = labels.event_id,
            event_type = labels.event_type,
            command = labels.command,
            command_id = labels.command_id,
            order_id = labels.order_id,
            correlation_id = labels.correlation_id,
        );
        let call = Call { deadline: invocation.deadline, trace };
        let handled: Boxed<'_, _> = Box::pin(self.handler.handle(content, &call));
        handled.instrument(span).await
    }

    fn count(&self, report: &Report<MessageId>, request_id: &str) {
        let (mut retried, mut dead) = (0, 0);
        for (MessageId(message_id), outcome) in &report.outcomes {
            match outcome {
                Outcome::Done => {}
                Outcome::Retry { error, after } => {
                    retried += 1;
                    warn!(request_id, message_id, error, after_secs = after.map(|after| after.as_secs()), "will retry");
                }
                Outcome::TimedOut | Outcome::Blocked => {
                    retried += 1;
                    warn!(request_id, message_id, "not handled before the deadline; will retry");
                }
                Outcome::DeadLetterFailed { error } => {
                    retried += 1;
                    error!(request_id, message_id, error, "cannot be moved to the dead-letter queue; will retry");
                }
                Outcome::DeadLettered { reason, error } => {
                    dead += 1;
                    error!(request_id, message_id, reason = reason.as_str(), error, "moved to the dead-letter queue");
                }
            }
        }
        let counts = [(Metric::MessageRetried, retried), (Metric::MessageDeadLettered, dead)];
        self.ports.count(("source", "any"), &counts);
    }
}

/// What a port's failure means for the message at hand.
impl From<PortError> for Failure {
    fn from(error: PortError) -> Self {
        let text = crate::port::chain(&error);
        if error.transient { Self::transient(text) } else { Self::permanent(text) }
    }
}

/// Always transient: the messages go on once the document is mended.
impl From<DocumentError> for Failure {
    fn from(error: DocumentError) -> Self {
        Self::transient(crate::port::chain(&error))
    }
}
