//! `notify-slack` killed before and after each of its calls. The message, which nobody acknowledged, comes again.
//!
//! Slack has no idempotency key, so one window stays open: a process that dies after Slack took the message and before the
//! claim is completed posts twice. Everywhere else it is exactly one message.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tidegate_operations::{Queues as _, SecretStore as _};
use tidegate_testkit::lambda_api::{Action, Fault, FaultProxy, Function, LambdaApi, Outcome, When};

use crate::gateway;
use crate::sender::{delivery_id, push_to};
use crate::stack::{Channel, DEPLOYMENT, Stack};
use crate::wait::{SOON, eventually};

/// The function keeps 15 s for a post and does not begin one with less, so a killed claim is free again after this time.
const KILLED_TIMEOUT: Duration = Duration::from_secs(18);
/// What the stand-in is to the proxy in front of it.
const POST: &str = "POST /api/chat.postMessage";

/// Where the process dies, and how many messages there are in the end.
#[derive(Clone, Copy, Debug)]
struct Case {
    operation: &'static str,
    when: When,
    messages: usize,
}

pub(crate) async fn a_crash_of_notify_slack_at_any_call_loses_nothing(stack: Arc<Stack>) -> Result<()> {
    let clean = calls_of_a_clean_run(&stack).await?;
    let mut usual = ["HEAD /", "HEAD /", "GetSecretValue", "PutItem", POST, "UpdateItem"].map(str::to_owned);
    usual.sort_unstable();
    assert_eq!(clean, usual, "the function calls out otherwise than this test was written for");

    let cases = [
        ("HEAD /", When::BeforeForward, 1),
        ("HEAD /", When::AfterForward, 1),
        ("GetSecretValue", When::BeforeForward, 1),
        ("GetSecretValue", When::AfterForward, 1),
        ("PutItem", When::BeforeForward, 1),
        ("PutItem", When::AfterForward, 1),
        (POST, When::BeforeForward, 1),
        (POST, When::AfterForward, 2),
        ("UpdateItem", When::BeforeForward, 2),
        ("UpdateItem", When::AfterForward, 1),
    ]
    .map(|(operation, when, messages)| Case { operation, when, messages });
    let run = cases.iter().map(async |case| survive(&stack, case).await.with_context(|| format!("{case:?}")));
    let outcomes = futures::future::join_all(run.collect::<Vec<_>>()).await;
    let failed: Vec<String> =
        outcomes.into_iter().filter_map(|outcome| Some(format!("{:#}", outcome.err()?))).collect();
    ensure!(failed.is_empty(), "{} of {} cases: {failed:#?}", failed.len(), cases.len());
    Ok(())
}

async fn calls_of_a_clean_run(stack: &Stack) -> Result<Vec<String>> {
    let killable = Killable::start(stack, None).await?;
    let message = message(&stack.channel()?);
    let answer = killable.function.invoke(batch_of(&message), KILLED_TIMEOUT).await.json()?;
    assert_eq!(answer["batchItemFailures"], json!([]), "{}", killable.function.logs());
    let calls = killable.aws.calls().into_iter().chain(killable.slack.calls());
    let mut calls: Vec<_> = calls.map(|call| call.operation).collect();
    calls.sort_unstable();
    Ok(calls)
}

async fn survive(stack: &Stack, case: &Case) -> Result<()> {
    let channel = stack.channel()?;
    let message = message(&channel);
    let killable = Killable::start(stack, Some(case)).await?;
    let outcome = killable.function.invoke(batch_of(&message), KILLED_TIMEOUT).await;
    ensure!(matches!(outcome, Outcome::Crashed(_)), "the process was not killed: {outcome:?}");
    let before = stack.slack_messages(&channel).len();

    stack.deployment.sqs.send(stack.output("NotifySlackQueueUrl")?, &message.to_string(), Default::default()).await?;
    stack.notify_slack_is_done_with(&channel.repository).await?;
    let posted = async || Ok(Some(stack.slack_messages(&channel).len()).filter(|count| *count >= case.messages));
    let messages = eventually(&format!("{} messages, {before} before", case.messages), SOON, posted).await?;
    ensure!(messages == case.messages, "{messages} messages");
    Ok(())
}

/// A message of the queue, as the topic delivers it.
fn message(channel: &Channel) -> Value {
    json!({
        "specversion": "1.0",
        "id": delivery_id(),
        "source": "/webhooks/crash-notify",
        "type": "com.github.push",
        "subject": channel.repository,
        "datacontenttype": "application/json",
        "data": push_to(channel),
    })
}

fn batch_of(message: &Value) -> Value {
    json!({"Records": [{
        "messageId": delivery_id(),
        "receiptHandle": "made-up",
        "body": message.to_string(),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{DEPLOYMENT}-notify-slack"),
        "awsRegion": "us-east-1",
    }]})
}

/// The real binary on a Runtime API of its own, between proxies in front of AWS and Slack that may kill it.
struct Killable {
    function: Function,
    aws: FaultProxy,
    slack: FaultProxy,
    _api: LambdaApi,
}

impl Killable {
    async fn start(stack: &Stack, case: Option<&Case>) -> Result<Self> {
        let api = LambdaApi::start().await?;
        let aws = FaultProxy::start(&stack.state.endpoint).await?;
        let slack = FaultProxy::start(&stack.slack_url).await?;
        // A Slack document of its own, in which Slack is the proxy.
        let name = format!("{DEPLOYMENT}-{}", uuid::Uuid::new_v4().simple());
        let document = stack.slack_document(&slack.endpoint()).to_string();
        stack.deployment.secrets.write(&format!("{name}/notify-slack"), &document, "Crash test").await?;
        let mut environment = gateway::environment(stack, "notify-slack", &aws.endpoint()).await?;
        environment.push(("TIDEGATE_DEPLOYMENT".to_owned(), name));

        // The first calls come while the process starts, before there is a handle to kill it by.
        let (due, mut is_due) = tokio::sync::mpsc::unbounded_channel();
        if let Some(case) = case {
            let kill = Action::kill(move || {
                let _ = due.send(());
            });
            let proxy = if case.operation == POST { &slack } else { &aws };
            proxy.inject(Fault::new(case.operation, case.when, kill));
        }
        let function = Function::spawn(&api, stack.bootstrap("notify-slack"), &environment)?;
        let killer = function.killer();
        tokio::spawn(async move {
            if is_due.recv().await.is_some() {
                killer.kill();
            }
        });
        Ok(Self { function, aws, slack, _api: api })
    }
}
