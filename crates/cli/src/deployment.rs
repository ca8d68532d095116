//! A deployment, wherever it runs: its clients, its stacks and what they say about themselves.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use tidegate_local::state::{State, StateDir};

use crate::aws::{self, Access};
use crate::cloudformation::{self, Stack};
use crate::contexts::CONTEXTS;
use crate::failure::Hint;
use crate::{cognito, config, dynamodb, logs, secrets, sfn, sqs};

/// Which deployment a command is about.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Its name; nothing for the one that is up here, or `tidegate`.
    pub name: Option<String>,
    /// The caller's AWS account. It has to be said: a local stack that is down must not turn a command against a live one.
    pub aws: bool,
    /// Where the local stack is remembered.
    pub state: StateDir,
}

/// The name of a deployment when nobody says otherwise.
pub const DEFAULT_NAME: &str = "tidegate";

/// Clients for one deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// What a person calls the place.
    pub place: String,
    /// The region.
    pub region: String,
    /// The state of the local stack, when this is one.
    pub state: Option<State>,
    /// Where that state is.
    pub state_dir: StateDir,
    /// CloudFormation.
    pub cloudformation: cloudformation::Client,
    /// Cognito.
    pub cognito: cognito::Client,
    /// DynamoDB.
    pub dynamodb: dynamodb::Client,
    /// CloudWatch Logs.
    pub logs: logs::Client,
    /// Secrets Manager.
    pub secrets: secrets::Client,
    /// Step Functions.
    pub sfn: sfn::Client,
    /// SQS.
    pub sqs: sqs::Client,
    endpoint: Option<String>,
}

impl Deployment {
    /// Finds the deployment: the local stack that is up, the endpoint in `AWS_ENDPOINT_URL`, or AWS when asked for.
    pub async fn find(choice: &Choice) -> Result<Self> {
        let state = if choice.aws { None } else { choice.state.load()? };
        if let Some(state) = state {
            if let Some(name) = choice.name.as_ref().filter(|name| **name != state.deployment) {
                bail!(Hint::new(
                    format!("deployment {name} is not up here, {} is", state.deployment),
                    "leave --deployment out, or add --aws for a deployment in your account",
                ));
            }
            return Self::of_state(&state, &choice.state).await;
        }
        if !choice.aws && config::endpoint_from_environment().is_none() {
            bail!(Hint::new(
                "no local stack is up",
                "run `tidegate up`, or add --aws for a deployment in your account",
            ));
        }
        let name = choice.name.as_deref().unwrap_or(DEFAULT_NAME);
        Self::with_access(name, Access::Caller, choice.state.clone(), None).await
    }

    /// The deployment that a state file describes.
    pub async fn of_state(state: &State, state_dir: &StateDir) -> Result<Self> {
        let access = match &state.credentials {
            Some(credentials) => Access::Emulator {
                endpoint: state.endpoint.clone(),
                region: state.region.clone(),
                credentials: credentials.clone(),
            },
            None => Access::Caller,
        };
        Self::with_access(&state.deployment, access, state_dir.clone(), Some(state)).await
    }

    async fn with_access(name: &str, access: Access, state_dir: StateDir, state: Option<&State>) -> Result<Self> {
        let endpoint = match &access {
            Access::Emulator { endpoint, .. } => Some(endpoint.clone()),
            Access::Caller => config::endpoint_from_environment(),
        };
        let sdk = aws::load(&access).await;
        let region = aws::region(&sdk)?;
        let place = endpoint.clone().unwrap_or_else(|| format!("AWS {region}"));
        Ok(Self {
            name: name.to_owned(),
            place,
            region,
            state: state.cloned(),
            state_dir,
            cloudformation: cloudformation::Client::new(&sdk),
            cognito: cognito::Client::new(&sdk),
            dynamodb: dynamodb::Client::new(&sdk),
            logs: logs::Client::new(&sdk),
            secrets: secrets::Client::new(&sdk),
            sfn: sfn::Client::new(&sdk),
            sqs: sqs::Client::new(&sdk),
            endpoint,
        })
    }

    /// The stacks that exist.
    pub async fn stacks(&self) -> Result<Vec<Stack>> {
        cloudformation::stacks(&self.cloudformation, &self.name, &CONTEXTS).await
    }

    /// What the stacks say about themselves; an error when nothing is deployed.
    pub async fn resources(&self) -> Result<Resources> {
        let stacks = self.stacks().await?;
        if stacks.is_empty() {
            bail!(Hint::new(
                format!("no deployment {} was found at {}", self.name, self.place),
                "deploy it with `tidegate up`, or name another with --deployment",
            ));
        }
        Ok(Resources::from_stacks(&stacks))
    }

    /// The secret that holds a source's document.
    pub fn source_secret(&self, source: &str) -> String {
        format!("{}{source}", self.source_secret_prefix())
    }

    /// What the names of all source secrets start with.
    pub fn source_secret_prefix(&self) -> String {
        format!("{}/webhooks/", self.name)
    }

    /// The secret that holds the Slack document.
    pub fn slack_secret(&self) -> String {
        format!("{}/notify-slack", self.name)
    }

    /// The secret that holds Stripe's address and key.
    pub fn stripe_secret(&self) -> String {
        format!("{}/stripe", self.name)
    }

    /// The secret by which the callbacks of a customer are signed.
    pub fn callback_secret(&self, customer_id: &str) -> String {
        format!("{}{customer_id}", self.callback_secret_prefix())
    }

    /// What the names of all callback secrets start with.
    pub fn callback_secret_prefix(&self) -> String {
        format!("{}/callbacks/", self.name)
    }

    /// Where tokens are asked for. An emulator has one place for all pools.
    pub fn token_url(&self, resources: &Resources) -> Result<String> {
        match &self.endpoint {
            Some(endpoint) => Ok(format!("{endpoint}/oauth2/token")),
            None => resources.output("TokenUrl").map(str::to_owned),
        }
    }

    /// Where the HTTP API answers.
    pub fn api(&self, resources: &Resources) -> Result<Api> {
        match (&self.endpoint, &resources.api_id, &resources.api_url) {
            (Some(endpoint), Some(id), _) => Ok(Api::emulated(endpoint, id)),
            (None, _, Some(url)) => {
                let url = url.trim_end_matches('/').to_owned();
                Ok(Api { base: url.clone(), url })
            }
            _ => bail!(Hint::new(
                format!("deployment {} has no HTTP API", self.name),
                "deploy the backbone with `tidegate up` or `tidegate deploy`",
            )),
        }
    }
}

/// The HTTP API of a deployment.
#[derive(Clone, Debug)]
pub struct Api {
    /// For people.
    pub url: String,
    /// What requests of this command start with. `/health` of an emulator's own and systems that do not resolve names under
    /// `localhost` both stand in the way of the address for people.
    base: String,
}

impl Api {
    fn emulated(endpoint: &str, id: &str) -> Self {
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

/// What the outputs of all stacks name, found by how an output is called: `…FunctionName`, `…QueueUrl`, `…DeadLetterQueueUrl`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// The id of the HTTP API.
    pub api_id: Option<String>,
    /// The address of the HTTP API on AWS.
    pub api_url: Option<String>,
    /// The names of the functions.
    pub functions: Vec<String>,
    /// The queues.
    pub queues: Vec<Queue>,
    /// All outputs by key.
    pub outputs: BTreeMap<String, String>,
}

/// A queue and the one that takes what it gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// The source queue.
    pub url: String,
    /// Its dead-letter queue.
    pub dead_letters: Option<String>,
}

impl Queue {
    /// The queue's name.
    pub fn name(&self) -> &str {
        queue_name(&self.url)
    }
}

/// The name in a queue's URL.
pub fn queue_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

impl Resources {
    /// What a stack says about itself under this key.
    pub fn output(&self, key: &str) -> Result<&str> {
        match self.outputs.get(key) {
            Some(value) => Ok(value),
            None => bail!(Hint::new(
                format!("the deployment has no stack that names its {key}"),
                "deploy the stacks of the order pipeline with `tidegate up` or `tidegate deploy`",
            )),
        }
    }

    pub(crate) fn from_stacks(stacks: &[Stack]) -> Self {
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
