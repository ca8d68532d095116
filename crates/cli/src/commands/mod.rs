//! The commands: each asks the library, then prints.

mod deploy;
mod down;
mod status;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use tokio::net::TcpListener;

use crate::args::{Cli, Command, Global, SlackStandin};
use crate::config;
use crate::deployment::{Choice, Deployment};
use crate::failure::Hint;
use crate::output::Output;
use crate::standin;
use crate::state::StateDir;

/// Runs the command and prints what comes of it.
pub async fn run(cli: Cli) -> ExitCode {
    let output = Output::new(cli.global.json);
    match dispatch(cli, output).await {
        Ok(code) => code,
        Err(error) => {
            output.error(&error);
            ExitCode::from(1)
        }
    }
}

async fn dispatch(cli: Cli, output: Output) -> Result<ExitCode> {
    if let Command::SlackStandin(arguments) = cli.command {
        return slack_standin(arguments, output).await;
    }
    let context = Context::new(&cli.global, output)?;
    match cli.command {
        Command::Up if cli.global.aws => deploy::run(&context, "arm64").await,
        Command::Up => up::run(&context).await,
        Command::Down => down::run(&context).await,
        Command::Status => status::run(&context).await,
        Command::Deploy(arguments) => deploy::run(&context, &arguments.architecture).await,
        Command::SlackStandin(_) => Ok(ExitCode::SUCCESS),
    }
}

/// What every command knows.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) choice: Choice,
}

impl Context {
    fn new(global: &Global, output: Output) -> Result<Self> {
        let root = match &global.state_dir {
            Some(dir) => std::path::absolute(dir)?,
            // Against AWS the directory only takes logs, so any place will do.
            None if global.aws => {
                config::find_checkout().map_or_else(|_| PathBuf::from(".tidegate"), |dir| dir.join(".tidegate"))
            }
            None => config::find_checkout()?.join(".tidegate"),
        };
        let choice = Choice { name: global.deployment.clone(), aws: global.aws, state: StateDir::new(root) };
        Ok(Self { output, choice })
    }

    pub(crate) async fn deployment(&self) -> Result<Deployment> {
        Deployment::find(&self.choice).await
    }
}

/// The hidden subcommand: binds, says where, serves. Nothing else may be printed, since nobody reads on.
async fn slack_standin(arguments: SlackStandin, output: Output) -> Result<ExitCode> {
    let listener = TcpListener::bind(arguments.listen).await.map_err(|error| {
        Hint::new(format!("cannot listen on {}: {error}", arguments.listen), "choose another address")
    })?;
    output.line(format!("http://{}", listener.local_addr()?));
    let interval = arguments.rate_limit.then_some(Duration::from_secs(1));
    let options = standin::Options { token: arguments.token, record: arguments.record, interval };
    standin::serve(listener, options).await?;
    Ok(ExitCode::SUCCESS)
}
