//! `make bench`: what a function costs to start, to run and to keep, as a report. An aim that is missed is no failure.

mod aws;
mod batch;
mod hostile;
mod machine;
mod orders;
mod per_event;
mod process;
mod report;
mod subject;
mod throttle;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Parser;

use crate::report::Report;
use crate::throttle::{Kind, Throttle};

/// Measures Tidegate's functions as real processes, and the library's cost per event.
#[derive(Debug, Parser)]
#[command(name = "tidegate-bench")]
struct Options {
    /// Where the functions were built: `<folder>/<function>/bootstrap`
    #[arg(long, default_value = "build/bench", value_name = "FOLDER")]
    bootstraps: PathBuf,

    /// How many processes of each function are started; figures are medians over them
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,

    /// Only these: a function (beside the empty one), `webhook` (cost per event), `hostile` (bodies of no good) or `batch`
    /// (the toolkit beside Powertools)
    #[arg(long, value_name = "PART")]
    only: Vec<String>,

    /// How a process is held to its share of a processor
    #[arg(long, value_enum, default_value_t = Kind::Auto)]
    throttle: Kind,

    /// Print JSON instead of tables
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let wanted = |part: &str| options.only.is_empty() || options.only.iter().any(|name| name == part);
    let functions: Vec<String> =
        options.only.iter().filter(|name| !["webhook", "hostile", "batch"].contains(&name.as_str())).cloned().collect();
    let subjects = if options.only.is_empty() || !functions.is_empty() { subject::chosen(&functions)? } else { vec![] };
    let throttle = Throttle::new(options.throttle)?;
    let report = Report {
        machine: machine::describe()?,
        rounds: options.rounds,
        share: throttle.describe(),
        functions: process::measure(&subjects, &options.bootstraps, options.rounds, &throttle).await?,
        per_event: wanted("webhook").then(per_event::measure).transpose()?,
        hostile: match wanted("hostile") {
            true => Some(hostile::measure(&options.bootstraps).await?),
            false => None,
        },
        batch: match wanted("batch") {
            true => Some(batch::measure(&options.bootstraps, options.rounds, &throttle).await?),
            false => None,
        },
    };
    let text = if options.json { serde_json::to_string_pretty(&report.to_json())? } else { report.to_string() };
    writeln!(std::io::stdout(), "{}", text.trim_end())?;
    Ok(())
}
