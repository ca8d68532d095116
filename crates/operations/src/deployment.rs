//! A deployment, wherever it runs: its clients, its stacks and the names of its secrets.

use anyhow::{Result, bail};

use crate::aws::{self, Access};
use crate::cloudformation::{self, Stack};
use crate::contexts::CONTEXTS;
use crate::executions::Executions;
use crate::failure::Hint;
use crate::queues::Queues;
use crate::resources::{Api, Resources};
use crate::services::Services;
use crate::tables::Tables;
use crate::{cognito, dynamodb, logs, secrets, sfn, sqs};

/// Clients for one deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    pub name: String,
    /// Where it is, for people: an endpoint, or AWS with its region.
    pub place: String,
    pub region: String,
    pub cloudformation: cloudformation::Client,
    pub cognito: cognito::Client,
    pub dynamodb: dynamodb::Client,
    pub logs: logs::Client,
    pub secrets: secrets::Client,
    pub sfn: sfn::Client,
    pub sqs: sqs::Client,
    /// Where AWS calls go when not to AWS.
    endpoint: Option<String>,
}

impl Deployment {
    /// Makes the clients; asks for nothing yet.
    pub async fn connect(name: &str, access: &Access) -> Result<Self> {
        let endpoint = match access {
            Access::Emulator { endpoint, .. } => Some(endpoint.clone()),
            Access::Caller { endpoint } => endpoint.clone(),
        };
        let sdk = aws::load(access).await;
        let region = aws::region(&sdk)?;
        Ok(Self {
            name: name.to_owned(),
            place: endpoint.clone().unwrap_or_else(|| format!("AWS {region}")),
            region,
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

    /// What the stacks export; an error when nothing is deployed.
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

    /// Where tokens are requested. An emulator has one place for all pools.
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

impl Services for Deployment {
    fn tables(&self) -> &impl Tables {
        &self.dynamodb
    }

    fn queues(&self) -> &impl Queues {
        &self.sqs
    }

    fn executions(&self) -> &impl Executions {
        &self.sfn
    }
}
