//! What every command knows.

use std::path::PathBuf;

use anyhow::Result;
use tidegate_local::state::StateDir;

use crate::args::Global;
use crate::config;
use crate::deployment::{Choice, Deployment};
use crate::output::Output;

pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) choice: Choice,
}

impl Context {
    pub(crate) fn new(global: &Global, output: Output) -> Result<Self> {
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
