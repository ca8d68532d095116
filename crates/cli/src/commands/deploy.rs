//! `tidegate deploy`: the same templates, to the caller's AWS account.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use tidegate_local::plan;
use tidegate_local::sam::{self, Sam, Target};

use crate::config;
use crate::context::Context;
use crate::deployment::{Choice, DEFAULT_NAME, Deployment};
use crate::interrupt::Interrupt;
use crate::output::Progress;

pub(super) async fn run(context: &Context, architecture: &str, stacks: &[String]) -> Result<ExitCode> {
    let mut interrupt = Interrupt::listen()?;
    let checkout = config::find_checkout()?;
    let sam = Sam::find(&config::tools_dir(&checkout))?;
    let plans = plan::read(&checkout)?;
    let name = context.choice.name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
    let choice = Choice { name: Some(name.clone()), aws: true, ..context.choice.clone() };
    let deployment = Deployment::find(&choice).await?;

    let target = Target::aws(&name, &deployment.region, architecture);
    let progress = Progress::start();
    let stacks = plan::chosen(&plans, stacks);
    let outcome = tokio::select! {
        outcome = sam::deploy(&sam, &target, &stacks, &choice.state, &progress) => outcome,
        // SAM is stopped; CloudFormation goes on by itself and either ends or rolls back.
        code = interrupt.requested() => { progress.finish(); return Ok(ExitCode::from(code)) }
    };
    progress.finish();
    let deployed = outcome?;

    let api = deployment.api(&deployment.resources().await?)?;
    context.output.line(format!("Deployment {name} is up at {}.", deployment.place));
    context.output.line("");
    context.output.line(format!("  API       {}", api.url));
    context.output.line(format!("  Webhooks  {}", api.webhook_url("{source}")));
    context.output.line("");
    context.output.line("Next: `tidegate --aws source set NAME --file F` and `tidegate --aws slack set --file F`.");
    context.output.document(&json!({"deployment": name, "deployed": deployed, "api_url": api.url}))?;
    Ok(ExitCode::SUCCESS)
}
