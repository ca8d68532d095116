//! SQS: queues.

use anyhow::{Context, Result};
pub use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};

use crate::aws::explain;
use crate::queues::{Attribute, AttributeValue, Attributes, Depth, Queues, Received};

/// How long a message that is being looked at stays hidden, should this process die before it releases the message.
const PEEK_VISIBILITY_SECS: i32 = 30;
/// The most that SQS hands out at once, and takes in a batch.
const BATCH: usize = 10;

impl Queues for Client {
    async fn depth(&self, queue_url: &str) -> Result<Depth> {
        let names = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let answer = self
            .get_queue_attributes()
            .queue_url(queue_url)
            .set_attribute_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(explain)
            .with_context(|| format!("queue {queue_url} cannot be read"))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name: &QueueAttributeName| attributes.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
        Ok(Depth { waiting: number(&names[0]), in_flight: number(&names[1]), delayed: number(&names[2]) })
    }

    async fn receive(&self, queue_url: &str, most: usize) -> Result<Vec<Received>> {
        let mut received: Vec<Received> = Vec::new();
        while received.len() < most {
            let wanted = i32::try_from(BATCH.min(most - received.len())).unwrap_or(1);
            let answer = self
                .receive_message()
                .queue_url(queue_url)
                .max_number_of_messages(wanted)
                .visibility_timeout(PEEK_VISIBILITY_SECS)
                // Long polling asks every server of the queue; short polling may miss messages that are there.
                .wait_time_seconds(1)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .message_attribute_names("All")
                .send()
                .await
                .map_err(explain);
            let messages = match answer {
                Ok(answer) => answer.messages.unwrap_or_default(),
                Err(error) => {
                    let _ = self.release(queue_url, &received).await;
                    return Err(error).with_context(|| format!("queue {queue_url} cannot be read"));
                }
            };
            if messages.is_empty() {
                break;
            }
            received.extend(messages.into_iter().filter_map(to_received));
        }
        Ok(received)
    }

    async fn release(&self, queue_url: &str, received: &[Received]) -> Result<()> {
        for batch in received.chunks(BATCH) {
            let entries = batch.iter().enumerate().filter_map(|(index, message)| {
                ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(index.to_string())
                    .receipt_handle(&message.receipt)
                    .visibility_timeout(0)
                    .build()
                    .ok()
            });
            self.change_message_visibility_batch()
                .queue_url(queue_url)
                .set_entries(Some(entries.collect()))
                .send()
                .await
                .map_err(explain)
                .with_context(|| format!("messages of {queue_url} stay hidden for {PEEK_VISIBILITY_SECS} s"))?;
        }
        Ok(())
    }

    async fn send(&self, queue_url: &str, body: &str, attributes: Attributes) -> Result<String> {
        let mut request = self.send_message().queue_url(queue_url).message_body(body);
        for (name, attribute) in attributes {
            request = request.message_attributes(name, of_attribute(attribute)?);
        }
        let answer = request.send().await.map_err(explain);
        let answer = answer.with_context(|| format!("the message could not be sent to {queue_url}"))?;
        Ok(answer.message_id.unwrap_or_default())
    }

    async fn delete(&self, queue_url: &str, message: &Received) -> Result<()> {
        self.delete_message()
            .queue_url(queue_url)
            .receipt_handle(&message.receipt)
            .send()
            .await
            .map_err(explain)
            .with_context(|| format!("message {} could not be deleted from {queue_url}", message.id))?;
        Ok(())
    }
}

fn to_received(message: Message) -> Option<Received> {
    let sent_at_millis = message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok());
    let attributes = message.message_attributes.unwrap_or_default();
    Some(Received {
        id: message.message_id?,
        body: message.body.unwrap_or_default(),
        attributes: attributes.into_iter().filter_map(|(name, value)| Some((name, to_attribute(value)?))).collect(),
        sent_at_millis,
        receipt: message.receipt_handle?,
    })
}

fn to_attribute(attribute: MessageAttributeValue) -> Option<Attribute> {
    let value = match (attribute.string_value, attribute.binary_value) {
        (Some(text), _) => AttributeValue::Text(text),
        (None, Some(bytes)) => AttributeValue::Binary(bytes.into_inner()),
        (None, None) => return None,
    };
    Some(Attribute { data_type: attribute.data_type, value })
}

fn of_attribute(attribute: Attribute) -> Result<MessageAttributeValue> {
    let builder = MessageAttributeValue::builder().data_type(attribute.data_type);
    let builder = match attribute.value {
        AttributeValue::Text(text) => builder.string_value(text),
        AttributeValue::Binary(bytes) => builder.binary_value(Blob::new(bytes)),
    };
    builder.build().context("a message attribute has no type")
}
