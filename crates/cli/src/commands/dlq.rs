//! `tidegate dlq`: look at dead letters and bring them back.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::{Context, age};
use crate::args::{Dlq, Redrive};
use crate::clock;
use crate::deployment::{Deployment, queue_name};
use crate::failure::Hint;
use crate::output::Progress;
use crate::sqs::{self, Taken};

/// What a function adds when it gives a message up. Brought back, the message must look as it did when it first came.
const REASON_ATTRIBUTES: [&str; 4] = ["reason", "error", "function", "failed_at"];
/// How many messages are searched for an id.
const SEARCH: usize = 1_000;
/// How many messages are moved before the next are taken: their receipts have to live until they are deleted.
const MOVE_BATCH: usize = 10;

pub(super) async fn run(context: &Context, command: Dlq) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    match command {
        Dlq::List { queue, limit } => list(context, &deployment, queue.as_deref(), limit).await?,
        Dlq::Show { id, queue } => show(context, &deployment, &id, queue.as_deref()).await?,
        Dlq::Redrive(arguments) => redrive(context, &deployment, arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A dead-letter queue and the queue it belongs to.
#[derive(Clone, Debug)]
struct Pair {
    source: String,
    letters: String,
}

async fn pairs(deployment: &Deployment, wanted: Option<&str>) -> Result<Vec<Pair>> {
    let queues = deployment.resources().await?.queues;
    let mut pairs: Vec<Pair> =
        queues.into_iter().filter_map(|queue| Some(Pair { letters: queue.dead_letters?, source: queue.url })).collect();
    let Some(wanted) = wanted else { return Ok(pairs) };
    let known = pairs.iter().map(|pair| queue_name(&pair.letters).to_owned()).collect::<Vec<_>>();
    let full = format!("{}-{wanted}", deployment.name);
    pairs.retain(|pair| {
        let names = [queue_name(&pair.source), queue_name(&pair.letters)];
        names.contains(&wanted) || names.contains(&full.as_str())
    });
    if pairs.is_empty() {
        bail!(Hint::new(
            format!("deployment {} has no dead-letter queue {wanted}", deployment.name),
            format!("its dead-letter queues are {}", known.join(", ")),
        ));
    }
    Ok(pairs)
}

async fn list(context: &Context, deployment: &Deployment, queue: Option<&str>, limit: usize) -> Result<()> {
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    let looked = looking(async || {
        // All queues at once, for an empty one is waited for.
        let looks = pairs(deployment, queue).await?.into_iter().map(async |pair| {
            let taken = sqs::take(&deployment.sqs, &pair.letters, limit).await?;
            sqs::give_back(&deployment.sqs, &pair.letters, &taken).await?;
            anyhow::Ok((pair, taken))
        });
        futures::future::try_join_all(looks).await
    });
    for (pair, taken) in looked.await? {
        rows.extend(taken.iter().map(|message| row(message, &pair)));
        documents.extend(taken.iter().map(|message| summary(message, &pair)));
    }
    if rows.is_empty() {
        context.output.line("No dead letters.");
    } else {
        context.output.table(&["message", "queue", "age", "reason", "event", "error"], rows);
        context.output.line("");
        context.output.line("Bring one back with `tidegate dlq redrive MESSAGE`, all of them with --all.");
    }
    context.output.document(&documents)
}

/// Says that it is looked while it is: SQS is asked for as long as a message may take to show itself.
async fn looking<T>(look: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    let progress = Progress::start();
    progress.doing("Looking into the dead-letter queues");
    let looked = look().await;
    progress.finish();
    looked
}

async fn show(context: &Context, deployment: &Deployment, id: &str, queue: Option<&str>) -> Result<()> {
    let (pair, message) = looking(async || find(deployment, id, queue).await).await?;
    sqs::give_back(&deployment.sqs, &pair.letters, std::slice::from_ref(&message)).await?;
    let mut document = summary(&message, &pair);
    document["attributes"] =
        message.attributes.keys().filter_map(|name| Some((name.clone(), message.text(name)?))).collect();
    document["body"] = serde_json::from_str(&message.body).unwrap_or_else(|_| Value::String(message.body.clone()));
    for name in [
        "message",
        "queue",
        "source_queue",
        "age",
        "reason",
        "error",
        "function",
        "failed_at",
        "event_type",
        "event_id",
    ] {
        if let Some(text) = document[name].as_str() {
            context.output.line(format!("{name:<13} {text}"));
        }
    }
    context.output.line("");
    context.output.line(format!("{:#}", document["body"]));
    context.output.document(&document)
}

async fn redrive(context: &Context, deployment: &Deployment, arguments: Redrive) -> Result<()> {
    let queue = arguments.queue.as_deref();
    let moved = match &arguments.id {
        Some(id) => {
            let (pair, message) = looking(async || find(deployment, id, queue).await).await?;
            let (line, document) = move_back(deployment, &pair, message).await?;
            context.output.line(line);
            vec![document]
        }
        None => {
            let progress = Progress::start();
            let moved = move_all(context, deployment, queue, &progress).await;
            progress.finish();
            let moved = moved?;
            context.output.line(match moved.len() {
                0 => "No dead letters.".to_owned(),
                1 => "Brought 1 message back.".to_owned(),
                count => format!("Brought {count} messages back."),
            });
            moved
        }
    };
    context.output.document(&moved)
}

async fn move_all(
    context: &Context,
    deployment: &Deployment,
    queue: Option<&str>,
    progress: &Progress,
) -> Result<Vec<Value>> {
    let mut moved = Vec::new();
    for pair in pairs(deployment, queue).await? {
        progress.doing(format!("Looking into {}", queue_name(&pair.letters)));
        loop {
            let mut taken = sqs::take(&deployment.sqs, &pair.letters, MOVE_BATCH).await?.into_iter();
            if taken.len() == 0 {
                break;
            }
            while let Some(message) = taken.next() {
                match move_back(deployment, &pair, message).await {
                    Ok((line, document)) => {
                        progress.above(|| context.output.line(line));
                        moved.push(document);
                    }
                    Err(error) => {
                        sqs::give_back(&deployment.sqs, &pair.letters, taken.as_slice()).await?;
                        return Err(error);
                    }
                }
            }
        }
    }
    Ok(moved)
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
/// The other order would lose the message in a crash between the two. Gives what to say of it, for people and for programs.
async fn move_back(deployment: &Deployment, pair: &Pair, message: Taken) -> Result<(String, Value)> {
    let attributes = without_reasons(message.attributes.clone());
    let sent = sqs::send(&deployment.sqs, &pair.source, &message.body, attributes).await;
    let new_id = match sent {
        Ok(id) => id,
        Err(error) => {
            sqs::give_back(&deployment.sqs, &pair.letters, std::slice::from_ref(&message)).await?;
            return Err(error);
        }
    };
    sqs::delete(&deployment.sqs, &pair.letters, &message).await?;
    let to = queue_name(&pair.source);
    let line = format!("{} is back in {to} as {new_id}", message.id);
    Ok((line, json!({"message": message.id, "queue": to, "new_message": new_id})))
}

fn without_reasons<T>(mut attributes: std::collections::BTreeMap<String, T>) -> std::collections::BTreeMap<String, T> {
    attributes.retain(|name, _| !REASON_ATTRIBUTES.contains(&name.as_str()));
    attributes
}

/// Looks for a message by id and keeps it hidden; every other one is given back.
async fn find(deployment: &Deployment, id: &str, queue: Option<&str>) -> Result<(Pair, Taken)> {
    let looks = pairs(deployment, queue).await?.into_iter().map(async |pair| {
        let mut taken = sqs::take(&deployment.sqs, &pair.letters, SEARCH).await?;
        let found = taken.iter().position(|message| message.id == id).map(|index| taken.swap_remove(index));
        sqs::give_back(&deployment.sqs, &pair.letters, &taken).await?;
        anyhow::Ok(found.map(|message| (pair, message)))
    });
    if let Some(found) = futures::future::try_join_all(looks).await?.into_iter().flatten().next() {
        return Ok(found);
    }
    bail!(Hint::new(
        format!("there is no dead letter {id}"),
        "see `tidegate dlq list`; a message that was just looked at may be hidden for 30 s"
    ))
}

fn summary(message: &Taken, pair: &Pair) -> Value {
    let body: Value = serde_json::from_str(&message.body).unwrap_or_default();
    let attribute = |name: &str| message.text(name);
    let (event_type, event_id) = named(&body, attribute("type"));
    json!({
        "message": message.id,
        "queue": queue_name(&pair.letters),
        "source_queue": queue_name(&pair.source),
        "age": message.sent_at.map(|at| age(clock::epoch_millis() - at)),
        "reason": attribute("reason"),
        "error": attribute("error"),
        "function": attribute("function"),
        "failed_at": attribute("failed_at"),
        "event_type": event_type,
        "event_id": event_id,
    })
}

/// What a message is and which. A command has no type and no id of an event; its own names tell as much.
fn named<'a>(body: &'a Value, attribute: Option<&'a str>) -> (Option<&'a str>, Option<&'a str>) {
    let text = |name: &str| body[name].as_str();
    (text("type").or(attribute).or(text("command")), text("id").or(text("command_id")))
}

fn row(message: &Taken, pair: &Pair) -> Vec<String> {
    let summary = summary(message, pair);
    let text = |name: &str| summary[name].as_str().unwrap_or("-").to_owned();
    let event = format!("{} {}", text("event_type"), text("event_id"));
    let mut error: String = text("error").chars().filter(|c| !c.is_control()).collect();
    if error.chars().count() > 60 {
        error = error.chars().take(59).chain(['…']).collect();
    }
    vec![text("message"), text("queue"), text("age"), text("reason"), event, error]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_letter_is_named_by_its_event_or_by_its_command() {
        let event = json!({"type": "com.github.push", "id": "d-1"});
        assert_eq!(named(&event, Some("another")), (Some("com.github.push"), Some("d-1")));
        let command = json!({"command": "UndoPayment", "command_id": "ord_1/UndoPayment"});
        assert_eq!(named(&command, None), (Some("UndoPayment"), Some("ord_1/UndoPayment")));
        assert_eq!(named(&Value::Null, Some("com.github.push")), (Some("com.github.push"), None));
    }

    #[test]
    fn reason_attributes_stay_behind_and_all_others_go_along() {
        let names = ["type", "source", "subject", "reason", "error", "function", "failed_at", "reasonable"];
        let attributes = names.map(|name| (name.to_owned(), ())).into();
        let kept = without_reasons(attributes);
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["reasonable", "source", "subject", "type"]);
    }
}
