//! `tidegate down`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use tidegate_operations::Hint;

use crate::context::Context;
use crate::local;
use crate::output::Progress;

pub(super) async fn run(context: &Context) -> Result<ExitCode> {
    if context.choice.aws {
        bail!(Hint::new(
            "`down` stops the local stack only",
            "delete a deployment on AWS with CloudFormation, stack by stack"
        ));
    }
    let progress = Progress::start();
    progress.doing("Stopping the local stack");
    let done = local::down(&context.choice.state).await;
    progress.finish();
    let done = done?;
    context.output.line(match (done.was_up, done.stopped) {
        (false, _) => "Nothing was up.".to_owned(),
        (true, 1) => "Stopped 1 process; nothing is left running.".to_owned(),
        (true, count) => format!("Stopped {count} processes; nothing is left running."),
    });
    context.output.document(&json!({"was_up": done.was_up, "stopped_processes": done.stopped}))?;
    Ok(ExitCode::SUCCESS)
}
