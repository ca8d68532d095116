//! Tells those who play the outside world of each other: the stand-in of the Stripe server and of who is called back with which
//! secret, and the Stripe server of where its webhooks go. They keep that in memory, so it is told with each `up`.

use anyhow::{Context, Result};
use serde_json::Value;

use super::stripe;
use crate::deployment::Deployment;
use crate::secrets;
use crate::standin_client::StandinClient;
use crate::state::State;

pub(super) async fn acquaint(deployment: &Deployment, state: &State) -> Result<()> {
    let (Some(stripe), Ok(standin)) = (&state.stripe, StandinClient::of(deployment)) else { return Ok(()) };
    standin.place_stripe(&stripe::url(stripe)).await?;

    let resources = deployment.resources().await?;
    if let (Ok(api), Some(secret)) = (deployment.api(&resources), stripe_webhook_secret(deployment).await?) {
        // By its long address, because not every system resolves names under `localhost`.
        stripe::deliver_to(stripe, &api.address("/webhooks/stripe"), &secret).await?;
    }
    let prefix = deployment.callback_secret_prefix();
    for id in secrets::names(&deployment.secrets, &prefix).await? {
        let Some(text) = secrets::read(&deployment.secrets, &id).await? else { continue };
        let document: Value = serde_json::from_str(&text).with_context(|| format!("secret {id} is not understood"))?;
        standin.listen(id.strip_prefix(&prefix).unwrap_or(&id), &document["secrets"]).await?;
    }
    Ok(())
}

async fn stripe_webhook_secret(deployment: &Deployment) -> Result<Option<String>> {
    let Some(text) = secrets::read(&deployment.secrets, &deployment.source_secret("stripe")).await? else {
        return Ok(None);
    };
    let document: Value = serde_json::from_str(&text).context("the document of source stripe is not understood")?;
    Ok(document["secrets"][0].as_str().map(str::to_owned))
}
