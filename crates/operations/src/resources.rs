//! What the stacks of a deployment export: functions, queues, the HTTP API.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::cloudformation::Stack;
use crate::failure::Hint;

#[derive(Clone, Debug)]
pub struct Api {
    /// For people.
    pub url: String,
    /// What requests of this command start with. `/health` of an emulator's own and systems that do not resolve names under
    /// `localhost` both stand in the way of the address for people.
    pub(crate) base: String,
}

impl Api {
    pub(crate) fn emulated(endpoint: &str, id: &str) -> Self {
        let port = endpoint.rsplit_once(':').map_or("80", |(_, port)| port);
        Self {
            url: format!("http://{id}.execute-api.localhost:{port}"),
            base: format!("{endpoint}/_aws/execute-api/{id}/$default"),
        }
    }

    /// The address of a path, for requests.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Where a source's sender delivers to, for people.
    pub fn webhook_url(&self, source: &str) -> String {
        format!("{}/webhooks/{source}", self.url)
    }
}

/// What all stacks export. Functions and queues are found by how their outputs are named: `…FunctionName`, `…QueueUrl`,
/// `…DeadLetterQueueUrl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// The id of the HTTP API.
    pub api_id: Option<String>,
    /// The address of the HTTP API on AWS.
    pub api_url: Option<String>,
    /// The names of the functions.
    pub functions: Vec<String>,
    pub queues: Vec<Queue>,
    /// All outputs by key.
    pub outputs: BTreeMap<String, String>,
}

/// A queue and its dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub url: String,
    pub dead_letters: Option<String>,
}

impl Queue {
    pub fn name(&self) -> &str {
        queue_name(&self.url)
    }
}

/// The name in a queue's URL.
pub fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

impl Resources {
    /// The output of this key, of whichever stack exports it.
    pub fn output(&self, key: &str) -> Result<&str> {
        match self.outputs.get(key) {
            Some(value) => Ok(value),
            None => bail!(Hint::new(
                format!("the deployment has no stack that exports {key}"),
                "deploy the stacks of the order pipeline with `tidegate up` or `tidegate deploy`",
            )),
        }
    }

    pub fn from_stacks(stacks: &[Stack]) -> Self {
        let mut found = Self::default();
        for (key, value) in stacks.iter().flat_map(|stack| &stack.outputs) {
            found.outputs.insert(key.clone(), value.clone());
            match key.as_str() {
                "ApiId" => found.api_id = Some(value.clone()),
                "ApiUrl" => found.api_url = Some(value.clone()),
                key if key.ends_with("FunctionName") => found.functions.push(value.clone()),
                key if key.ends_with("DeadLetterQueueUrl") => {}
                key => {
                    if let Some(of) = key.strip_suffix("QueueUrl") {
                        let letters = format!("{of}DeadLetterQueueUrl");
                        let dead_letters = stacks.iter().find_map(|stack| stack.outputs.get(&letters)).cloned();
                        found.queues.push(Queue { url: value.clone(), dead_letters });
                    }
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(outputs: &[(&str, &str)]) -> Stack {
        Stack {
            name: "tidegate-webhooks".to_owned(),
            status: "CREATE_COMPLETE".to_owned(),
            reason: None,
            outputs: outputs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn outputs_name_functions_queues_and_their_dead_letter_queues() {
        let stacks = [
            stack(&[("ApiId", "a1b2c3d4"), ("HealthFunctionName", "tidegate-health")]),
            stack(&[
                ("NotifySlackQueueUrl", "http://localhost/0/tidegate-notify-slack"),
                ("NotifySlackDeadLetterQueueUrl", "http://localhost/0/tidegate-notify-slack-dlq"),
                ("NotifySlackQueueArn", "arn:aws:sqs:us-east-1:000000000000:tidegate-notify-slack"),
            ]),
        ];
        let found = Resources::from_stacks(&stacks);
        assert_eq!(found.api_id.as_deref(), Some("a1b2c3d4"));
        assert_eq!(found.functions, ["tidegate-health"]);
        assert_eq!(found.queues.len(), 1);
        assert_eq!(found.queues[0].name(), "tidegate-notify-slack");
        assert_eq!(found.queues[0].dead_letters.as_deref().map(queue_name), Some("tidegate-notify-slack-dlq"));
    }

    #[test]
    fn a_local_api_is_reached_without_resolving_a_name() {
        let api = Api::emulated("http://127.0.0.1:4566", "a1b2c3d4");
        assert_eq!(api.address("/health"), "http://127.0.0.1:4566/_aws/execute-api/a1b2c3d4/$default/health");
        assert_eq!(api.webhook_url("github"), "http://a1b2c3d4.execute-api.localhost:4566/webhooks/github");
    }
}
