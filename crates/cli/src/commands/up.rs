//! `tidegate up`.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde_json::json;
use tidegate_operations::aws;
use tidegate_webhooks::Scheme;

use crate::config;
use crate::context::Context;
use crate::deployment::DEFAULT_NAME;
use crate::interrupt::Interrupt;
use crate::local::{self, Interrupted, StandinChoice, Up, UpOptions};
use crate::output::Progress;

pub(super) async fn run(context: &Context) -> Result<ExitCode> {
    let mut interrupt = Interrupt::listen()?;
    let progress = Progress::start();
    let outcome = bring_up(context, &progress, &mut interrupt).await;
    progress.finish();
    match outcome? {
        Brought::Up(up) => {
            show(context, &up).await?;
            Ok(ExitCode::SUCCESS)
        }
        Brought::Interrupted(code) => Ok(ExitCode::from(code)),
    }
}

/// What came of it.
pub(super) enum Brought {
    Up(Box<Up>),
    Interrupted(u8),
}

/// Brings the stack up; when interrupted, leaves nothing behind of what was started.
pub(super) async fn bring_up(context: &Context, progress: &Progress, interrupt: &mut Interrupt) -> Result<Brought> {
    let checkout = config::find_checkout()?;
    let deployment = match (&context.choice.name, context.choice.state.load()?) {
        (Some(name), _) => name.clone(),
        (None, Some(state)) => state.deployment,
        (None, None) => DEFAULT_NAME.to_owned(),
    };
    let endpoint = config::endpoint_from_environment();
    let options = UpOptions {
        tools: config::tools_dir(&checkout),
        checkout,
        state: context.choice.state.clone(),
        deployment,
        region: if endpoint.is_some() { aws::callers_region().await? } else { local::region() },
        endpoint,
        functions_endpoint: None,
        standin: StandinChoice::Process(std::env::current_exe().context("this program cannot find itself")?),
    };
    match local::up_unless(&options, progress, interrupt.requested()).await {
        Ok(up) => Ok(Brought::Up(Box::new(up))),
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(interrupted) => Ok(Brought::Interrupted(interrupted.code)),
            None => Err(error),
        },
    }
}

async fn show(context: &Context, up: &Up) -> Result<()> {
    let output = context.output;
    let resources = up.deployment.resources().await?;
    let api = up.deployment.api(&resources)?;
    let state_dir = up.deployment.state_dir.root();
    let slack = up.state.standin.as_ref().map(|standin| standin.url.clone());
    let sources: Vec<_> = Scheme::ALL.iter().map(|scheme| (scheme.name(), api.webhook_url(scheme.name()))).collect();

    output.line(match (up.fresh, up.deployed.as_slice()) {
        (true, _) => format!("Deployment {} is up.", up.state.deployment),
        (false, []) => format!("Deployment {} was up already and nothing had changed.", up.state.deployment),
        (false, changed) => format!("Deployment {} was up; updated {}.", up.state.deployment, changed.join(", ")),
    });
    output.line("");
    output.line(format!("  API            {}", api.url));
    output.line(format!("  AWS endpoint   {}", up.state.endpoint));
    output.line(format!("  Stand-in       {} (Slack, Stripe, callbacks)", slack.as_deref().unwrap_or("none")));
    output.line(format!("  Logs           {}", state_dir.join("logs").display()));
    output.line("");
    output.line("  Webhooks");
    for (name, url) in &sources {
        output.line(format!("    {name:<18} {url}"));
    }
    output.line("");
    output.line("Next: `tidegate send github push`, then `tidegate slack messages`;");
    output.line("      `tidegate login`, `tidegate stock receive tide-table 10`, `tidegate orders place`;");
    output.line("      `tidegate down` stops everything.");
    output.document(&json!({
        "deployment": up.state.deployment,
        "fresh": up.fresh,
        "deployed": up.deployed,
        "api_url": api.url,
        "api_address": api.address(""),
        "endpoint": up.state.endpoint,
        "region": up.state.region,
        "slack_url": slack,
        "stripe_url": slack.as_ref().map(|url| format!("{url}/stripe")),
        "logs": state_dir.join("logs"),
        "webhooks": sources.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
    }))
}
