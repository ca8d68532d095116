//! SQS: queue depths, and looking at, showing and moving dead letters.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
pub use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageAttributeValue, MessageSystemAttributeName,
    QueueAttributeName,
};
use serde::Serialize;

use crate::aws::explain;

/// How long a message that is being looked at stays hidden, should this command die before it gives the message back.
const PEEK_VISIBILITY_SECS: i32 = 30;
/// The most that SQS hands out at once.
const BATCH: i32 = 10;

/// How many messages a queue holds; SQS calls these numbers approximate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Depth {
    /// Waiting to be taken.
    pub waiting: u64,
    /// Taken and not yet deleted.
    pub in_flight: u64,
    /// Sent with a delay that has not passed.
    pub delayed: u64,
}

/// Asks a queue for its depth.
pub async fn depth(client: &Client, queue_url: &str) -> Result<Depth> {
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let answer = client
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

/// A message taken from a dead-letter queue, with the receipt by which it is given back or deleted.
#[derive(Clone, Debug)]
pub struct Taken {
    /// SQS's own id.
    pub id: String,
    /// The body, as it was sent.
    pub body: String,
    /// The message attributes.
    pub attributes: BTreeMap<String, MessageAttributeValue>,
    /// When it was sent to the dead-letter queue, in milliseconds since the epoch.
    pub sent_at: Option<i64>,
    receipt: String,
}

impl Taken {
    /// A message attribute's text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.string_value()
    }
}

/// Takes up to `most` messages and hides them for a moment. Give back what is not deleted.
///
/// Every look raises the receive count of a message in the dead-letter queue. That queue has no redrive policy of its own, so the
/// count leads nowhere; the source queue starts counting anew.
pub async fn take(client: &Client, queue_url: &str, most: usize) -> Result<Vec<Taken>> {
    let mut taken: Vec<Taken> = Vec::new();
    while taken.len() < most {
        let wanted = i32::try_from(most - taken.len()).unwrap_or(BATCH).min(BATCH);
        let answer = client
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
                let _ = give_back(client, queue_url, &taken).await;
                return Err(error).with_context(|| format!("queue {queue_url} cannot be read"));
            }
        };
        if messages.is_empty() {
            break;
        }
        taken.extend(messages.into_iter().filter_map(to_taken));
    }
    Ok(taken)
}

fn to_taken(message: Message) -> Option<Taken> {
    let sent_at = message
        .attributes
        .as_ref()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok());
    Some(Taken {
        id: message.message_id?,
        body: message.body.unwrap_or_default(),
        attributes: message.message_attributes.unwrap_or_default().into_iter().collect(),
        sent_at,
        receipt: message.receipt_handle?,
    })
}

/// Makes taken messages visible again at once.
pub async fn give_back(client: &Client, queue_url: &str, taken: &[Taken]) -> Result<()> {
    for batch in taken.chunks(10) {
        let entries = batch.iter().enumerate().filter_map(|(index, message)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&message.receipt)
                .visibility_timeout(0)
                .build()
                .ok()
        });
        client
            .change_message_visibility_batch()
            .queue_url(queue_url)
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .map_err(explain)
            .with_context(|| format!("messages of {queue_url} stay hidden for {PEEK_VISIBILITY_SECS} s"))?;
    }
    Ok(())
}

/// Sends a body with attributes.
pub async fn send(
    client: &Client,
    queue_url: &str,
    body: &str,
    attributes: BTreeMap<String, MessageAttributeValue>,
) -> Result<String> {
    let answer = client
        .send_message()
        .queue_url(queue_url)
        .message_body(body)
        .set_message_attributes(Some(attributes.into_iter().collect()))
        .send()
        .await
        .map_err(explain)
        .with_context(|| format!("the message could not be sent to {queue_url}"))?;
    Ok(answer.message_id.unwrap_or_default())
}

/// Deletes a taken message.
pub async fn delete(client: &Client, queue_url: &str, message: &Taken) -> Result<()> {
    client
        .delete_message()
        .queue_url(queue_url)
        .receipt_handle(&message.receipt)
        .send()
        .await
        .map_err(explain)
        .with_context(|| format!("message {} could not be deleted from {queue_url}", message.id))?;
    Ok(())
}
