//! `tidegate source`: the documents of senders.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use tidegate_operations::secrets::Written;
use tidegate_operations::{Hint, sources};

use crate::args::SourceCommand;
use crate::context::Context;
use crate::deployment::Deployment;
use crate::input::read_file;

pub(super) async fn run(context: &Context, command: SourceCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    match command {
        SourceCommand::List => list(context, &deployment).await?,
        SourceCommand::Show { name } => show(context, &deployment, &name).await?,
        SourceCommand::Set { name, file } => set(context, &deployment, &name, read_file(&file)?).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, deployment: &Deployment) -> Result<()> {
    let sources = sources::list(&deployment.secrets, &deployment.source_secret_prefix()).await?;
    let api = deployment.api(&deployment.resources().await?)?;
    let rows = sources.into_iter().map(|source| {
        let scheme = match source.scheme {
            Ok(scheme) => scheme.name().to_owned(),
            Err(error) => format!("not valid: {error}"),
        };
        let url = api.webhook_url(&source.name);
        [source.name, scheme, url]
    });
    let rows = rows.collect::<Vec<_>>();
    if rows.is_empty() {
        context.output.line("No sources. Add one with `tidegate source set NAME --file F`.");
    } else {
        context.output.table(&["source", "scheme", "address"], rows.iter().map(|row| row.to_vec()));
    }
    let documents = rows.iter().map(|[name, scheme, url]| json!({"name": name, "scheme": scheme, "url": url}));
    context.output.document(&documents.collect::<Vec<_>>())
}

async fn show(context: &Context, deployment: &Deployment, name: &str) -> Result<()> {
    let Some(document) = sources::show(&deployment.secrets, &deployment.source_secret(name)).await? else {
        bail!(Hint::new(format!("deployment {} has no source {name}", deployment.name), "see `tidegate source list`"));
    };
    context.output.line(format!("{document:#}"));
    context.output.document(&document)
}

async fn set(context: &Context, deployment: &Deployment, name: &str, document: Vec<u8>) -> Result<()> {
    let id = deployment.source_secret(name);
    let (scheme, written) = sources::set(&deployment.secrets, &id, name, document).await?;
    let created = written == Written::Created;
    context.output.line(match created {
        true => format!("Source {name} was added; its sender may deliver at once."),
        false => format!("Source {name} was replaced; a signature that fails makes the function read it anew."),
    });
    let url = api_url(deployment, name).await;
    if let Some(url) = &url {
        context.output.line(format!("Address: {url}"));
    }
    context.output.document(&json!({"name": name, "scheme": scheme.name(), "created": created, "url": url}))
}

async fn api_url(deployment: &Deployment, name: &str) -> Option<String> {
    let resources = deployment.resources().await.ok()?;
    deployment.api(&resources).ok().map(|api| api.webhook_url(name))
}
