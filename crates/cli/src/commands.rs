//! The commands: each calls `tidegate-operations` or the local stack, then prints.

mod callbacks;
mod demo;
mod deploy;
mod dlq;
mod down;
mod login;
mod logs;
mod orders;
mod sagas;
mod send;
mod slack;
mod source;
mod standin;
mod status;
mod stock;
mod up;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::output::Output;

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
    if let Command::Standin(arguments) = cli.command {
        return standin::run(arguments, output).await;
    }
    let context = Context::new(&cli.global, output)?;
    match cli.command {
        Command::Up if cli.global.aws => deploy::run(&context, "arm64", &[]).await,
        Command::Up => up::run(&context).await,
        Command::Down => down::run(&context).await,
        Command::Status => status::run(&context).await,
        Command::Deploy(arguments) => deploy::run(&context, &arguments.architecture, &arguments.stacks).await,
        Command::Send(arguments) => send::run(&context, arguments).await,
        Command::Logs(arguments) => logs::run(&context, arguments).await,
        Command::Dlq(command) => dlq::run(&context, command).await,
        Command::Source(command) => source::run(&context, command).await,
        Command::Slack(command) => slack::run(&context, command).await,
        Command::Login(arguments) => login::run(&context, &arguments).await,
        Command::Orders(command) => orders::run(&context, command).await,
        Command::Sagas(command) => sagas::run(&context, command).await,
        Command::Stock(command) => stock::run(&context, command).await,
        Command::Callbacks(command) => callbacks::run(&context, command).await,
        Command::Demo { keep } => demo::run(&context, keep).await,
        Command::Standin(_) => Ok(ExitCode::SUCCESS),
    }
}
