//! Dead letters: messages that a function or SQS gave up, their reasons, and the way back to their queue.

use anyhow::{Result, bail};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Hint;
use crate::queues::{Attributes, Queues, Received};
use crate::resources::{Resources, queue_name};

/// What a function adds when it sets a message aside. Redriven, the message must look as it did when it first came.
const REASON_ATTRIBUTES: [&str; 4] = ["reason", "error", "function", "failed_at"];
/// How many messages are searched for an id.
const SEARCH: usize = 1_000;
/// How many messages are moved before the next are received: their receipts have to live until they are deleted.
const MOVE_BATCH: usize = 10;

/// A dead-letter queue and its source queue, by URL.
#[derive(Clone, Debug)]
pub struct DeadLetterQueue {
    pub source: String,
    pub letters: String,
}

/// A message of a dead-letter queue.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    pub queue: DeadLetterQueue,
    message: Received,
}

/// A dead letter that is back in its source queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Redriven {
    pub message: String,
    pub queue: String,
    pub new_message: String,
}

impl DeadLetter {
    pub fn message_id(&self) -> &str {
        &self.message.id
    }

    /// The dead-letter queue's name.
    pub fn queue_name(&self) -> &str {
        queue_name(&self.queue.letters)
    }

    pub fn source_queue_name(&self) -> &str {
        queue_name(&self.queue.source)
    }

    /// When it was set aside, in milliseconds since the epoch.
    pub fn sent_at_millis(&self) -> Option<i64> {
        self.message.sent_at_millis
    }

    /// A message attribute's text: `reason`, `error`, `function`, `failed_at` and what the sender gave.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.message.text(name)
    }

    pub fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.message.attributes.keys().filter_map(|name| Some((name.as_str(), self.attribute(name)?)))
    }

    /// The body; a text where it is not JSON.
    pub fn body(&self) -> Value {
        serde_json::from_str(&self.message.body).unwrap_or_else(|_| Value::String(self.message.body.clone()))
    }

    /// Type and id of the event, or name and id of the command.
    pub fn event(&self) -> (Option<String>, Option<String>) {
        let body = self.body();
        let (event_type, id) = named(&body, self.attribute("type"));
        (event_type.map(str::to_owned), id.map(str::to_owned))
    }
}

/// The dead-letter queues of a deployment, or the one of this name: that of either queue, with or without the deployment's name.
pub fn queues(resources: &Resources, deployment: &str, wanted: Option<&str>) -> Result<Vec<DeadLetterQueue>> {
    let both = resources
        .queues
        .iter()
        .filter_map(|queue| Some(DeadLetterQueue { letters: queue.dead_letters.clone()?, source: queue.url.clone() }));
    let mut found: Vec<DeadLetterQueue> = both.collect();
    let Some(wanted) = wanted else { return Ok(found) };
    let known = found.iter().map(|queue| queue_name(&queue.letters).to_owned()).collect::<Vec<_>>();
    let full = format!("{deployment}-{wanted}");
    found.retain(|queue| {
        let names = [queue_name(&queue.source), queue_name(&queue.letters)];
        names.contains(&wanted) || names.contains(&full.as_str())
    });
    if found.is_empty() {
        bail!(Hint::new(
            format!("deployment {deployment} has no dead-letter queue {wanted}"),
            format!("its dead-letter queues are {}", known.join(", ")),
        ));
    }
    Ok(found)
}

/// At most `limit` of each queue. All queues at once, because an empty one is waited for.
pub async fn list(services: &impl Queues, queues: Vec<DeadLetterQueue>, limit: usize) -> Result<Vec<DeadLetter>> {
    let reads = queues.into_iter().map(async |queue| {
        let received = services.receive(&queue.letters, limit).await?;
        services.release(&queue.letters, &received).await?;
        let letter = move |message| DeadLetter { queue: queue.clone(), message };
        anyhow::Ok(received.into_iter().map(letter).collect::<Vec<_>>())
    });
    Ok(futures::future::try_join_all(reads).await?.into_iter().flatten().collect())
}

/// The dead letter of this id, which stays where it is.
pub async fn show(services: &impl Queues, queues: Vec<DeadLetterQueue>, id: &str) -> Result<DeadLetter> {
    let letter = find(services, queues, id).await?;
    services.release(&letter.queue.letters, std::slice::from_ref(&letter.message)).await?;
    Ok(letter)
}

/// Moves the dead letter of this id back to its source queue.
pub async fn redrive(services: &impl Queues, queues: Vec<DeadLetterQueue>, id: &str) -> Result<Redriven> {
    let letter = find(services, queues, id).await?;
    move_back(services, &letter.queue, &letter.message).await
}

/// Moves every dead letter of a queue back, and calls `moved` after each.
pub async fn redrive_all(
    services: &impl Queues,
    queue: &DeadLetterQueue,
    mut moved: impl FnMut(Redriven),
) -> Result<()> {
    loop {
        let received = services.receive(&queue.letters, MOVE_BATCH).await?;
        if received.is_empty() {
            return Ok(());
        }
        for (index, message) in received.iter().enumerate() {
            match move_back(services, queue, message).await {
                Ok(redriven) => moved(redriven),
                Err(error) => {
                    services.release(&queue.letters, &received[index + 1..]).await?;
                    return Err(error);
                }
            }
        }
    }
}

/// Sends a copy to the source queue and then deletes the dead letter, in this order:
///
/// ```text
/// redrive        source queue      dead-letter queue
///    |--- send ------->|                   |
///    |          (crash here: the message is in both; redriven again, it comes twice, and
///    |           consumers recognise the second by its event id)
///    |--- delete ------------------------->|
/// ```
///
/// The other order would lose the message in a crash between the two.
async fn move_back(services: &impl Queues, queue: &DeadLetterQueue, message: &Received) -> Result<Redriven> {
    let sent = services.send(&queue.source, &message.body, without_reasons(message.attributes.clone())).await;
    let new_message = match sent {
        Ok(id) => id,
        Err(error) => {
            services.release(&queue.letters, std::slice::from_ref(message)).await?;
            return Err(error);
        }
    };
    services.delete(&queue.letters, message).await?;
    Ok(Redriven { message: message.id.clone(), queue: queue_name(&queue.source).to_owned(), new_message })
}

fn without_reasons(mut attributes: Attributes) -> Attributes {
    attributes.retain(|name, _| !REASON_ATTRIBUTES.contains(&name.as_str()));
    attributes
}

/// Looks for a message by id and keeps it hidden; every other one is released.
async fn find(services: &impl Queues, queues: Vec<DeadLetterQueue>, id: &str) -> Result<DeadLetter> {
    let searches = queues.into_iter().map(async |queue| {
        let mut received = services.receive(&queue.letters, SEARCH).await?;
        let found = received.iter().position(|message| message.id == id).map(|index| received.swap_remove(index));
        services.release(&queue.letters, &received).await?;
        anyhow::Ok(found.map(|message| DeadLetter { queue, message }))
    });
    if let Some(found) = futures::future::try_join_all(searches).await?.into_iter().flatten().next() {
        return Ok(found);
    }
    bail!(Hint::new(
        format!("there is no dead letter {id}"),
        "see `tidegate dlq list`; a message that was just looked at may be hidden for 30 s"
    ))
}

/// Type and id of an event; the type may be an attribute alone. A command has neither: its name and id serve as well.
fn named<'a>(body: &'a Value, attribute: Option<&'a str>) -> (Option<&'a str>, Option<&'a str>) {
    let text = |name: &str| body[name].as_str();
    (text("type").or(attribute).or(text("command")), text("id").or(text("command_id")))
}

#[cfg(test)]
#[path = "dead_letters_tests.rs"]
mod tests;
