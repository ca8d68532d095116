//! What Slack answers, and what that does to the message.

use std::sync::Arc;

use anyhow::{Result, ensure};
use tidegate_standins::Fault;

use crate::sender::{deliver, delivery_id, push_to};
use crate::stack::Stack;

pub(crate) async fn retry_after_is_honoured_and_the_message_is_posted_once(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("too-many").await?;
    let channel = stack.channel()?;
    stack.slack_refuses(&channel, 2, Fault { status: Some(429), retry_after: Some(2), ..Fault::default() });
    let delivery = sender.push(&delivery_id(), &push_to(&channel))?;
    assert_eq!(deliver(&stack, &delivery).await?.status, 202);

    assert_eq!(stack.settled_slack_messages(&channel).await?.len(), 1);
    let attempts = stack.slack_attempts(&channel);
    assert_eq!(attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [429, 429, 200]);
    for pair in attempts.windows(2) {
        let waited = pair[1].at_millis - pair[0].at_millis;
        ensure!(waited >= 2_000, "Slack asked for 2 s and was left alone for {waited} ms");
    }
    Ok(())
}

pub(crate) async fn server_errors_back_off_and_the_message_is_posted_once(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("failing").await?;
    let channel = stack.channel()?;
    stack.slack_refuses(&channel, 3, Fault { status: Some(500), ..Fault::default() });
    let delivery = sender.push(&delivery_id(), &push_to(&channel))?;
    assert_eq!(deliver(&stack, &delivery).await?.status, 202);

    assert_eq!(stack.settled_slack_messages(&channel).await?.len(), 1);
    let attempts = stack.slack_attempts(&channel);
    assert_eq!(attempts.iter().map(|attempt| attempt.status).collect::<Vec<_>>(), [500, 500, 500, 200]);
    Ok(())
}
