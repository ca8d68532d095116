//! Draws every saga anew: `make diagrams`.

use std::path::Path;

use anyhow::{Context, Result};
use tidegate_architecture::{drawing, machine};
use tidegate_events::Saga;

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let machines = machine::read_all(&root.join("statemachines"))?;
    for saga in Saga::ALL {
        let of_saga = machines.iter().find(|machine| machine.name == machine::file_of(*saga));
        let page = drawing::page(of_saga.context(saga.name)?, *saga);
        std::fs::write(root.join("docs").join(format!("{}.md", saga.name)), page)?;
    }
    Ok(())
}
