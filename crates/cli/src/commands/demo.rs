//! `tidegate demo`: what the applications do, printed as it happens. Each expectation that fails ends it with exit code 1.

mod github;
mod orders;

use std::process::ExitCode;

use anyhow::Result;

use super::up::{Brought, bring_up};
use crate::context::Context;
use crate::interrupt::Interrupt;
use crate::local::{self, Up};
use crate::output::Progress;

pub(super) async fn run(context: &Context, keep: bool) -> Result<ExitCode> {
    let mut interrupt = Interrupt::listen()?;
    let progress = Progress::start();
    let brought = bring_up(context, &progress, &mut interrupt).await;
    progress.finish();
    let up = match brought? {
        Brought::Up(up) => up,
        Brought::Interrupted(code) => return Ok(ExitCode::from(code)),
    };
    context.output.line(format!("Deployment {} is up at {}.", up.state.deployment, up.state.endpoint));
    let outcome = tokio::select! {
        outcome = play(context, &up) => outcome.map(|()| ExitCode::SUCCESS),
        code = interrupt.requested() => Ok(ExitCode::from(code)),
    };
    // A stack that was up before this command stays up.
    if keep || !up.fresh {
        context.output.line(
            "\nThe stack is still up: try `tidegate status`, `tidegate logs`, `tidegate orders place`, `tidegate send github pull_request`.",
        );
        context.output.line("`tidegate down` stops it.");
    } else {
        let done = local::down(&context.choice.state).await?;
        context.output.line(format!(
            "\nStopped {} processes; nothing is left running. Keep the stack with --keep.",
            done.stopped
        ));
    }
    outcome
}

async fn play(context: &Context, up: &Up) -> Result<()> {
    let mut document = github::play(context, up).await?;
    document["orders"] = orders::play(context, up).await?;
    context.output.document(&document)
}
