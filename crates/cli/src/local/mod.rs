//! The local stack: the emulator with every function in it, the stand-in, the Stripe server behind it, and what is deployed there.
//!
//! ```text
//! up:    lock -> emulator -> remember -> Stripe, stand-in -> remember -> stacks | secrets -> remember -> acquaint -> unlock
//! down:  lock -> stop stand-in -> stop Stripe -> stop emulator and functions -> forget -> unlock
//! ```
//!
//! Whatever `up` starts is written down before anything else happens to it, and killed if `up` does not reach its end.

mod acquaint;
pub(crate) mod emulator;
pub mod group;
mod ports;
pub(crate) mod proc_table;
mod seed;
pub(crate) mod standin_process;
pub(crate) mod stripe;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::config;
use crate::deployment::Deployment;
use crate::failure::Hint;
use crate::local::group::Guard;
use crate::output::Progress;
use crate::sam::{self, Sam};
use crate::state::{Credentials, State, StateDir};

/// The region of a local stack when the caller's environment names none.
const DEFAULT_REGION: &str = "us-east-1";
/// How long a health check may take before the thing counts as down.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// What `up` needs to know.
#[derive(Clone, Debug)]
pub struct UpOptions {
    /// The checkout with `infra/` and `build/lambda/`.
    pub checkout: PathBuf,
    /// The environments `emulator`, `stripe` and `deploy`.
    pub tools: PathBuf,
    /// Where to remember what runs.
    pub state: StateDir,
    /// The deployment's name.
    pub deployment: String,
    /// Where AWS calls go when not to an emulator of our own.
    pub endpoint: Option<String>,
    /// Where the functions' AWS calls go when not straight to the emulator: to a proxy that passes them on.
    pub functions_endpoint: Option<String>,
    /// Who stands in for Slack, Stripe and whoever is called back.
    pub standin: StandinChoice,
}

/// Who stands in for Slack, Stripe and whoever is called back.
#[derive(Clone, Debug)]
pub enum StandinChoice {
    /// A process of its own, started from this program (the `tidegate` binary).
    Process(PathBuf),
    /// One that runs already, for instance in the test that brings the stack up.
    Running {
        /// Where it answers, without a trailing slash.
        url: String,
    },
}

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

/// What `down` did.
#[derive(Clone, Debug, Default)]
pub struct Down {
    /// Whether a stack was remembered at all.
    pub was_up: bool,
    /// How many processes were running.
    pub stopped: usize,
}

/// [`up`] was asked to stop before it was done, and left nothing behind of what it had started.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("stopped before the stack was up")]
pub struct Interrupted {
    /// The exit code that goes with the signal.
    pub code: u8,
}

/// Brings the local stack up, or brings a running one up to date.
///
/// Dropping the future kills what it started; call [`down`] afterwards to forget it.
pub async fn up(options: &UpOptions, progress: &Progress) -> Result<Up> {
    up_unless(options, progress, std::future::pending()).await
}

/// [`up`], unless `stop` is ready before: then what was started is stopped again, and the error is [`Interrupted`].
pub async fn up_unless(options: &UpOptions, progress: &Progress, stop: impl Future<Output = u8>) -> Result<Up> {
    let _lock = options.state.lock()?;
    let sam = Sam::find(&options.tools)?;
    let stacks = sam::plan(&options.checkout)?;
    let mut guard = Guard::new();
    let outcome = tokio::select! {
        outcome = bring_up(options, &sam, &stacks, &mut guard, progress) => outcome,
        code = stop => Err(Interrupted { code }.into()),
    };
    match outcome {
        Ok(up) => {
            guard.release();
            Ok(up)
        }
        Err(error) => {
            progress.doing("Stopping what was started");
            stop_helpers(&options.state).await?;
            guard.stop().await.context("what was started could not be stopped")?;
            forget_the_dead(&options.state)?;
            Err(error)
        }
    }
}

/// Stops everything that `up` started, functions included, and forgets it.
pub async fn down(state_dir: &StateDir) -> Result<Down> {
    if !state_dir.root().is_dir() {
        return Ok(Down::default());
    }
    let _lock = state_dir.lock()?;
    stop_helpers(state_dir).await?;
    let Some(state) = state_dir.load()? else { return Ok(Down::default()) };
    let mut done = Down { was_up: true, stopped: 0 };
    for group in state.groups() {
        done.stopped += group.members().len();
        group.stop().await?;
    }
    state_dir.clear()?;
    Ok(done)
}

async fn bring_up(
    options: &UpOptions,
    sam: &Sam,
    stacks: &[sam::StackPlan],
    guard: &mut Guard,
    progress: &Progress,
) -> Result<Up> {
    let (mut state, fresh) = running_or_new(options, guard, progress).await?;
    ensure_stripe(options, &mut state, guard, progress).await?;
    ensure_standin(options, &mut state, guard, progress).await?;

    let deployment = Deployment::of_state(&state, &options.state).await?;
    let standin_url = state.standin.as_ref().map(|standin| standin.url.clone()).unwrap_or_default();
    let target = sam::Target::local(&state, &deployment.region);
    let changed =
        stacks.iter().filter(|plan| state.digests.get(&plan.context) != Some(&plan.digest)).collect::<Vec<_>>();
    let deploy = sam::deploy(sam, &target, &changed, &options.state, progress);
    let seed = seed::seed(&deployment, &options.state, &standin_url);
    let (deployed, ()) = futures::try_join!(deploy, seed)?;

    state.digests.extend(stacks.iter().map(|plan| (plan.context.clone(), plan.digest.clone())));
    options.state.save(&state)?;
    acquaint::acquaint(&deployment, &state).await?;
    Ok(Up { state, deployment, deployed, fresh })
}

/// The stack that runs already, when it is healthy and the one that was asked for; otherwise a new one.
async fn running_or_new(options: &UpOptions, guard: &mut Guard, progress: &Progress) -> Result<(State, bool)> {
    if let Some(state) = options.state.load()? {
        let same_place = match (&options.endpoint, &state.emulator) {
            (Some(endpoint), None) => *endpoint == state.endpoint,
            (None, Some(emulator)) => emulator::is_healthy(emulator).await,
            _ => false,
        };
        if same_place && state.deployment == options.deployment {
            return Ok((state, false));
        }
        if same_place {
            return Err(Hint::new(
                format!("deployment {} is up here, not {}", state.deployment, options.deployment),
                "run `tidegate down` first, or use another --state-dir",
            )
            .into());
        }
        progress.doing("Clearing what an earlier stack left behind");
        stop_helpers(&options.state).await?;
        for group in state.groups() {
            group.stop().await?;
        }
        options.state.clear()?;
        options.state.create()?;
    }
    let mut state = State {
        deployment: options.deployment.clone(),
        endpoint: options.endpoint.clone().unwrap_or_default(),
        region: config::region_from_environment().unwrap_or_else(|| DEFAULT_REGION.to_owned()),
        credentials: None,
        emulator: None,
        standin: None,
        stripe: None,
        digests: Default::default(),
    };
    if options.endpoint.is_none() {
        progress.doing("Starting the emulator");
        state.credentials =
            Some(Credentials { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() });
        let emulator = emulator::start(options, &mut state, guard).await?;
        progress.done(format!("The emulator answers on port {}", emulator.port));
    }
    options.state.save(&state)?;
    Ok((state, true))
}

async fn ensure_stripe(options: &UpOptions, state: &mut State, guard: &mut Guard, progress: &Progress) -> Result<()> {
    if let Some(stripe) = &state.stripe {
        if stripe::is_healthy(stripe).await {
            return Ok(());
        }
        stripe.group.stop().await?;
    }
    progress.doing("Starting the Stripe server");
    state.stripe = Some(stripe::start(&options.tools, &options.state, guard).await?);
    options.state.save(state)
}

async fn ensure_standin(options: &UpOptions, state: &mut State, guard: &mut Guard, progress: &Progress) -> Result<()> {
    match &options.standin {
        StandinChoice::Running { url } => state.standin = Some(crate::state::Standin { group: None, url: url.clone() }),
        StandinChoice::Process(program) => {
            if let Some(standin) = &state.standin
                && standin_process::is_healthy(&standin.url).await
            {
                return Ok(());
            }
            progress.doing("Starting the stand-in");
            let before = state.standin.as_ref().map(|standin| standin.url.clone());
            state.standin = Some(standin_process::start(program, &options.state, before.as_deref(), guard).await?);
        }
    }
    options.state.save(state)
}

/// Ends deployments under way whose `up` was killed or interrupted.
async fn stop_helpers(state_dir: &StateDir) -> Result<()> {
    for helper in state_dir.helpers() {
        helper.stop().await?;
        state_dir.forget_helper(&helper);
    }
    Ok(())
}

/// After a failed `up`: forgets the stack if nothing of it runs any more. An update that failed leaves the running stack as it is.
fn forget_the_dead(state_dir: &StateDir) -> Result<()> {
    let Some(state) = state_dir.load()? else { return Ok(()) };
    let runs = state.groups().iter().any(|group| !group.members().is_empty());
    if runs { Ok(()) } else { state_dir.clear() }
}
