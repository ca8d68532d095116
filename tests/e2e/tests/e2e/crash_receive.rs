//! `receive-webhook` killed before and after each of its AWS calls. The sender, which got no answer, sends again.
//!
//! ```text
//! killed:   connect . read source . claim . claim . put payload . publish . complete . complete      (before or after each)
//! retry:    waits for the lease to end, takes over, publishes under the first one's id -> 202
//! Slack:    one message, however often the event was published
//! ```

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tidegate_operations::send::Delivery;
use tidegate_testkit::lambda_api::Outcome;

use crate::gateway;
use crate::killable::{Kill, Killable, at_each, survive_all};
use crate::sender::{Sender, deliver, delivery_id, push_to, under_another_id};
use crate::stack::{Channel, Stack};
use crate::wait::{SOON, eventually};
use crate::watch::Watch;

/// What the killed invocation is given, as by the template: its claims are free again when this is over.
const KILLED_TIMEOUT: Duration = Duration::from_secs(6);
pub(crate) async fn a_crash_of_receive_webhook_at_any_call_loses_nothing_and_slack_gets_one_message(
    stack: Arc<Stack>,
) -> Result<()> {
    let sender = stack.github("crash-receive").await?;
    let watch = Watch::start(&stack, "crash-receive", &sender.event_source()).await?;
    let mut calls = calls_of_a_clean_run(&stack, &sender).await?;
    let (connecting, working) = calls.split_at_mut(2);
    connecting.sort();
    let usual = ["GetSecretValue", "PutItem", "PutItem", "PutObject", "Publish", "UpdateItem", "UpdateItem"];
    assert_eq!(connecting, ["GetSecretValue", "HEAD /"], "while it initialises, in any order");
    assert_eq!(working, usual, "the function calls AWS otherwise than this test was written for");

    let cases = at_each(&calls).into_iter().flat_map(|kill| [(kill.clone(), true), (kill, false)]);
    survive_all(cases.map(async |(kill, same_id)| {
        let outcome = survive(&stack, &sender, &watch, &kill, same_id).await;
        outcome.with_context(|| format!("{kill:?}, same id: {same_id}"))
    }))
    .await
}

async fn calls_of_a_clean_run(stack: &Stack, sender: &Sender) -> Result<Vec<String>> {
    let delivery = large_push(sender, &stack.channel()?)?;
    let killable = receiver(stack, None).await?;
    let outcome = killable.function.invoke(gateway::event_of(&delivery)?, KILLED_TIMEOUT).await;
    assert_eq!(outcome.json()?["statusCode"], 202);
    Ok(killable.calls())
}

async fn receiver(stack: &Stack, kill: Option<&Kill>) -> Result<Killable> {
    let environment = gateway::environment(stack, "receive-webhook", &stack.state.endpoint).await?;
    Killable::start(stack, &stack.bootstrap("receive-webhook"), &environment, kill).await
}

/// `same_id`: how the sender comes back.
async fn survive(stack: &Stack, sender: &Sender, watch: &Watch, kill: &Kill, same_id: bool) -> Result<()> {
    let channel = stack.channel()?;
    let delivery = large_push(sender, &channel)?;
    let killable = receiver(stack, Some(kill)).await?;
    let outcome = killable.function.invoke(gateway::event_of(&delivery)?, KILLED_TIMEOUT).await;
    ensure!(matches!(outcome, Outcome::Crashed(_)), "the process was not killed: {outcome:?}");

    let retry = if same_id { delivery.clone() } else { under_another_id(&delivery)? };
    let taken = async || Ok(Some(deliver(stack, &retry).await?.status).filter(|status| (200..300).contains(status)));
    eventually("the sender's retry is taken", SOON, taken).await?;

    let events = watch.events(stack).await?;
    let copies: Vec<_> = events.iter().filter(|event| event["subject"] == json!(channel.repository)).collect();
    ensure!(!copies.is_empty(), "the delivery was acknowledged and never published");
    ensure!(copies.iter().all(|copy| copy["id"] == copies[0]["id"]), "published under several ids: {copies:?}");
    let messages = stack.settled_slack_messages(&channel).await?.len();
    ensure!(messages == 1, "{messages} messages for {} publications", copies.len());
    Ok(())
}

/// Large enough to need the claim check, so that S3 is among the calls.
fn large_push(sender: &Sender, channel: &Channel) -> Result<Delivery> {
    let mut payload = push_to(channel);
    payload["filler"] = json!("tide ".repeat(60_000));
    sender.push(&delivery_id(), &payload)
}
