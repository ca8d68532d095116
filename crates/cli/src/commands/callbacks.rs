//! `tidegate callbacks`: those that went wrong, and the secrets that sign them.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tidegate_callbacks::{Delivery, Present, Status};
use tidegate_events::OrderId;
use tidegate_operations::{Hint, callbacks, customers as customer_secrets};
use uuid::Uuid;

use crate::age::age;
use crate::args::{CallbackSecret, CallbackStatus, CallbacksCommand};
use crate::context::Context;
use crate::deployment::Deployment;
use crate::{clock, customers, standin_client, timeline};

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
        CallbacksCommand::List { status } => list(context, &deployment, status).await?,
        CallbacksCommand::Retry { order } => retry(context, &deployment, &order).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, deployment: &Deployment, wanted: Option<CallbackStatus>) -> Result<()> {
    let status = wanted.map(|wanted| match wanted {
        CallbackStatus::Pending => Status::Pending,
        CallbackStatus::Disabled => Status::Disabled,
        CallbackStatus::Exhausted => Status::Exhausted,
    });
    let clients: &tidegate_operations::Deployment = deployment;
    let deliveries = callbacks::list(clients, &deployment.resources().await?, status).await?;
    let now = clock::epoch_millis();
    if deliveries.is_empty() {
        context.output.line("No callback is amiss.");
    } else {
        context.output.table(
            &["order", "status", "since", "host", "attempts", "last", "next in"],
            deliveries.iter().map(|delivery| row(delivery, now)),
        );
        context.output.line("");
        context.output.line("Send one again with `tidegate callbacks retry ORDER`.");
    }
    context.output.document(&deliveries.iter().map(document).collect::<Vec<_>>())
}

fn row(delivery: &Delivery, now: i64) -> Vec<String> {
    let last = delivery.attempts.last().map(|attempt| attempt.outcome.to_string()).unwrap_or_default();
    let next = delivery.next_at.map(|at| age(timeline::millis(at) - now)).unwrap_or_default();
    vec![
        delivery.order_id.as_str().to_owned(),
        delivery.status.as_str().to_owned(),
        age(now - timeline::millis(delivery.since)),
        delivery.host().to_owned(),
        delivery.attempts.len().to_string(),
        last,
        next,
    ]
}

/// Of the URL the host alone: what is behind it often is a secret.
fn document(delivery: &Delivery) -> Value {
    json!({
        "order_id": delivery.order_id,
        "customer_id": delivery.customer_id,
        "status": delivery.status,
        "since": delivery.since,
        "host": delivery.host(),
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
    })
}

async fn retry(context: &Context, deployment: &Deployment, order: &OrderId) -> Result<()> {
    let present = Present { now: clock::timestamp(), random: Uuid::new_v4().as_u128() };
    let clients: &tidegate_operations::Deployment = deployment;
    let Some(delivery) = callbacks::retry(clients, &deployment.resources().await?, order, present).await? else {
        bail!(Hint::new(
            format!("there is no callback of order {}", order.as_str()),
            "it has none until it has ended, and none at all where it was placed without a callback_url",
        ));
    };
    context.output.line(format!("The callback of order {} goes to {} again.", order.as_str(), delivery.host()));
    context.output.document(&document(&delivery))
}

async fn received(context: &Context, deployment: &Deployment) -> Result<()> {
    let callbacks = standin_client::of(deployment)?.callbacks().await?;
    if callbacks.is_empty() {
        context.output.line("No callbacks yet.");
    } else {
        context.output.table(
            &["received", "receiver", "id", "answered", "type"],
            callbacks.iter().map(|callback| {
                let event =
                    callback.body["type"].as_str().unwrap_or(if callback.verified { "" } else { "not verified" });
                let again = if callback.repeated { " (again)" } else { "" };
                let id = callback.id.clone().unwrap_or_default();
                vec![
                    callback.received_at.clone(),
                    callback.name.clone(),
                    id,
                    callback.status.to_string(),
                    format!("{event}{again}"),
                ]
            }),
        );
    }
    context.output.document(&callbacks)
}

async fn rotate(context: &Context, deployment: &Deployment, customer: &str) -> Result<()> {
    let customer_id = customers::id_of(deployment, &deployment.resources().await?, customer).await?;
    let secrets = customer_secrets::rotate(&deployment.secrets, &deployment.callback_secret(&customer_id)).await?;
    customers::register_secrets(deployment, &customer_id, &secrets).await?;
    let output = context.output;
    output.line(format!(
        "Callbacks of {customer} are signed with this secret too, within minutes; it is not shown again:"
    ));
    let newest = secrets.first().map(String::as_str).unwrap_or_default();
    output.line(newest);
    output.line("");
    output.line(format!("When {customer} verifies with it: `tidegate callbacks secret retire {customer}`."));
    output.document(&json!({"customer": customer, "secret": newest}))
}

async fn retire(context: &Context, deployment: &Deployment, customer: &str) -> Result<()> {
    let customer_id = customers::id_of(deployment, &deployment.resources().await?, customer).await?;
    let retired = customer_secrets::retire(&deployment.secrets, &deployment.callback_secret(&customer_id)).await?;
    if retired.removed > 0 {
        customers::register_secrets(deployment, &customer_id, &[retired.newest]).await?;
    }
    context.output.line(match retired.removed {
        0 => format!("{customer} has one secret, which goes on signing."),
        _ => format!("Callbacks of {customer} are signed with the newest secret alone, within minutes."),
    });
    context.output.document(&json!({"customer": customer, "retired": retired.removed}))
}
