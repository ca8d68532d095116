//! The handler of a queue of commands.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use tidegate_batch::sqs::{Message, MessageId, Queue};
use tidegate_batch::{BatchError, Failure, Policy, Response};
use tidegate_cloudevents::{Event, messaging};
use tidegate_events::{Command, Envelope, ErrorName};
use tidegate_outbox::{Handled, Reply, Tasks};
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::consumer::{Consumer, Invocation, trace};
use tidegate_runtime::metrics::{Metric, Metrics};
use tracing::{Instrument, info, info_span, warn};

/// The longest cause that is sent: it is for a person to read, and stands in the execution's history.
const MAX_CAUSE_CHARS: usize = 1024;

/// What a worker adds: its decisions, and whom it asks.
pub trait Service: Send + Sync {
    /// Whether a command is for this service to carry out.
    fn takes(&self, command: &Command) -> bool;

    /// The command that follows from an event that the service has subscribed to; none where none follows, or another
    /// service's.
    ///
    /// # Errors
    /// [`Failure`], where the event cannot be read.
    fn following(&self, event: &Event) -> Result<Option<Envelope>, Failure> {
        let following = Envelope::following(event).map_err(Failure::undecodable)?;
        Ok(following.filter(|it| self.takes(&it.command)))
    }

    /// Carries a command out: with [`commit`](crate::commit) or [`ask_and_commit`](crate::ask_and_commit). `clock` tells
    /// the time, which goes on while somebody is asked.
    ///
    /// # Errors
    /// [`Failure`]; a "no" is none.
    fn carry_out(
        &self,
        envelope: &Envelope,
        clock: &impl Fn() -> SystemTime,
    ) -> impl Future<Output = Result<Handled, Failure>>;
}

/// The handler, over its ports.
#[derive(Debug)]
pub struct Worker<A, Q, T, M, S> {
    /// Time and randomness.
    pub ambient: A,
    /// The queue and its dead-letter queue.
    pub queue: Q,
    /// Tasks of the saga, which wait for the commands.
    pub tasks: T,
    /// Counts.
    pub metrics: M,
    /// What this worker is for.
    pub service: S,
}

/// How the queue is worked. A back-off is shorter than the saga's heartbeat (300 s), and all of them together take some 20
/// minutes, longer than a state's 900 s: the saga has decided before a message is given up, and one that comes later finds
/// a tombstone.
#[must_use]
pub fn policy() -> Policy {
    Policy { max_delay: Duration::from_secs(200), ..Policy::default() }
}

impl<A: Ambient, Q: Queue, T: Tasks, M: Metrics, S: Service> Worker<A, Q, T, M, S> {
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
        let Some(mut envelope) = self.read(message)? else { return Ok(()) };
        let trace = trace(envelope.traceparent.as_deref(), message, self.ambient.random());
        envelope.traceparent = Some(trace.child(self.ambient.random()).to_string());
        let name = envelope.command.name().as_str();
        let span = info_span!(
            "work",
            request_id = invocation.request_id,
            message_id = message.id(),
            trace_id = trace.trace_id(),
            command = name,
            command_id = envelope.command_id.as_str(),
            order_id = envelope.order_id.as_str(),
        );
        let carried_out = self.work(&envelope).instrument(span.clone()).await;
        let metric = match &carried_out {
            Ok(handled) if handled.repeated => Metric::CommandRepeated,
            Ok(_) => Metric::CommandHandled,
            Err(_) => Metric::CommandFailed,
        };
        self.metrics.count(self.ambient.now(), ("command", name), &[(metric, 1)]);
        let _entered = span.entered();
        carried_out.map(|handled| info!(repeated = handled.repeated, reply = word(&handled), "carried out"))
    }

    /// A command, or an event from which one follows.
    fn read(&self, message: &Message) -> Result<Option<Envelope>, Failure> {
        let body = message.body().as_bytes();
        if Envelope::is_event(body) {
            let event = messaging::from_message(body).map_err(Failure::undecodable)?;
            return self.service.following(&event);
        }
        Envelope::from_json(body).map(Some).map_err(Failure::undecodable)
    }

    async fn work(&self, envelope: &Envelope) -> Result<Handled, Failure> {
        let failure = match self.service.carry_out(envelope, &|| self.ambient.now()).await {
            Ok(handled) => return Ok(handled),
            Err(failure) => failure,
        };
        let Some(token) = &envelope.task_token else { return Err(failure) };
        if let Failure::Transient { .. } = failure {
            // Without it the saga stops waiting a little earlier, which it bears.
            if let Err(error) = self.tasks.heartbeat(token).await {
                warn!(error = tidegate_runtime::chain(&error), "no heartbeat");
            }
            return Err(failure);
        }
        // Answered first, set aside afterwards: a worker that dies in between gets the message again.
        let cause: String = failure.to_string().chars().take(MAX_CAUSE_CHARS).collect();
        match self.tasks.answer(token, &Reply::failure(ErrorName::PermanentFailure.as_str(), cause)).await {
            Ok(_) => Err(failure),
            Err(error) => Err(Failure::transient(tidegate_runtime::chain(&error))),
        }
    }
}

fn word(handled: &Handled) -> &str {
    match &handled.reply {
        Some(Reply::Success { .. }) => "done",
        Some(Reply::Failure { error, .. }) => error,
        None => "none",
    }
}
