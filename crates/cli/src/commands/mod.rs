//! The commands: each asks the library, then prints.

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
mod status;
mod stock;
mod up;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tidegate_local::state::StateDir;
use tokio::net::TcpListener;

use crate::args::{Cli, Command, Global, Standin};
use crate::config;
use crate::deployment::{Choice, Deployment};
use crate::failure::Hint;
use crate::output::Output;

pub(crate) use send::Header;

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
        return standin(arguments, output).await;
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
async fn standin(arguments: Standin, output: Output) -> Result<ExitCode> {
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

/// A file's bytes, or standard input for `-`.
fn read_file(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("standard input cannot be read")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// `90s`, `10m`, `2h`, `1d`.
fn parse_age(text: &str) -> Result<Duration> {
    let secs = text.char_indices().last().and_then(|(at, unit)| {
        let count: u64 = text[..at].parse().ok()?;
        let unit = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        count.checked_mul(unit)
    });
    let secs =
        secs.ok_or_else(|| Hint::new(format!("{text} is not a length of time"), "write it like 90s, 10m, 2h or 1d"))?;
    Ok(Duration::from_secs(secs))
}

/// A number of milliseconds as people say it: `42 s`, `3 min`, `5 h`, `2 d`.
fn age(millis: i64) -> String {
    match millis / 1_000 {
        secs if secs < 120 => format!("{} s", secs.max(0)),
        secs if secs < 7_200 => format!("{} min", secs / 60),
        secs if secs < 172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_age("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_age("2h").unwrap(), Duration::from_secs(7_200));
        for text in ["", "m", "10", "10x", "-1m", "1.5h", "ten minutes", "99999999999999999999d", "5µ"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_are_told_in_the_unit_that_fits() {
        assert_eq!(
            [age(-5), age(42_000), age(180_000), age(7_200_000), age(172_800_000)],
            ["0 s", "42 s", "3 min", "2 h", "2 d"]
        );
    }
}
