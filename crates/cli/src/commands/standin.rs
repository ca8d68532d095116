//! The hidden subcommand: binds, prints where, serves. It prints nothing else, because its output is read no further.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use tidegate_operations::Hint;
use tokio::net::TcpListener;

use crate::args::Standin;
use crate::output::Output;

pub(super) async fn run(arguments: Standin, output: Output) -> Result<ExitCode> {
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        Hint::new(format!("cannot listen on {}: {error}", arguments.listen), "choose another address")
    })?;
    output.line(format!("http://{}", listener.local_addr()?));
    let interval = arguments.rate_limit.then_some(Duration::from_secs(1));
    let options = tidegate_standins::Options {
        token: arguments.token,
        record: arguments.record,
        callbacks_record: arguments.record_callbacks,
        interval,
    };
    tidegate_standins::serve(listener, options).await?;
    Ok(ExitCode::SUCCESS)
}
