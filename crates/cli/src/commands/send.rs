//! `tidegate send`.

use std::process::ExitCode;

use anyhow::Result;
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_operations::http_client::{Answer, HttpClient};
use tidegate_operations::send::{self, Delivery, Draft};

use crate::args::Send;
use crate::clock;
use crate::context::Context;
use crate::input::read_file;

pub(super) async fn run(context: &Context, arguments: Send) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let body = arguments.file.as_deref().map(read_file).transpose()?.map(Bytes::from);
    let (resources, source) = futures::try_join!(deployment.resources(), send::source(&deployment, &arguments.source))?;
    let api = deployment.api(&resources)?;
    let client = HttpClient::new();

    let mut draft = Draft { source: arguments.source, event: arguments.event, id: arguments.id, body };
    let mut answers = Vec::new();
    for _ in 0..arguments.repeat {
        // Signed anew each time, as a sender's retry is: same id, new timestamp.
        let mut delivery = Delivery::sign(&draft, &source, clock::unix_time())?;
        for header in &arguments.headers {
            delivery.headers.insert(header.name.clone(), header.value.clone());
        }
        let answer = delivery.send(&client, &api).await?;
        context.output.line(line(&delivery, &answer));
        answers.push(document(&delivery, &answer));
        draft.id.get_or_insert(delivery.id);
    }
    let all_taken =
        answers.iter().all(|answer| answer["status"].as_u64().is_some_and(|status| (200..300).contains(&status)));
    match answers.as_slice() {
        [answer] => context.output.document(answer)?,
        answers => context.output.document(&answers)?,
    }
    Ok(if all_taken { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// One line a delivery: what was answered, how fast, and why if it was refused.
pub(super) fn line(delivery: &Delivery, answer: &Answer) -> String {
    format!("{} {} in {} ms  id {}", answer.status.as_u16(), meaning(answer), answer.took.as_millis(), delivery.id)
}

/// An answer in words: problem details, the word in `status`, or the standard phrase.
pub(super) fn meaning(answer: &Answer) -> String {
    let body = answer.json().unwrap_or_default();
    let text = |name: &str| body[name].as_str().filter(|text| !text.is_empty());
    match (text("title"), text("detail"), text("status")) {
        (Some(title), Some(detail), _) => format!("{title}: {detail}"),
        (Some(title), None, _) => title.to_owned(),
        (None, _, Some(status)) => status.to_owned(),
        _ => answer.status.canonical_reason().unwrap_or("answer").to_lowercase(),
    }
}

fn document(delivery: &Delivery, answer: &Answer) -> Value {
    let body = answer.json().unwrap_or_else(|| Value::String(answer.text()));
    json!({
        "id": delivery.id,
        "status": answer.status.as_u16(),
        "duration_ms": u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX),
        "body": body,
    })
}
