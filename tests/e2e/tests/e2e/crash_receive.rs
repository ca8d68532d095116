//! `receive-webhook` killed before and after each of its AWS calls. The sender, which got no answer, sends again.
//!
//! ```text
//! killed:   claim . claim . put payload . publish . complete . complete      (before or after each)
//! retry:    waits for the lease to end, takes over, publishes under the first one's id -> 202
//! Slack:    one message, however often the event was published
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use serde_json::json;
use tidegate_cli::send::Delivery;
use tidegate_testkit::lambda_api::{Action, Call, Fault, FaultProxy, Function, LambdaApi, Outcome, When};

use crate::gateway;
use crate::sender::{Sender, deliver, delivery_id, push_to, under_another_id};
use crate::stack::{Channel, Stack};
use crate::wait::{SOON, eventually};
use crate::watch::Watch;

/// What the killed invocation is given, as by the template: its claims are free again when this is over.
const KILLED_TIMEOUT: Duration = Duration::from_secs(6);
/// How many cases run at once. They mostly wait for leases to end.
const CONCURRENCY: usize = 12;

/// Where the process dies, and how the sender comes back.
#[derive(Clone, Debug)]
struct Case {
    operation: String,
    nth: usize,
    when: When,
    same_id: bool,
}

pub(crate) async fn a_crash_of_receive_webhook_at_any_call_loses_nothing_and_slack_gets_one_message(
    stack: Arc<Stack>,
) -> Result<()> {
    let sender = stack.github("crash-receive").await?;
    let watch = Watch::start(&stack, "crash-receive", &sender.event_source()).await?;
    let calls = calls_of_a_clean_run(&stack, &sender).await?;
    let usual = ["GetItem", "GetSecretValue", "PutItem", "PutItem", "PutObject", "Publish", "UpdateItem", "UpdateItem"];
    assert_eq!(calls, usual, "the function calls AWS otherwise than this test was written for");

    let cases = cases(&calls);
    let run = cases.iter().map(async |case| {
        let outcome = survive(&stack, &sender, &watch, case).await;
        outcome.with_context(|| format!("{case:?}"))
    });
    let outcomes: Vec<Result<()>> =
        futures::stream::iter(run.collect::<Vec<_>>()).buffer_unordered(CONCURRENCY).collect().await;
    let failed: Vec<String> =
        outcomes.into_iter().filter_map(|outcome| Some(format!("{:#}", outcome.err()?))).collect();
    ensure!(failed.is_empty(), "{} of {} cases: {failed:#?}", failed.len(), cases.len());
    Ok(())
}

fn cases(calls: &[String]) -> Vec<Case> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut cases = Vec::new();
    for operation in calls {
        let nth = seen.entry(operation).or_default();
        *nth += 1;
        for when in [When::BeforeForward, When::AfterForward] {
            for same_id in [true, false] {
                cases.push(Case { operation: operation.clone(), nth: *nth, when, same_id });
            }
        }
    }
    cases
}

async fn calls_of_a_clean_run(stack: &Stack, sender: &Sender) -> Result<Vec<String>> {
    let delivery = large_push(sender, &stack.channel()?)?;
    let killable = Killable::start(stack, None).await?;
    let outcome = killable.function.invoke(gateway::event_of(&delivery)?, KILLED_TIMEOUT).await;
    assert_eq!(outcome.json()?["statusCode"], 202);
    Ok(killable.proxy.calls().into_iter().map(|Call { operation, .. }| operation).collect())
}

async fn survive(stack: &Stack, sender: &Sender, watch: &Watch, case: &Case) -> Result<()> {
    let channel = stack.channel()?;
    let delivery = large_push(sender, &channel)?;
    let killable = Killable::start(stack, Some(case)).await?;
    let outcome = killable.function.invoke(gateway::event_of(&delivery)?, KILLED_TIMEOUT).await;
    ensure!(matches!(outcome, Outcome::Crashed(_)), "the process was not killed: {outcome:?}");

    let retry = if case.same_id { delivery.clone() } else { under_another_id(&delivery)? };
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

/// The real binary on a Runtime API of its own, behind a proxy that may kill it.
struct Killable {
    function: Function,
    proxy: FaultProxy,
    _api: LambdaApi,
}

impl Killable {
    async fn start(stack: &Stack, case: Option<&Case>) -> Result<Self> {
        let api = LambdaApi::start().await?;
        let proxy = FaultProxy::start(&stack.state.endpoint).await?;
        let environment = gateway::environment(stack, "receive-webhook", &proxy.endpoint()).await?;
        // The first calls come while the process starts, before there is a handle to kill it by.
        let (due, mut is_due) = tokio::sync::mpsc::unbounded_channel();
        if let Some(case) = case {
            let kill = Action::kill(move || {
                let _ = due.send(());
            });
            proxy.inject(Fault::new(&case.operation, case.when, kill).nth(case.nth));
        }
        let function = Function::spawn(&api, stack.bootstrap("receive-webhook"), &environment)?;
        let killer = function.killer();
        tokio::spawn(async move {
            if is_due.recv().await.is_some() {
                killer.kill();
            }
        });
        Ok(Self { function, proxy, _api: api })
    }
}
