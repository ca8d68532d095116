//! The handler of a queue of commands.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tidegate_batch::sqs::Message;
use tidegate_batch::{Failure, Policy};
use tidegate_cloudevents::{Event, messaging};
use tidegate_events::{Command, Envelope, ErrorName};
use tidegate_outbox::{Handled, Reply, Tasks};
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::{Priming, Sample};
use tidegate_runtime::queue::{Handler, Labels, Read};
use tidegate_runtime::{Call, Ports};
use tracing::{info, warn};

/// The longest cause that is sent: it is for a person to read, and stands in the execution's history.
const MAX_CAUSE_CHARS: usize = 1024;

/// What a worker adds: its decisions, and whom it asks.
pub trait Service: Send + Sync {
    /// A command that can be handled while the function initialises.
    const SAMPLE: Sample;

    /// Whether a command is this service's.
    fn takes(&self, command: &Command) -> bool;

    /// The command that follows from an event that the service has subscribed to; none where none follows, or another
    /// service's.
    ///
    /// # Errors
    /// [`Failure`], where the event cannot be read.
    fn following(&self, event: &Event) -> Result<Option<Envelope>, Failure> {
        let following = Envelope::following(event).map_err(Failure::undecodable)?;
        Ok(following.filter(|envelope| self.takes(&envelope.command)))
    }

    /// Handles a command: with [`commit`](crate::commit) or [`ask_and_commit`](crate::ask_and_commit). `clock` is read
    /// again after each request to a service outside.
    ///
    /// # Errors
    /// [`Failure`]; a "no" is none.
    fn carry_out(
        &self,
        envelope: &Envelope,
        clock: &impl Fn() -> SystemTime,
    ) -> impl Future<Output = Result<Handled, Failure>>;

    /// What priming does before it handles [`Service::SAMPLE`].
    fn prime(&self, _ports: &dyn Ports) -> impl Future<Output = ()> {
        async {}
    }
}

#[derive(Debug)]
pub struct Worker<S, T> {
    pub ports: Arc<dyn Ports>,
    /// Tasks of the saga, which wait for the commands.
    pub tasks: T,
    /// What this worker is for.
    pub service: S,
}

/// A message of a worker's queue.
#[derive(Debug)]
pub enum Incoming {
    Command(Envelope),
    Event(Event),
}

impl Read for Incoming {
    fn read(message: &Message) -> Result<Self, Failure> {
        let body = message.body().as_bytes();
        if Envelope::is_event(body) {
            return messaging::from_message(body).map(Self::Event).map_err(Failure::undecodable);
        }
        Envelope::from_json(body).map(Self::Command).map_err(Failure::undecodable)
    }

    fn labels(&self) -> Labels<'_> {
        match self {
            Self::Command(envelope) => Labels {
                traceparent: envelope.traceparent.as_deref(),
                command: Some(envelope.command.name().as_str()),
                command_id: Some(envelope.command_id.as_str()),
                order_id: Some(envelope.order_id.as_str()),
                ..Labels::default()
            },
            Self::Event(event) => event.labels(),
        }
    }
}

/// How the queue is worked. A back-off is shorter than the saga's heartbeat (300 s), and all of them together take some 20
/// minutes, longer than a state's 900 s: the saga has decided before a message is given up, and one that comes later finds
/// a tombstone.
#[must_use]
pub fn policy() -> Policy {
    Policy { max_delay: Duration::from_secs(200), ..Policy::default() }
}

impl<S: Service, T: Tasks> Handler for Worker<S, T> {
    type Message = Incoming;

    const SAMPLE: Sample = S::SAMPLE;

    fn policy() -> Policy {
        policy()
    }

    async fn handle(&self, incoming: Incoming, call: &Call) -> Result<(), Failure> {
        let envelope = match incoming {
            Incoming::Command(envelope) => Some(envelope),
            Incoming::Event(event) => self.service.following(&event)?,
        };
        let Some(mut envelope) = envelope else { return Ok(()) };
        envelope.traceparent = Some(call.trace.child(self.ports.random()).to_string());
        let command = envelope.command.name().as_str();
        let handled = self.work(&envelope).await;
        let metric = match &handled {
            Ok(handled) if handled.repeated => Metric::CommandDuplicate,
            Ok(_) => Metric::CommandHandled,
            Err(_) => Metric::CommandFailed,
        };
        self.ports.count(("command", command), &[(metric, 1)]);
        let handled = handled?;
        info!(command, duplicate = handled.repeated, reply = word(&handled), "command handled");
        Ok(())
    }

    async fn prime(&self, _: &Priming) {
        self.service.prime(&*self.ports).await;
    }
}

impl<S: Service, T: Tasks> Worker<S, T> {
    async fn work(&self, envelope: &Envelope) -> Result<Handled, Failure> {
        let failure = match self.service.carry_out(envelope, &|| self.ports.now()).await {
            Ok(handled) => return Ok(handled),
            Err(failure) => failure,
        };
        let Some(token) = &envelope.task_token else { return Err(failure) };
        if let Failure::Transient { .. } = failure {
            // Without it the saga stops waiting a little earlier, which it bears.
            if let Err(error) = self.tasks.heartbeat(token).await {
                warn!(error = tidegate_runtime::chain(&error), "heartbeat not sent");
            }
            return Err(failure);
        }
        // The saga first, the dead-letter queue afterwards: after a crash in between the message comes again.
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
