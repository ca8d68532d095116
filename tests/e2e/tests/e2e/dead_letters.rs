//! Messages that cannot be handled: set aside with a reason, looked at and brought back with the `tidegate` command.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_sns::types::MessageAttributeValue;
use serde_json::{Value, json};
use tidegate_standins::Fault;

use crate::command::tidegate;
use crate::sender::{deliver, delivery_id, push_to};
use crate::stack::Stack;
use crate::wait::{SOON, eventually};

pub(crate) async fn a_poison_message_is_set_aside_with_its_reason_and_redriven_after_mending(
    stack: Arc<Stack>,
) -> Result<()> {
    let _looking = stack.looking_at_dead_letters.lock().await;
    let sender = stack.github("poison").await?;
    let channel = stack.channel()?;
    let no_channel = Fault { error: Some("channel_not_found".to_owned()), ..Fault::default() };
    stack.slack_refuses(&channel, 2, no_channel);
    let delivery = sender.push(&delivery_id(), &push_to(&channel))?;
    assert_eq!(deliver(&stack, &delivery).await?.status, 202);

    let letter = dead_letter(&stack, "event_id", &delivery.id).await?;
    assert_eq!(
        (letter["reason"].as_str(), letter["event_type"].as_str()),
        (Some("permanent"), Some("com.github.push"))
    );
    let error = letter["error"].as_str().context("a dead letter without an error")?;
    ensure!(error.contains("channel_not_found") && error.contains(&channel.name), "{error}");
    assert_eq!(stack.slack_attempts(&channel).len(), 1, "it was tried again although Slack will never take it");

    // Too early: the channel is still not there.
    redrive(&stack, &letter).await?;
    let again = dead_letter(&stack, "event_id", &delivery.id).await?;
    assert_ne!(again["message"], letter["message"]);

    // Mended: the stand-in was told to refuse twice.
    redrive(&stack, &again).await?;
    assert_eq!(stack.settled_slack_messages(&channel).await?.len(), 1);
    let left = dead_letters(&stack).await?;
    ensure!(!left.iter().any(|letter| letter["event_id"] == json!(delivery.id)), "still there: {left:?}");
    Ok(())
}

pub(crate) async fn what_is_not_an_event_is_set_aside_as_undecodable(stack: Arc<Stack>) -> Result<()> {
    let _looking = stack.looking_at_dead_letters.lock().await;
    let ty = format!("com.github.x{}", uuid::Uuid::new_v4().simple());
    let attribute = |value: &str| MessageAttributeValue::builder().data_type("String").string_value(value).build();
    let publish = stack.sns.publish().topic_arn(stack.output("EventsTopicArn")?).message("not an event");
    let publish = publish.message_attributes("type", attribute(&ty)?);
    publish.message_attributes("source", attribute("/webhooks/undecodable")?).send().await?;

    let letter = dead_letter(&stack, "event_type", &ty).await?;
    assert_eq!(letter["reason"], "undecodable", "{letter}");
    let id = letter["message"].as_str().context("a dead letter without an id")?;
    let shown = tidegate(&stack, &["dlq", "show", id, "--json"]).await?.success()?.json()?;
    assert_eq!(shown["body"], "not an event", "{shown}");
    Ok(())
}

pub(crate) async fn redriving_a_message_that_is_not_there_is_a_clear_error(stack: Arc<Stack>) -> Result<()> {
    let _looking = stack.looking_at_dead_letters.lock().await;
    let run = tidegate(&stack, &["dlq", "redrive", "nope"]).await?;
    assert_eq!(run.code, Some(1), "{run:?}");
    ensure!(run.stderr.contains("there is no dead letter nope") && run.stderr.contains("dlq list"), "{run:?}");
    Ok(())
}

pub(crate) async fn redrive(stack: &Stack, letter: &Value) -> Result<()> {
    let id = letter["message"].as_str().context("a dead letter without an id")?;
    tidegate(stack, &["dlq", "redrive", id]).await?.success().map(drop)
}

/// Waits for the dead letter that has this value.
pub(crate) async fn dead_letter(stack: &Stack, member: &str, value: &str) -> Result<Value> {
    eventually(&format!("a dead letter whose {member} is {value}"), SOON, async || {
        let letters = dead_letters(stack).await?;
        Ok(letters.into_iter().find(|letter| letter[member] == json!(value)))
    })
    .await
}

/// All that there are.
pub(crate) async fn dead_letters(stack: &Stack) -> Result<Vec<Value>> {
    let listed = tidegate(stack, &["dlq", "list", "--json"]).await?.success()?.json()?;
    listed.as_array().cloned().context("the list of dead letters is not a list")
}
