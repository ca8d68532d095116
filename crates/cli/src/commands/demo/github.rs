//! One GitHub push from signature to Slack.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use http::HeaderValue;
use serde_json::{Value, json};
use tidegate_operations::http_client::{Answer, HttpClient};
use tidegate_operations::send::{self, Delivery, Draft};
use tidegate_operations::{Hint, Queues as _};
use tokio::time::Instant;

use super::super::send::meaning;
use crate::clock;
use crate::context::Context;
use crate::local::Up;
use crate::render;
use crate::standin_client::{self, StandinClient};

/// From the answer to the sender to the message in Slack. It takes a second; a machine under load gets more.
const SLACK_DEADLINE: Duration = Duration::from_secs(30);
/// How long a second message would get to appear after the duplicate was answered and the queue is empty.
const QUIET: Duration = Duration::from_secs(2);

pub(super) async fn play(context: &Context, up: &Up) -> Result<Value> {
    let output = context.output;
    let deployment = &up.deployment;
    let resources = deployment.resources().await?;
    let api = deployment.api(&resources)?;
    let source = send::source(deployment, "github").await?;
    let client = HttpClient::new();
    let slack = standin_client::of(deployment)?;
    let before = slack.messages().await?.len();

    output.line("\n1. GitHub delivers a push, signed over its raw bytes");
    let draft = Draft { source: "github".to_owned(), event: "push".to_owned(), id: None, body: None };
    let delivery = Delivery::sign(&draft, &source, clock::unix_time())?;
    let began = Instant::now();
    let accepted = delivery.send(&client, &api).await?;
    output.line(format!("   POST {}  ({} bytes)", api.webhook_url("github"), delivery.body.len()));
    expect(output, &accepted, 202)?;
    output.line(format!("   event id {}", delivery.id));

    output.line("\n2. API Gateway -> receive-webhook -> SNS -> SQS -> notify-slack -> Slack");
    let messages = slack.wait_for_messages(before + 1, SLACK_DEADLINE).await?;
    let Some(message) = messages.get(before) else {
        bail!(Hint::new(
            format!("Slack got no message within {} s", SLACK_DEADLINE.as_secs()),
            "see `tidegate logs` and `tidegate dlq list` (with --keep the stack stays up)",
        ));
    };
    output.line(format!("   Slack got it {} ms after GitHub sent it:\n", began.elapsed().as_millis()));
    render::message(message).lines().for_each(|line| output.line(format!("   | {line}")));

    output.line("\n3. GitHub delivers the same push again");
    let again = Delivery::sign(&Draft { id: Some(delivery.id.clone()), ..draft.clone() }, &source, clock::unix_time())?;
    let duplicate = again.send(&client, &api).await?;
    expect(output, &duplicate, 200)?;

    output.line("\n4. A push comes with a wrong signature");
    let mut forged = Delivery::sign(&draft, &source, clock::unix_time())?;
    let wrong = format!("sha256={}", "0".repeat(64));
    forged.headers.insert("x-hub-signature-256", HeaderValue::from_str(&wrong)?);
    let refused = forged.send(&client, &api).await?;
    expect(output, &refused, 401)?;

    let after = settled(deployment, &resources, &slack, before).await?;
    ensure!(after == 1, "Slack has {after} messages of one push, the repeat or the forgery included");
    output.line("\nSlack still has one message.");
    Ok(json!({
        "event_id": delivery.id,
        "accepted": {"status": accepted.status.as_u16(), "ms": millis(&accepted)},
        "duplicate": {"status": duplicate.status.as_u16(), "ms": millis(&duplicate)},
        "refused": {"status": refused.status.as_u16(), "ms": millis(&refused), "problem": refused.json()},
        "slack": message,
    }))
}

fn expect(output: crate::output::Output, answer: &Answer, status: u16) -> Result<()> {
    output.line(format!("   {} {} in {} ms", answer.status.as_u16(), meaning(answer), millis(answer)));
    if answer.status.as_u16() != status {
        bail!(Hint::new(
            format!("expected {status}, got {}: {}", answer.status, answer.text()),
            "see `tidegate logs receive-webhook` (with --keep the stack stays up)",
        ));
    }
    Ok(())
}

fn millis(answer: &Answer) -> u64 {
    u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX)
}

/// Waits until every queue has been empty for a while, and gives the number of messages since `before`.
///
/// That something does not happen can only be seen over time: when nothing is queued any more, nothing more will come.
async fn settled(
    deployment: &crate::deployment::Deployment,
    resources: &tidegate_operations::Resources,
    slack: &StandinClient,
    before: usize,
) -> Result<usize> {
    let deadline = Instant::now() + SLACK_DEADLINE;
    let mut empty_since = None;
    while empty_since.is_none_or(|since: Instant| since.elapsed() < QUIET) {
        if Instant::now() >= deadline {
            bail!(Hint::new("the queues do not become empty", "see `tidegate status` and `tidegate logs`"));
        }
        let mut waiting = 0;
        for queue in &resources.queues {
            let depth = deployment.sqs.depth(&queue.url).await?;
            waiting += depth.waiting + depth.in_flight + depth.delayed;
        }
        empty_since = if waiting == 0 { empty_since.or_else(|| Some(Instant::now())) } else { None };
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    Ok(slack.messages().await?.len().saturating_sub(before))
}
