//! The handler: one event of the queue becomes one execution.

use aws_lambda_events::sqs::SqsEvent;
use serde_json::Value;
use tidegate_batch::sqs::{Message, MessageId, Queue};
use tidegate_batch::{BatchError, Failure, Policy, Response};
use tidegate_cloudevents::Event;
use tidegate_events::SagaInput;
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::consumer::{self, Consumer, Invocation, failure, trace};
use tidegate_runtime::metrics::{Metric, Metrics};
use tracing::{Instrument, info, info_span};

use crate::{Start, Workflows};

/// What Step Functions takes as the input of an execution
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>). The emulator takes more, and the
/// execution would fail on AWS only.
pub const MAX_INPUT_BYTES: usize = 256 * 1024;

/// The handler, over its ports.
#[derive(Debug)]
pub struct WorkflowStarter<A, W, Q, M> {
    /// Time and randomness.
    pub ambient: A,
    /// What the state machine is called; the dimension of its counts.
    pub workflow: String,
    /// Its executions.
    pub workflows: W,
    /// The queue and its dead-letter queue.
    pub queue: Q,
    /// Counts.
    pub metrics: M,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Handled {
    Started,
    StartedBefore,
    NothingToStart,
}

/// How the queue is worked: see [`Policy`].
#[must_use]
pub fn policy() -> Policy {
    Policy::default()
}

impl<A: Ambient, W: Workflows, Q: Queue, M: Metrics> WorkflowStarter<A, W, Q, M> {
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
            "start",
            request_id = invocation.request_id,
            message_id = message.id(),
            trace_id = trace(event.traceparent(), message, self.ambient.random()).trace_id(),
            event_id = event.id(),
            event_type = event.ty(),
            correlation_id = event.correlationid().unwrap_or_default(),
        );
        let handled = self.start(&event).instrument(span.clone()).await?;
        let _entered = span.entered();
        let metric = match handled {
            Handled::Started => {
                info!(workflow = self.workflow, "started");
                Metric::WorkflowStarted
            }
            Handled::StartedBefore => {
                info!(workflow = self.workflow, "started before");
                Metric::WorkflowRepeated
            }
            Handled::NothingToStart => {
                info!("nothing to start");
                return Ok(());
            }
        };
        self.metrics.count(self.ambient.now(), self.dimension(), &[(metric, 1)]);
        Ok(())
    }

    async fn start(&self, event: &Event) -> Result<Handled, Failure> {
        let Some(input) = SagaInput::of(event).map_err(Failure::undecodable)? else {
            return Ok(Handled::NothingToStart); // the subscription lets none through; one that comes all the same is no harm
        };
        let order = input.order_id.as_str();
        // Members stand in the order of the struct: the same event makes the same bytes, by which Step Functions knows a
        // repeat from another start.
        let json = serde_json::to_string(&input).map_err(|_| Failure::permanent("the input has no JSON"))?;
        if json.len() > MAX_INPUT_BYTES {
            let size = json.len();
            return Err(Failure::permanent(format!(
                "the input is {size} bytes; an execution takes {MAX_INPUT_BYTES} at most"
            )));
        }
        match self.workflows.start(order, &json).await.map_err(|error| failure(&error))? {
            Start::Begun => Ok(Handled::Started),
            Start::Taken => self.judge_taken(order, &json).await,
        }
    }

    /// A repeat, or another order under a name that is taken. The second cannot be, as ids are derived from what was
    /// ordered by whom; if it is all the same, one of the two orders is carried out by nobody.
    async fn judge_taken(&self, order: &str, ours: &str) -> Result<Handled, Failure> {
        let theirs = self.workflows.input(order).await.map_err(|error| failure(&error))?;
        if is_same_json(ours, &theirs) {
            return Ok(Handled::StartedBefore);
        }
        Err(Failure::permanent(format!("the execution {order} was started before, with another input")))
    }

    fn dimension(&self) -> (&'static str, &str) {
        ("workflow", &self.workflow)
    }
}

/// By value: nobody promises to give the text back as it was.
fn is_same_json(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|one| read(other) == Some(one))
}
