//! CloudFormation: which stacks a deployment has, how they are, and what they export.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
pub use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, Parameter};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::aws::explain;

/// Between two reads of a stack that is being updated.
const POLL: Duration = Duration::from_millis(500);

#[derive(Clone, Debug, Serialize)]
pub struct Stack {
    pub name: String,
    /// Its state in CloudFormation's words, such as `CREATE_COMPLETE`.
    pub status: String,
    /// Why it is in that state, when CloudFormation gives a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its outputs by key.
    pub outputs: BTreeMap<String, String>,
}

impl Stack {
    /// Whether the last deployment succeeded.
    pub fn is_healthy(&self) -> bool {
        matches!(self.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    }
}

/// The stacks whose names are `{deployment}-{context}` for one of `contexts`, in that order. Deleted ones are left out.
pub async fn stacks(client: &Client, deployment: &str, contexts: &[&str]) -> Result<Vec<Stack>> {
    let mut found = Vec::new();
    for context in contexts {
        let name = format!("{deployment}-{context}");
        let answer = client.describe_stacks().stack_name(&name).send().await;
        let stacks = match answer {
            Ok(answer) => answer.stacks.unwrap_or_default(),
            Err(error) if is_missing(&error) => continue,
            Err(error) => {
                return Err(explain(error)).with_context(|| format!("stack {name} cannot be described"));
            }
        };
        found.extend(stacks.into_iter().map(to_stack).filter(|stack| stack.status != "DELETE_COMPLETE"));
    }
    Ok(found)
}

/// CloudFormation has no error code of its own for a stack that does not exist: it is a `ValidationError` with this text.
fn is_missing(error: &impl ProvideErrorMetadata) -> bool {
    error.message().is_some_and(|message| message.contains("does not exist"))
}

fn to_stack(stack: aws_sdk_cloudformation::types::Stack) -> Stack {
    let outputs = stack.outputs.unwrap_or_default();
    Stack {
        name: stack.stack_name.unwrap_or_default(),
        status: stack.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        reason: stack.stack_status_reason.filter(|reason| !reason.is_empty()),
        outputs: outputs.into_iter().filter_map(|output| Some((output.output_key?, output.output_value?))).collect(),
    }
}

/// Gives a stack another value of one parameter, and everything else as it is, and waits until that is done.
pub async fn set_parameter(client: &Client, stack: &str, name: &str, value: &str, deadline: Duration) -> Result<()> {
    let parameters = described(client, stack).await?.parameters.unwrap_or_default();
    let kept = parameters.into_iter().filter_map(|parameter| parameter.parameter_key).filter(|key| key != name);
    let kept = kept.map(|key| Parameter::builder().parameter_key(key).use_previous_value(true).build());
    let update = client
        .update_stack()
        .stack_name(stack)
        .use_previous_template(true)
        .set_parameters(Some(kept.collect()))
        .parameters(Parameter::builder().parameter_key(name).parameter_value(value).build())
        .capabilities(Capability::CapabilityIam)
        .capabilities(Capability::CapabilityAutoExpand)
        .send()
        .await;
    match update {
        Ok(_) => {}
        Err(error) if error.message().is_some_and(|message| message.contains("No updates")) => return Ok(()),
        Err(error) => return Err(explain(error)).with_context(|| format!("stack {stack} cannot be updated")),
    }
    let until = Instant::now() + deadline;
    loop {
        let status = to_stack(described(client, stack).await?);
        match status.status.as_str() {
            "UPDATE_COMPLETE" | "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => return Ok(()),
            status if !status.ends_with("_IN_PROGRESS") => bail!("stack {stack} was not updated: {status}"),
            _ if Instant::now() >= until => bail!("stack {stack} was not updated within {} s", deadline.as_secs()),
            _ => sleep(POLL).await,
        }
    }
}

pub async fn parameter(client: &Client, stack: &str, name: &str) -> Result<Option<String>> {
    let parameters = described(client, stack).await?.parameters.unwrap_or_default();
    Ok(parameters
        .into_iter()
        .find(|parameter| parameter.parameter_key.as_deref() == Some(name))
        .and_then(|found| found.parameter_value))
}

async fn described(client: &Client, stack: &str) -> Result<aws_sdk_cloudformation::types::Stack> {
    let answer = client.describe_stacks().stack_name(stack).send().await.map_err(explain);
    let answer = answer.with_context(|| format!("stack {stack} cannot be described"))?;
    answer.stacks.unwrap_or_default().into_iter().next().with_context(|| format!("there is no stack {stack}"))
}
