//! One delivery on its whole way.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use http::HeaderValue;
use serde_json::json;
use tidegate_cli::clock;
use tidegate_operations::logs::{self, Line, Query};

use crate::gateway;
use crate::sender::{Sender, deliver, delivery_id, push_to, secret};
use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::{SOON, eventually};
use crate::watch::Watch;

pub(crate) async fn a_github_push_becomes_one_slack_message_within_one_trace(stack: Arc<Stack>) -> Result<()> {
    let since_millis = clock::epoch_millis() - 1_000;
    let sender = stack.github("push").await?;
    let watch = Watch::start(&stack, "push", &sender.event_source()).await?;
    let channel = stack.channel()?;
    let marker = format!("marker-{}", delivery_id());
    let mut payload = push_to(&channel);
    payload["head_commit"]["message"] = json!(marker);
    payload["commits"][0]["message"] = json!(marker);

    let trace_id = uuid::Uuid::new_v4().simple().to_string();
    let mut delivery = sender.push(&delivery_id(), &payload)?;
    let traceparent = format!("00-{trace_id}-00f067aa0ba902b7-01");
    delivery.headers.insert("traceparent", HeaderValue::from_str(&traceparent)?);
    let answer = deliver(&stack, &delivery).await?;
    assert_eq!((answer.status, &answer.json()["id"]), (202, &json!(delivery.id)));

    let messages = stack.settled_slack_messages(&channel).await?;
    let [message] = messages.as_slice() else { anyhow::bail!("{} messages", messages.len()) };
    ensure!(message.request.to_string().contains(&marker), "the commit is not in the message: {}", message.request);

    let events = watch.events(&stack).await?;
    let [event] = events.as_slice() else { anyhow::bail!("published {} times", events.len()) };
    assert_eq!(event["id"], json!(delivery.id));
    assert_eq!(event["type"], "com.github.push");
    assert_eq!(event["subject"], json!(channel.repository));
    assert_eq!(event["data"], payload);
    let carried = event["traceparent"].as_str().unwrap_or_default();
    ensure!(
        carried.contains(&trace_id) && carried != traceparent,
        "a span of its own in the sender's trace: {carried}"
    );
    let posted = stack.slack_attempts(&channel).remove(0).traceparent.context("posted without a trace")?;
    ensure!(posted.contains(&trace_id) && posted != carried, "a span of its own in the sender's trace: {posted}");

    let functions = ["receive-webhook", "notify-slack"].map(|name| format!("{DEPLOYMENT}-{name}"));
    let lines = traced_lines(&stack, &functions, since_millis, &trace_id).await?;
    let told =
        |text: &str| lines.iter().filter(|line| line.text.contains(text)).map(|line| &*line.text).collect::<Vec<_>>();
    let secret = sender.document["secrets"][0].as_str().context("no secret")?;
    assert_eq!(told(secret), Vec::<&str>::new(), "a secret in the logs");
    assert_eq!(told(&marker), Vec::<&str>::new(), "a payload in the logs");
    assert_eq!(told("xoxb-"), Vec::<&str>::new(), "a token in the logs");
    Ok(())
}

/// All lines of the functions, once each has told of the trace. An invocation's lines appear together, when it has ended.
async fn traced_lines(stack: &Stack, functions: &[String], since_millis: i64, trace_id: &str) -> Result<Vec<Line>> {
    let query = Query { functions: functions.to_vec(), since_millis, pattern: None, text: None };
    eventually("both functions have logged the trace", SOON, async || {
        let lines = logs::read(&stack.deployment.logs, &query).await?;
        let told = |name: &String| lines.iter().any(|line| line.function == *name && line.text.contains(trace_id));
        Ok(functions.iter().all(told).then_some(lines))
    })
    .await
}

pub(crate) async fn a_payload_too_large_for_a_message_reaches_slack_through_the_claim_check(
    stack: Arc<Stack>,
) -> Result<()> {
    let sender = stack.github("claim-check").await?;
    let watch = Watch::start(&stack, "claim-check", &sender.event_source()).await?;
    let channel = stack.channel()?;
    let mut payload = push_to(&channel);
    payload["filler"] = json!("tide ".repeat(100_000));
    let delivery = sender.push(&delivery_id(), &payload)?;
    assert_eq!(deliver(&stack, &delivery).await?.status, 202);

    assert_eq!(stack.settled_slack_messages(&channel).await?.len(), 1);
    let events = watch.events(&stack).await?;
    let [event] = events.as_slice() else { anyhow::bail!("published {} times", events.len()) };
    assert_eq!(event.get("data"), None);
    let bucket = stack.output("PayloadBucketName")?;
    let prefix = format!("s3://{bucket}/");
    let key = event["dataref"].as_str().and_then(|dataref| dataref.strip_prefix(&prefix)).context("no dataref")?;
    let kept = stack.s3.get_object().bucket(bucket).key(key).send().await?.body.collect().await?.into_bytes();
    ensure!(kept == delivery.body, "the bucket holds other bytes than were sent");
    Ok(())
}

pub(crate) async fn an_unknown_source_is_told_so_and_works_soon_after_it_was_added(stack: Arc<Stack>) -> Result<()> {
    let sender = Sender::github("latecomer", &[&secret()])?;
    let channel = stack.channel()?;
    let delivery = sender.push(&delivery_id(), &push_to(&channel))?;
    let answer = deliver(&stack, &delivery).await?;
    assert_eq!((answer.status, &*answer.content_type), (404, "application/problem+json"));

    stack.put_source(&sender).await?;
    let accepted = async || Ok((deliver(&stack, &delivery).await?.status == 202).then_some(()));
    eventually("the source that was added is accepted", SOON, accepted).await?;
    assert_eq!(stack.settled_slack_messages(&channel).await?.len(), 1);
    Ok(())
}

/// Invoked directly: the emulator answers OPTIONS itself, where AWS passes it on to the route.
pub(crate) async fn the_cloudevents_handshake_is_answered(stack: Arc<Stack>) -> Result<()> {
    let origin = "harbour.example";
    let options = json!({"allowed_origins": [origin], "rate_per_minute": 120});
    let sender = Sender::new("handshake", json!({"scheme": "cloudevents", "secrets": [secret()], "options": options}))?;
    stack.put_source(&sender).await?;
    let headers = [("webhook-request-origin", origin), ("webhook-request-rate", "120")];
    let event = gateway::event("OPTIONS", &sender.name, &headers, None);
    let answer = gateway::invoke(&stack, "receive-webhook", &event).await?;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(answer["headers"]["webhook-allowed-origin"], json!(origin), "{answer}");
    assert_eq!(answer["headers"]["webhook-allowed-rate"], json!("120"), "{answer}");
    Ok(())
}
