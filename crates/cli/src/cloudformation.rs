//! CloudFormation: which stacks a deployment has, how they are, and what they export to this command.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
pub use aws_sdk_cloudformation::Client;
use serde::Serialize;

use crate::aws::explain;

/// A stack as this command needs it.
#[derive(Clone, Debug, Serialize)]
pub struct Stack {
    /// Its name.
    pub name: String,
    /// Its state in CloudFormation's words, such as `CREATE_COMPLETE`.
    pub status: String,
    /// Why it is in that state, when CloudFormation says so.
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

/// CloudFormation has no error code of its own for a stack that does not exist: it is a `ValidationError` that says so.
fn is_missing(error: &impl aws_sdk_cloudformation::error::ProvideErrorMetadata) -> bool {
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
