//! The `tidegate` command.

use std::process::ExitCode;

use clap::Parser;
use tidegate_cli::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    run(Cli::parse()).await
}
