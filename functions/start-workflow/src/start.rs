//! The handler: one event of the queue becomes one execution.

use std::sync::Arc;

use serde_json::Value;
use tidegate_batch::Failure;
use tidegate_cloudevents::Event;
use tidegate_events::SagaInput;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::Sample;
use tidegate_runtime::queue::Handler;
use tidegate_runtime::{Call, Ports};
use tracing::info;

use crate::{Start, Workflows};

/// What Step Functions takes as the input of an execution
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>). The emulator takes more, and the
/// execution would fail on AWS only.
pub const MAX_INPUT_BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub struct WorkflowStarter<W> {
    pub ports: Arc<dyn Ports>,
    /// What the state machine is called; the dimension of its counts.
    pub workflow: String,
    pub workflows: W,
}

impl<W: Workflows> Handler for WorkflowStarter<W> {
    type Message = Event;

    const SAMPLE: Sample =
        Sample { event: include_str!("../../../crates/events/tests/fixtures/events/order-placed.json"), answers: &[] };

    async fn handle(&self, event: Event, _: &Call) -> Result<(), Failure> {
        // The subscription lets nothing else through; what comes all the same is no harm.
        let Some(input) = SagaInput::of(&event).map_err(Failure::undecodable)? else {
            info!("event starts no workflow");
            return Ok(());
        };
        let (word, metric) = match self.start(&input).await? {
            Start::Started => ("workflow started", Metric::WorkflowStarted),
            Start::NameTaken => ("duplicate: workflow already started", Metric::WorkflowDuplicate),
        };
        info!(workflow = self.workflow, "{word}");
        self.ports.count(("workflow", &self.workflow), &[(metric, 1)]);
        Ok(())
    }
}

impl<W: Workflows> WorkflowStarter<W> {
    async fn start(&self, input: &SagaInput) -> Result<Start, Failure> {
        let order = input.order_id.as_str();
        // Members stand in the order of the struct: the same event makes the same bytes, by which Step Functions knows a
        // repeat from another start.
        let json = serde_json::to_string(input).map_err(|_| Failure::permanent("the input has no JSON"))?;
        if json.len() > MAX_INPUT_BYTES {
            let size = json.len();
            return Err(Failure::permanent(format!(
                "the input is {size} bytes; an execution takes {MAX_INPUT_BYTES} at most"
            )));
        }
        let start = self.workflows.start(order, &json).await?;
        if start == Start::NameTaken {
            self.check_duplicate(order, &json).await?;
        }
        Ok(start)
    }

    /// A name that is taken is a repeat, or another order's. The second cannot be, as ids are derived from what was
    /// ordered by whom; if it is all the same, one of the two orders has no workflow.
    async fn check_duplicate(&self, order: &str, ours: &str) -> Result<(), Failure> {
        let theirs = self.workflows.input(order).await?;
        if is_same_json(ours, &theirs) {
            return Ok(());
        }
        Err(Failure::permanent(format!("the execution {order} was started before, with another input")))
    }
}

/// By value, because Step Functions does not promise to return the text as it was.
fn is_same_json(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|one| read(other) == Some(one))
}
