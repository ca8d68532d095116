//! Breaks every saga at every step, once and twice, and prints how each ends: `make faults`.

use std::process::ExitCode;

use anyhow::Result;
use tidegate_saga::{matrix, order};

fn main() -> Result<ExitCode> {
    let holds = matrix::run(&order::TABLE, &mut std::io::stdout().lock())?;
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
