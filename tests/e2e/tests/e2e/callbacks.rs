//! Callbacks to endpoints that are down, that want none, and that change their secret.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use tidegate_events::OrderId;
use tidegate_operations::SecretStore as _;
use tidegate_operations::orders_client::Draft;
use tidegate_standins::CallbackFault;

use crate::command::tidegate;
use crate::shop::{Customer, Customers, OTHER, callbacks, called_back, draft, key, outside};
use crate::stack::Stack;
use crate::wait::{SOON, eventually};

/// What nobody has, so that an order of it ends at once.
const MISSING: &str = "e2e-missing";
/// The first wait of the schedule is 5 s, less a fifth.
const FIRST_WAIT_MILLIS: i64 = 4_000;

pub(crate) async fn an_endpoint_that_is_down_is_asked_again(stack: Arc<Stack>) -> Result<()> {
    let customer = &Customers::of(&stack).await?.console;
    let endpoint = Endpoint::listening(&stack, &secrets_of(&stack, customer).await?).await?;
    endpoint.answers(&stack, 500, Some(1)).await?;
    let id = endpoint.order(&stack, customer).await?;
    called_back(&stack, &id, 1).await?;
    eventually("it is listed", SOON, async || Ok(listed(&stack, "pending", &id).await?)).await?;

    let sent = called_back(&stack, &id, 2).await?;
    assert_eq!(sent.iter().map(|it| it.status).collect::<Vec<_>>(), [500, 204]);
    ensure!(sent[0].id.is_some() && sent[0].id == sent[1].id && sent[0].body == sent[1].body, "{sent:?}");
    let times = sent.iter().map(|it| Ok(it.received_at.parse::<Timestamp>()?.as_millisecond()));
    let times = times.collect::<Result<Vec<_>>>()?;
    ensure!(times[1] - times[0] >= FIRST_WAIT_MILLIS, "{sent:?}");
    eventually("it is listed no more", SOON, async || Ok(listed(&stack, "pending", &id).await?.is_none().then_some(())))
        .await
}

pub(crate) async fn an_endpoint_that_is_gone_is_left_alone_until_somebody_retries(stack: Arc<Stack>) -> Result<()> {
    let customer = &Customers::of(&stack).await?.console;
    let endpoint = Endpoint::listening(&stack, &secrets_of(&stack, customer).await?).await?;
    endpoint.answers(&stack, 410, Some(1)).await?;
    let first = endpoint.order(&stack, customer).await?;
    let disabled = eventually("it is disabled", SOON, async || listed(&stack, "disabled", &first).await).await?;
    assert_eq!(disabled["attempts"].as_array().map(Vec::len), Some(1), "{disabled}");
    ensure!(!disabled.to_string().contains(&endpoint.name), "the path is told: {disabled}");

    let second = endpoint.order(&stack, customer).await?;
    let spared = eventually("the next one is too", SOON, async || listed(&stack, "disabled", &second).await).await?;
    assert_eq!(
        (spared["attempts"].as_array().map(Vec::len), callbacks(&stack, &second).len()),
        (Some(0), 0),
        "{spared}"
    );

    for id in [&second, &first] {
        tidegate(&stack, &["callbacks", "retry", id.as_str()]).await?.success()?;
        let gone = async || Ok(listed(&stack, "disabled", id).await?.is_none().then_some(()));
        eventually("it is listed no more", SOON, gone).await?;
    }
    let sent = called_back(&stack, &second, 1).await?;
    assert_eq!(sent.iter().map(|it| it.status).collect::<Vec<_>>(), [204]);
    let sent = called_back(&stack, &first, 2).await?;
    assert_eq!(sent.iter().map(|it| it.status).collect::<Vec<_>>(), [410, 204]);
    Ok(())
}

pub(crate) async fn during_a_rotation_callbacks_are_signed_with_both_secrets(stack: Arc<Stack>) -> Result<()> {
    // Nobody else has callbacks of this customer sent, so no worker has a copy of its secrets yet.
    let customer = &Customers::of(&stack).await?.other;
    let old = secrets_of(&stack, customer).await?;
    let rotated = tidegate(&stack, &["callbacks", "secret", "rotate", OTHER, "--json"]).await?.success()?.json()?;
    let new = json!([rotated["secret"]]);
    assert_ne!(old, new);
    for secrets in [old, new] {
        let endpoint = Endpoint::listening(&stack, &secrets).await?;
        let id = endpoint.order(&stack, customer).await?;
        let sent = called_back(&stack, &id, 1).await?;
        ensure!(sent.iter().all(|it| it.verified && it.is_accepted()), "{sent:?}");
    }
    let retired = tidegate(&stack, &["callbacks", "secret", "retire", OTHER, "--json"]).await?.success()?.json()?;
    assert_eq!(retired["retired"], 1);
    assert_eq!(secrets_of(&stack, customer).await?.as_array().map(Vec::len), Some(1));
    Ok(())
}

/// Where callbacks of one test are received.
struct Endpoint {
    name: String,
}

impl Endpoint {
    async fn listening(stack: &Stack, secrets: &Value) -> Result<Self> {
        let name = key();
        outside(stack)?.receive_callbacks(&name, secrets).await?;
        Ok(Self { name })
    }

    async fn answers(&self, stack: &Stack, status: u16, times: Option<u32>) -> Result<()> {
        let name = Some(self.name.clone());
        outside(stack)?.fail_callbacks(&CallbackFault { name, times, status: Some(status), retry_after: None }).await
    }

    /// An order that ends at once and is told here.
    async fn order(&self, stack: &Stack, customer: &Customer) -> Result<OrderId> {
        let callback_url = Some(outside(stack)?.callback_url(&self.name));
        customer.place(stack, &Draft { callback_url, ..draft(MISSING) }).await
    }
}

async fn secrets_of(stack: &Stack, customer: &Customer) -> Result<Value> {
    let id = stack.deployment.callback_secret(&customer.id);
    let document = stack.deployment.secrets.read(&id).await?.context("no secret")?;
    Ok(serde_json::from_str::<Value>(&document)?["secrets"].take())
}

/// What `tidegate callbacks list` says of an order's callback.
async fn listed(stack: &Stack, status: &str, id: &OrderId) -> Result<Option<Value>> {
    let run = tidegate(stack, &["callbacks", "list", "--status", status, "--json"]).await?.success()?.json()?;
    Ok(run.as_array().into_iter().flatten().find(|it| it["order_id"] == id.as_str()).cloned())
}
