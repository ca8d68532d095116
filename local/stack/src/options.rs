//! What the local stack needs to know before it is brought up.

use std::path::PathBuf;

use crate::state::StateDir;

#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The checkout with `infra/` and `build/lambda/`.
    pub checkout: PathBuf,
    /// The environments `emulator`, `stripe` and `deploy`.
    pub tools: PathBuf,
    /// Where to remember what runs.
    pub state: StateDir,
    pub deployment: String,
    pub region: String,
    /// Where AWS calls go when not to an emulator of our own.
    pub endpoint: Option<String>,
    /// Where the functions' AWS calls go when not straight to the emulator: to a proxy that passes them on.
    pub functions_endpoint: Option<String>,
    pub standin: StandinChoice,
}

/// Which stand-in serves Slack, Stripe and the receiver of callbacks.
#[derive(Clone, Debug)]
pub enum StandinChoice {
    /// A process of its own, started from this program, which has to understand `standin --listen …`.
    Process(PathBuf),
    /// One that runs already, for instance in the test that brings the stack up.
    Running {
        /// Its address, without a trailing slash.
        url: String,
    },
}
