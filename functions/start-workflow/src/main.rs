//! Composition: configuration, adapters, run.

use start_workflow::sfn::SfnWorkflows;
use start_workflow::{StateMachine, WorkflowStarter};
use tidegate_runtime::config::required;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let machine: StateMachine = required("STATE_MACHINE_ARN")?.parse()?;
    let workflow = machine.name().to_owned();
    let workflows = SfnWorkflows::new(aws_sdk_sfn::Client::new(&function.aws), machine);
    let starter = WorkflowStarter { ports: function.ports.clone(), workflow, workflows };
    function.consume("START_WORKFLOW_QUEUE_URL", starter).await
}
