//! Executions in Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use tidegate_runtime::PortError;

use crate::{Start, StateMachine, Workflows};

/// The state machine's executions in Step Functions.
#[derive(Clone, Debug)]
pub struct SfnWorkflows {
    client: Client,
    machine: StateMachine,
}

impl SfnWorkflows {
    /// Of that state machine.
    #[must_use]
    pub fn new(client: Client, machine: StateMachine) -> Self {
        Self { client, machine }
    }
}

impl Workflows for SfnWorkflows {
    async fn start(&self, name: &str, input: &str) -> Result<Start, PortError> {
        let start = self.client.start_execution().state_machine_arn(self.machine.arn()).name(name).input(input);
        match start.send().await {
            Ok(_) => Ok(Start::Started),
            Err(error) if error.code() == Some("ExecutionAlreadyExists") => Ok(Start::NameTaken),
            Err(error) => Err(failed("start", name, error.code())),
        }
    }

    async fn input(&self, name: &str) -> Result<String, PortError> {
        let describe = self.client.describe_execution().execution_arn(self.machine.execution_arn(name)).send().await;
        let described = describe.map_err(|error| failed("describe", name, error.code()))?;
        described.input().map(str::to_owned).ok_or_else(|| failed("read the input of", name, None))
    }
}

/// By the code alone: the service's message can quote the input.
///
/// What is wrong with the request stays wrong. Everything else passes or is mended, and then the orders that waited start
/// by themselves: no answer, throttling, too many open executions, and also a state machine that is not there or may not
/// be used, because a deployment is under way or has gone wrong. An execution that is taken but not to be found is one
/// that readers do not see yet
/// (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html>).
fn failed(operation: &'static str, name: &str, code: Option<&str>) -> PortError {
    let is_final = matches!(code, Some("InvalidExecutionInput" | "InvalidName" | "ValidationException"));
    let source = code.unwrap_or("no answer").to_owned();
    PortError { operation, what: format!("the execution {name}"), transient: !is_final, source: source.into() }
}
