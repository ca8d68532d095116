//! The stand-in of a local deployment.

use anyhow::{Result, bail};
use tidegate_operations::Hint;
pub use tidegate_standins::client::{POLL, StandinClient};

use crate::deployment::Deployment;

/// Fails for a deployment that talks to the real services.
pub fn of(deployment: &Deployment) -> Result<StandinClient> {
    let standin = deployment.state.as_ref().and_then(|state| state.standin.as_ref());
    match standin {
        Some(standin) => Ok(StandinClient::new(&standin.url)),
        None => bail!(Hint::new(
            format!("deployment {} at {} talks to the real services", deployment.name, deployment.place),
            "look there; the stand-in belongs to the local stack (`tidegate up`)",
        )),
    }
}
