//! What was published: a queue of a test's own behind the events topic.

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::stack::{DEPLOYMENT, Stack};

/// Holds every event of one source from its creation on. Nobody takes messages out, so a repeated publication shows for good:
/// the topic delivers before it answers the publisher, which answers its sender only afterwards.
pub(crate) struct Watch {
    queue_url: String,
}

impl Watch {
    /// Starts to watch events with this `source`.
    pub(crate) async fn start(stack: &Stack, name: &str, source: &str) -> Result<Self> {
        let filter = json!({"source": [source]});
        Self::of(stack, name, stack.output("EventsTopicArn")?, &filter).await
    }

    /// Starts to watch what passes `filter` on some topic.
    pub(crate) async fn of(stack: &Stack, name: &str, topic_arn: &str, filter: &Value) -> Result<Self> {
        let created =
            stack.deployment.sqs.create_queue().queue_name(format!("{DEPLOYMENT}-watch-{name}")).send().await?;
        let queue_url = created.queue_url.context("a queue without an address")?;
        subscribe(stack, topic_arn, &queue_url, filter).await?;
        Ok(Self { queue_url })
    }

    /// Every event so far, repeated ones repeatedly.
    pub(crate) async fn events(&self, stack: &Stack) -> Result<Vec<Value>> {
        let bodies = stack.messages_in(&self.queue_url).await?;
        bodies.iter().map(|body| serde_json::from_str(body).context("a published message is not JSON")).collect()
    }
}

/// Has a topic deliver to a queue what passes the filter.
pub(crate) async fn subscribe(stack: &Stack, topic_arn: &str, queue_url: &str, filter: &Value) -> Result<()> {
    let sqs = &stack.deployment.sqs;
    let asked = sqs.get_queue_attributes().queue_url(queue_url).attribute_names(QueueAttributeName::QueueArn);
    let attributes = asked.send().await?.attributes.unwrap_or_default();
    let arn = attributes.get(&QueueAttributeName::QueueArn).context("a queue without an ARN")?;
    let policy = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
    }]});
    sqs.set_queue_attributes()
        .queue_url(queue_url)
        .attributes(QueueAttributeName::Policy, policy.to_string())
        .send()
        .await?;
    stack
        .sns
        .subscribe()
        .topic_arn(topic_arn)
        .protocol("sqs")
        .endpoint(arn)
        .attributes("RawMessageDelivery", "true")
        .attributes("FilterPolicy", filter.to_string())
        .send()
        .await?;
    Ok(())
}
