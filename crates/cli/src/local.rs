//! The local stack as the command and the tests use it: what `tidegate-local` brings up, and the data that functions read there.

mod connect;
mod seed;

use anyhow::Result;
pub use tidegate_local::{Down, Interrupted, StandinChoice, State, StateDir, UpOptions, down};

use crate::config;
use crate::deployment::Deployment;
use crate::output::Progress;

/// The region of a local stack when the caller's environment names none.
const DEFAULT_REGION: &str = "us-east-1";

/// What `up` found and did.
#[derive(Debug)]
pub struct Up {
    /// What runs now.
    pub state: State,
    /// The clients for it.
    pub deployment: Deployment,
    /// The stacks that had to be deployed; empty when everything was up and unchanged.
    pub deployed: Vec<String>,
    /// Whether this call started the emulator or an endpoint's first deployment.
    pub fresh: bool,
}

/// The region of an emulator of our own.
pub fn region() -> String {
    config::region_from_environment().unwrap_or_else(|| DEFAULT_REGION.to_owned())
}

/// Brings the local stack up, or brings a running one up to date.
///
/// Dropping the future kills what it started; call [`down`] afterwards to forget it.
pub async fn up(options: &UpOptions, progress: &Progress) -> Result<Up> {
    up_unless(options, progress, std::future::pending()).await
}

/// [`up`], unless `stop` is ready before: then what was started is stopped again, and the error is [`Interrupted`].
pub async fn up_unless(options: &UpOptions, progress: &Progress, stop: impl Future<Output = u8>) -> Result<Up> {
    let seed = async |state: &State| {
        let deployment = Deployment::of_state(state, &options.state).await?;
        seed::seed(&deployment, state, &options.state).await?;
        connect::connect(&deployment, state).await?;
        Ok(deployment)
    };
    let (up, deployment) = tidegate_local::up(options, progress, stop, seed).await?;
    Ok(Up { state: up.state, deployment, deployed: up.deployed, fresh: up.fresh })
}

impl tidegate_local::Progress for Progress {
    fn doing(&self, what: &str) {
        Progress::doing(self, what);
    }

    fn done(&self, what: &str) {
        Progress::done(self, what);
    }
}
