//! `tidegate dlq`: look at dead letters and bring them back.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};
use tidegate_operations::dead_letters::{self, DeadLetter, DeadLetterQueue, Redriven};
use tidegate_operations::resources::queue_name;

use crate::age::age;
use crate::args::{Dlq, Redrive};
use crate::clock;
use crate::context::Context;
use crate::deployment::Deployment;
use crate::output::Progress;

/// An error that is longer is cut off in a table.
const MOST_OF_AN_ERROR: usize = 60;

pub(super) async fn run(context: &Context, command: Dlq) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    match command {
        Dlq::List { queue, limit } => list(context, &deployment, queue.as_deref(), limit).await?,
        Dlq::Show { id, queue } => show(context, &deployment, &id, queue.as_deref()).await?,
        Dlq::Redrive(arguments) => redrive(context, &deployment, &arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn queues(deployment: &Deployment, wanted: Option<&str>) -> Result<Vec<DeadLetterQueue>> {
    dead_letters::queues(&deployment.resources().await?, &deployment.name, wanted)
}

async fn list(context: &Context, deployment: &Deployment, queue: Option<&str>, limit: usize) -> Result<()> {
    let read =
        with_progress(async || dead_letters::list(&deployment.sqs, queues(deployment, queue).await?, limit).await);
    let letters = read.await?;
    let now = clock::epoch_millis();
    if letters.is_empty() {
        context.output.line("No dead letters.");
    } else {
        context.output.table(
            &["message", "queue", "age", "reason", "event", "error"],
            letters.iter().map(|letter| row(letter, now)),
        );
        context.output.line("");
        context.output.line("Bring one back with `tidegate dlq redrive MESSAGE`, all of them with --all.");
    }
    context.output.document(&letters.iter().map(|letter| summary(letter, now)).collect::<Vec<_>>())
}

/// Reading takes as long as SQS may take to show a message.
async fn with_progress<T>(read: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
    let progress = Progress::start();
    progress.doing("Looking into the dead-letter queues");
    let outcome = read().await;
    progress.finish();
    outcome
}

async fn show(context: &Context, deployment: &Deployment, id: &str, queue: Option<&str>) -> Result<()> {
    let read = with_progress(async || dead_letters::show(&deployment.sqs, queues(deployment, queue).await?, id).await);
    let letter = read.await?;
    let mut document = summary(&letter, clock::epoch_millis());
    document["attributes"] = letter.attributes().collect();
    document["body"] = letter.body();
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

async fn redrive(context: &Context, deployment: &Deployment, arguments: &Redrive) -> Result<()> {
    let queue = arguments.queue.as_deref();
    let moved = match &arguments.id {
        Some(id) => {
            let moved = with_progress(async || {
                dead_letters::redrive(&deployment.sqs, queues(deployment, queue).await?, id).await
            });
            let moved = moved.await?;
            context.output.line(moved_line(&moved));
            vec![moved]
        }
        None => {
            let progress = Progress::start();
            let moved = redrive_all(context, deployment, queue, &progress).await;
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

async fn redrive_all(
    context: &Context,
    deployment: &Deployment,
    queue: Option<&str>,
    progress: &Progress,
) -> Result<Vec<Redriven>> {
    let mut all = Vec::new();
    for queue in queues(deployment, queue).await? {
        progress.doing(format!("Looking into {}", queue_name(&queue.letters)));
        let moved = |moved| {
            progress.above(|| context.output.line(moved_line(&moved)));
            all.push(moved);
        };
        dead_letters::redrive_all(&deployment.sqs, &queue, moved).await?;
    }
    Ok(all)
}

fn moved_line(moved: &Redriven) -> String {
    format!("{} is back in {} as {}", moved.message, moved.queue, moved.new_message)
}

fn summary(letter: &DeadLetter, now: i64) -> Value {
    let (event_type, event_id) = letter.event();
    json!({
        "message": letter.message_id(),
        "queue": letter.queue_name(),
        "source_queue": letter.source_queue_name(),
        "age": letter.sent_at_millis().map(|at| age(now - at)),
        "reason": letter.attribute("reason"),
        "error": letter.attribute("error"),
        "function": letter.attribute("function"),
        "failed_at": letter.attribute("failed_at"),
        "event_type": event_type,
        "event_id": event_id,
    })
}

fn row(letter: &DeadLetter, now: i64) -> Vec<String> {
    let summary = summary(letter, now);
    let text = |name: &str| summary[name].as_str().unwrap_or("-").to_owned();
    let event = format!("{} {}", text("event_type"), text("event_id"));
    let mut error: String = text("error").chars().filter(|c| !c.is_control()).collect();
    if error.chars().count() > MOST_OF_AN_ERROR {
        error = error.chars().take(MOST_OF_AN_ERROR - 1).chain(['…']).collect();
    }
    vec![text("message"), text("queue"), text("age"), text("reason"), event, error]
}
