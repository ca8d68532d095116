//! Workflows that wait by a task token, and how they ended.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::json;

use crate::stack::{DEPLOYMENT, Stack};

/// A state machine that does nothing but wait for an answer. It waits through an activity, which is the plainest of the
/// ways to get at a token.
pub(crate) struct Workflows {
    state_machine_arn: String,
    activity_arn: String,
}

/// One that waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    execution_arn: String,
    pub(crate) token: String,
}

/// How a workflow ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Succeeded(String),
    Failed(String),
}

impl Workflows {
    pub(crate) async fn create(stack: &Stack, name: &str) -> Result<Self> {
        let name = format!("{DEPLOYMENT}-{name}");
        let activity_arn = stack.sfn.create_activity().name(&name).send().await?.activity_arn;
        let definition = json!({
            "StartAt": "Wait",
            "States": { "Wait": { "Type": "Task", "Resource": activity_arn, "TimeoutSeconds": 300, "End": true } },
        });
        // Any role that there is: waiting takes no right.
        let function = format!("{DEPLOYMENT}-health");
        let function = stack.lambda.get_function_configuration().function_name(function).send().await?;
        let machine = stack
            .sfn
            .create_state_machine()
            .name(&name)
            .definition(definition.to_string())
            .role_arn(function.role.context("a function without a role")?);
        let state_machine_arn = machine.send().await?.state_machine_arn;
        Ok(Self { state_machine_arn, activity_arn })
    }

    /// So many new ones.
    pub(crate) async fn waiting(&self, stack: &Stack, count: usize) -> Result<Vec<Waiting>> {
        let mut executions = BTreeMap::new();
        for number in 0..count {
            let input = json!({ "number": number }).to_string();
            let start = stack.sfn.start_execution().state_machine_arn(&self.state_machine_arn).input(&input);
            executions.insert(input, start.send().await?.execution_arn);
        }
        let mut waiting = Vec::new();
        for _ in 0..count {
            let task = stack.sfn.get_activity_task().activity_arn(&self.activity_arn).send().await?;
            let input: serde_json::Value = serde_json::from_str(&task.input.context("nobody waits")?)?;
            let execution_arn = executions.remove(&input.to_string()).context("a task of no execution")?;
            waiting.push(Waiting { execution_arn, token: task.task_token.context("a task without a token")? });
        }
        Ok(waiting)
    }

    pub(crate) async fn delete(&self, stack: &Stack) -> Result<()> {
        stack.sfn.delete_state_machine().state_machine_arn(&self.state_machine_arn).send().await?;
        stack.sfn.delete_activity().activity_arn(&self.activity_arn).send().await?;
        Ok(())
    }
}

impl Waiting {
    /// Nothing while it still waits.
    pub(crate) async fn ended(&self, stack: &Stack) -> Result<Option<Ended>> {
        let execution = stack.sfn.describe_execution().execution_arn(&self.execution_arn).send().await?;
        Ok(match execution.status {
            ExecutionStatus::Running => None,
            ExecutionStatus::Succeeded => Some(Ended::Succeeded(execution.output.unwrap_or_default())),
            status => {
                ensure!(status == ExecutionStatus::Failed, "the workflow ended as {status}");
                Some(Ended::Failed(execution.error.unwrap_or_default()))
            }
        })
    }
}
