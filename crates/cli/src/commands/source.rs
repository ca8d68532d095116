//! `tidegate source`: the documents of senders.

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tidegate_webhooks::Source;

use super::{Context, read_file};
use crate::args::SourceCommand;
use crate::deployment::Deployment;
use crate::failure::Hint;
use crate::secrets::{self, Written};

pub(super) async fn run(context: &Context, command: SourceCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    match command {
        SourceCommand::List => list(context, &deployment).await?,
        SourceCommand::Show { name } => show(context, &deployment, &name).await?,
        SourceCommand::Set { name, file } => {
            let document = read_file(&file)?;
            let source = Source::from_json(&document).with_context(|| format!("source {name} was not written"))?;
            let text = String::from_utf8(document).context("the document is not UTF-8")?;
            let id = deployment.source_secret(&name);
            let description = format!("Tidegate source {name} ({})", source.scheme());
            let written = secrets::write(&deployment.secrets, &id, &text, &description).await?;
            context.output.line(match written {
                Written::Created => format!("Source {name} was added; its sender may deliver at once."),
                Written::Replaced => {
                    format!("Source {name} was replaced; a signature that fails makes the function read it anew.")
                }
            });
            let url = api_url(&deployment, &name).await;
            if let Some(url) = &url {
                context.output.line(format!("Address: {url}"));
            }
            let created = written == Written::Created;
            context
                .output
                .document(&json!({"name": name, "scheme": source.scheme().name(), "created": created, "url": url}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, deployment: &Deployment) -> Result<()> {
    let prefix = deployment.source_secret_prefix();
    let ids = secrets::names(&deployment.secrets, &prefix).await?;
    let resources = deployment.resources().await?;
    let api = deployment.api(&resources)?;
    let documents = futures::future::try_join_all(ids.iter().map(|id| secrets::read(&deployment.secrets, id))).await?;
    let entries = ids.iter().zip(documents).map(|(id, document)| {
        let name = id.strip_prefix(&prefix).unwrap_or(id);
        let state = match Source::from_json(document.unwrap_or_default().as_bytes()) {
            Ok(source) => source.scheme().name().to_owned(),
            Err(error) => format!("not valid: {error}"),
        };
        (name.to_owned(), state, api.webhook_url(name))
    });
    let entries = entries.collect::<Vec<_>>();
    if entries.is_empty() {
        context.output.line("No sources. Add one with `tidegate source set NAME --file F`.");
    } else {
        context.output.table(
            &["source", "scheme", "address"],
            entries.iter().map(|(name, state, url)| vec![name.clone(), state.clone(), url.clone()]),
        );
    }
    let documents = entries.into_iter().map(|(name, scheme, url)| json!({"name": name, "scheme": scheme, "url": url}));
    context.output.document(&documents.collect::<Vec<_>>())
}

async fn show(context: &Context, deployment: &Deployment, name: &str) -> Result<()> {
    let Some(text) = secrets::read(&deployment.secrets, &deployment.source_secret(name)).await? else {
        bail!(Hint::new(format!("deployment {} has no source {name}", deployment.name), "see `tidegate source list`"));
    };
    let document = redacted(&text)?;
    context.output.line(format!("{document:#}"));
    context.output.document(&document)
}

async fn api_url(deployment: &Deployment, name: &str) -> Option<String> {
    let resources = deployment.resources().await.ok()?;
    deployment.api(&resources).ok().map(|api| api.webhook_url(name))
}

/// The document without what it keeps secret: only members known to be harmless are shown.
pub(super) fn redacted(text: &str) -> Result<Value> {
    let mut document: Value = serde_json::from_str(text).map_err(|_| {
        Hint::new("the document is not JSON, so it cannot be shown without its secrets", "write it anew with `set`")
    })?;
    if let Some(members) = document.as_object_mut() {
        for (name, value) in members.iter_mut() {
            if !matches!(name.as_str(), "scheme" | "tolerance_secs" | "options" | "api_url" | "routes") {
                redact(value);
            }
        }
    }
    Ok(document)
}

fn redact(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(members) => members.values_mut().for_each(redact),
        Value::String(text) => *value = Value::String(format!("redacted, {} characters", text.chars().count())),
        other => *other = Value::String("redacted".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown_not_even_in_members_nobody_knows() {
        let text = r#"{"scheme":"github","secrets":["sesame-open","old-sesame"],"Secrets":{"x":["sesame"]},"pin":1234,"options":{"header":"X-S"}}"#;
        let shown = redacted(text).unwrap().to_string();
        assert!(!shown.contains("sesame") && !shown.contains("1234"), "{shown}");
        assert!(
            shown.contains("github") && shown.contains("X-S") && shown.contains("redacted, 11 characters"),
            "{shown}"
        );
    }
}
