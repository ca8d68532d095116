//! Connects the programs that play the outside world: gives the stand-in the address of the Stripe server and the secrets of callbacks,
//! and the Stripe server the address of its webhooks. They keep that in memory, so each `up` does it again.

use anyhow::{Context, Result};
use serde_json::Value;
use tidegate_local::{State, stripe};
use tidegate_operations::SecretStore as _;

use crate::deployment::Deployment;
use crate::standin_client;

pub(super) async fn connect(deployment: &Deployment, state: &State) -> Result<()> {
    let (Some(stripe), Ok(standin)) = (&state.stripe, standin_client::of(deployment)) else { return Ok(()) };
    standin.set_stripe_upstream(&stripe::url(stripe)).await?;

    let resources = deployment.resources().await?;
    if let (Ok(api), Some(secret)) = (deployment.api(&resources), stripe_webhook_secret(deployment).await?) {
        // By its long address, because not every system resolves names under `localhost`.
        stripe::deliver_webhooks(stripe, &api.address("/webhooks/stripe"), &secret).await?;
    }
    let prefix = deployment.callback_secret_prefix();
    for id in deployment.secrets.names(&prefix).await? {
        let Some(text) = deployment.secrets.read(&id).await? else { continue };
        let document: Value = serde_json::from_str(&text).with_context(|| format!("secret {id} is not understood"))?;
        standin.receive_callbacks(id.strip_prefix(&prefix).unwrap_or(&id), &document["secrets"]).await?;
    }
    Ok(())
}

async fn stripe_webhook_secret(deployment: &Deployment) -> Result<Option<String>> {
    let Some(text) = deployment.secrets.read(&deployment.source_secret("stripe")).await? else {
        return Ok(None);
    };
    let document: Value = serde_json::from_str(&text).context("the document of source stripe is not understood")?;
    Ok(document["secrets"][0].as_str().map(str::to_owned))
}
