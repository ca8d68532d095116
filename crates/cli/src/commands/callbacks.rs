//! `tidegate callbacks`: those that went wrong, and the secrets that sign them.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Result, bail};
use deliver_callback::delivery::{Delivery, Status};
use deliver_callback::store::{DeliveryError, DeliveryStore, Present};
use serde_json::{Value, json};
use tidegate_events::OrderId;
use tidegate_operations::customers as operations_customers;
use tidegate_operations::tables::{self, IndexKey};
use tidegate_operations::{Hint, Queues as _, Tables as _};
use uuid::Uuid;

use crate::age::age;
use crate::args::{CallbackSecret, CallbackStatus, CallbacksCommand};
use crate::context::Context;
use crate::deployment::Deployment;
use crate::{clock, customers, standin_client, timeline};

/// More than a person reads; the oldest come first.
const MOST: usize = 200;

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
    let resources = deployment.resources().await?;
    let (client, table) = (&deployment.dynamodb, resources.output("CallbacksTableName")?);
    let statuses = match wanted {
        None => vec![Status::Pending, Status::Disabled, Status::Exhausted],
        Some(CallbackStatus::Pending) => vec![Status::Pending],
        Some(CallbackStatus::Disabled) => vec![Status::Disabled],
        Some(CallbackStatus::Exhausted) => vec![Status::Exhausted],
    };
    let mut deliveries: Vec<Delivery> = Vec::new();
    for status in statuses {
        let key = IndexKey { index: "by-status", attribute: "status", value: status.as_str(), sort: "since" };
        let keys = client.indexed(table, key, MOST).await?;
        let found: Vec<Option<Delivery>> =
            tables::states(client, table, keys.iter().map(|key| key.id.as_str())).await?;
        // The index may still have what was delivered a moment ago.
        deliveries.extend(found.into_iter().flatten().filter(|delivery| delivery.status == status));
    }
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

/// Writes first and sends then, as `store.rs` requires; interrupted in between, it has to be repeated.
async fn retry(context: &Context, deployment: &Deployment, order: &OrderId) -> Result<()> {
    let resources = deployment.resources().await?;
    let table = resources.output("CallbacksTableName")?;
    let queue = resources.output("DeliverCallbackQueueUrl")?;
    let deliveries = DeliveryStore(deployment.dynamodb.aggregates(table));
    let present = Present { now: clock::timestamp(), random: Uuid::new_v4().as_u128() };
    let (delivery, message) = match deliveries.retry(order, present).await {
        Ok(written) => written,
        Err(DeliveryError::Absent { .. }) => bail!(Hint::new(
            format!("there is no callback of order {}", order.as_str()),
            "it has none until it has ended, and none at all where it was placed without a callback_url",
        )),
        Err(error) => return Err(error.into()),
    };
    deployment.sqs.send(queue, &message, BTreeMap::new()).await?;
    context.output.line(format!("The callback of order {} goes to {} again.", order.as_str(), delivery.host()));
    context.output.document(&document(&delivery))
}

async fn received(context: &Context, deployment: &Deployment) -> Result<()> {
    let callbacks = standin_client::of(deployment)?.callbacks().await?;
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
    let customer_id = customers::id_of(deployment, &deployment.resources().await?, customer).await?;
    let secrets = operations_customers::rotate(&deployment.secrets, &deployment.callback_secret(&customer_id)).await?;
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
    let retired = operations_customers::retire(&deployment.secrets, &deployment.callback_secret(&customer_id)).await?;
    if retired.removed > 0 {
        customers::register_secrets(deployment, &customer_id, &[retired.newest]).await?;
    }
    context.output.line(match retired.removed {
        0 => format!("{customer} has one secret, which goes on signing."),
        _ => format!("Callbacks of {customer} are signed with the newest secret alone, within minutes."),
    });
    context.output.document(&json!({"customer": customer, "retired": retired.removed}))
}
