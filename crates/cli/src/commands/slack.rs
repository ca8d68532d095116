//! `tidegate slack`: the Slack document, and what the stand-in received.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use tidegate_operations::secrets::Written;
use tidegate_operations::{Hint, slack};
use tokio::time::sleep;

use crate::args::{SlackCommand, SlackMessages};
use crate::context::Context;
use crate::deployment::Deployment;
use crate::input::read_file;
use crate::output::Progress;
use crate::render;
use crate::standin_client::{self, POLL};

pub(super) async fn run(context: &Context, command: SlackCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    match command {
        SlackCommand::Show => show(context, &deployment).await,
        SlackCommand::Set { file } => set(context, &deployment, read_file(&file)?).await,
        SlackCommand::Messages(arguments) => messages(context, &deployment, &arguments).await,
    }
}

async fn show(context: &Context, deployment: &Deployment) -> Result<ExitCode> {
    let Some(document) = slack::show(&deployment.secrets, &deployment.slack_secret()).await? else {
        bail!(Hint::new(
            format!("deployment {} does not know Slack yet", deployment.name),
            "write its document with `tidegate slack set --file F`",
        ));
    };
    context.output.line(format!("{document:#}"));
    context.output.document(&document)?;
    Ok(ExitCode::SUCCESS)
}

async fn set(context: &Context, deployment: &Deployment, document: Vec<u8>) -> Result<ExitCode> {
    let written = slack::set(&deployment.secrets, &deployment.slack_secret(), document).await?;
    context.output.line("The Slack document was written; functions take it up within minutes.");
    context.output.document(&json!({"created": written == Written::Created}))?;
    Ok(ExitCode::SUCCESS)
}

async fn messages(context: &Context, deployment: &Deployment, arguments: &SlackMessages) -> Result<ExitCode> {
    let standin = standin_client::of(deployment)?;
    let enough = arguments.wait.unwrap_or(0);
    let progress = if enough > 0 { Progress::start() } else { Progress::silent() };
    progress.doing(format!("Waiting for {enough} messages"));
    let seen = standin.wait_for_messages(enough, Duration::from_secs(arguments.timeout)).await;
    progress.finish();
    let seen = seen?;
    for (index, message) in seen.iter().enumerate() {
        if index > 0 {
            context.output.line("");
        }
        context.output.line(render::message(message));
    }
    if !arguments.follow {
        context.output.document(&seen)?;
        if seen.is_empty() {
            context.output.line("No messages yet.");
        }
        if seen.len() < enough {
            bail!(Hint::new(
                format!("{} of {enough} messages came within {} s", seen.len(), arguments.timeout),
                "see `tidegate logs notify-slack` and `tidegate dlq list`",
            ));
        }
        return Ok(ExitCode::SUCCESS);
    }
    seen.iter().try_for_each(|message| context.output.record(message))?;
    let mut shown = seen.len();
    while context.output.is_read() {
        let all = standin.messages().await?;
        for message in all.iter().skip(shown) {
            context.output.line(format!("\n{}", render::message(message)));
            context.output.record(message)?;
        }
        shown = all.len();
        sleep(POLL).await;
    }
    Ok(ExitCode::SUCCESS)
}
