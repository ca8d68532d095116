//! Which deployment a command is about: the local stack that is up, an endpoint, or the caller's AWS account.

use std::ops::Deref;

use anyhow::{Result, bail};
use tidegate_local::state::{State, StateDir};
use tidegate_operations::{Access, Hint};

use crate::config;

/// The name of a deployment when none is given.
pub const DEFAULT_NAME: &str = "tidegate";

#[derive(Clone, Debug)]
pub struct Choice {
    /// Its name; without one, that of the local stack, or [`DEFAULT_NAME`].
    pub name: Option<String>,
    /// The caller's AWS account. It has to be asked for: a local stack that is down must not turn a command against a live one.
    pub aws: bool,
    /// Where the local stack is remembered.
    pub state: StateDir,
}

/// A deployment, and the local stack where it is one.
#[derive(Clone, Debug)]
pub struct Deployment {
    clients: tidegate_operations::Deployment,
    pub state: Option<State>,
    pub state_dir: StateDir,
}

impl Deref for Deployment {
    type Target = tidegate_operations::Deployment;

    fn deref(&self) -> &Self::Target {
        &self.clients
    }
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
        let endpoint = config::endpoint_from_environment();
        if !choice.aws && endpoint.is_none() {
            bail!(Hint::new(
                "no local stack is up",
                "run `tidegate up`, or add --aws for a deployment in your account",
            ));
        }
        let name = choice.name.as_deref().unwrap_or(DEFAULT_NAME);
        let clients = tidegate_operations::Deployment::connect(name, &Access::Caller { endpoint }).await?;
        Ok(Self { clients, state: None, state_dir: choice.state.clone() })
    }

    /// The deployment that a state file describes.
    pub async fn of_state(state: &State, state_dir: &StateDir) -> Result<Self> {
        let access = access_of(state, &state.endpoint);
        let clients = tidegate_operations::Deployment::connect(&state.deployment, &access).await?;
        Ok(Self { clients, state: Some(state.clone()), state_dir: state_dir.clone() })
    }
}

/// The access that a state file describes, at this endpoint.
pub fn access_of(state: &State, endpoint: &str) -> Access {
    match &state.credentials {
        Some(credentials) => Access::Emulator {
            endpoint: endpoint.to_owned(),
            region: state.region.clone(),
            access_key_id: credentials.access_key_id.clone(),
            secret_access_key: credentials.secret_access_key.clone(),
        },
        None => Access::Caller { endpoint: config::endpoint_from_environment() },
    }
}
