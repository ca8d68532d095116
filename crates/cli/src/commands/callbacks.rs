//! `tidegate callbacks`: those that went wrong, and the secrets that sign them.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;

use super::Context;
use crate::args::{CallbackSecret, CallbacksCommand};
use crate::customers;
use crate::deployment::{Deployment, Resources};
use crate::failure::Hint;
use crate::standin_client::StandinClient;

pub(super) async fn run(context: &Context, command: CallbacksCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    match command {
        CallbacksCommand::Received => received(context, &deployment).await?,
        CallbacksCommand::Secret(CallbackSecret::Rotate { customer }) => {
            rotate(context, &deployment, &customer).await?
        }
        CallbacksCommand::Secret(CallbackSecret::Retire { customer }) => {
            retire(context, &deployment, &customer).await?
        }
        CallbacksCommand::List { .. } | CallbacksCommand::Retry { .. } => bail!("not yet"),
    }
    Ok(ExitCode::SUCCESS)
}

async fn received(context: &Context, deployment: &Deployment) -> Result<()> {
    let callbacks = StandinClient::of(deployment)?.callbacks().await?;
    if callbacks.is_empty() {
        context.output.line("No callbacks yet.");
    } else {
        context.output.table(
            &["received", "receiver", "id", "answered", "says"],
            callbacks.iter().map(|callback| {
                let says =
                    callback.body["type"].as_str().unwrap_or(if callback.verified { "" } else { "not verified" });
                let again = if callback.repeated { " (again)" } else { "" };
                let id = callback.id.clone().unwrap_or_default();
                vec![
                    callback.received_at.clone(),
                    callback.name.clone(),
                    id,
                    callback.status.to_string(),
                    format!("{says}{again}"),
                ]
            }),
        );
    }
    context.output.document(&callbacks)
}

async fn rotate(context: &Context, deployment: &Deployment, customer: &str) -> Result<()> {
    let resources = deployment.resources().await?;
    let secret = customers::rotate(deployment, &customer_id(deployment, &resources, customer).await?).await?;
    let output = context.output;
    output.line(format!(
        "Callbacks of {customer} are signed with this secret too, within minutes; it is not shown again:"
    ));
    output.line(&secret);
    output.line("");
    output.line(format!("When {customer} verifies with it: `tidegate callbacks secret retire {customer}`."));
    output.document(&json!({"customer": customer, "secret": secret}))
}

async fn retire(context: &Context, deployment: &Deployment, customer: &str) -> Result<()> {
    let resources = deployment.resources().await?;
    let gone = customers::retire(deployment, &customer_id(deployment, &resources, customer).await?).await?;
    context.output.line(match gone {
        0 => format!("{customer} has one secret, which goes on signing."),
        _ => format!("Callbacks of {customer} are signed with the newest secret alone, within minutes."),
    });
    context.output.document(&json!({"customer": customer, "retired": gone}))
}

async fn customer_id(deployment: &Deployment, resources: &Resources, customer: &str) -> Result<String> {
    match customers::find(deployment, resources, customer).await? {
        Some(client) => Ok(client.id),
        None => bail!(Hint::new(
            format!("deployment {} has no customer {customer}", deployment.name),
            format!("make it with `tidegate login {customer}`"),
        )),
    }
}
