//! Brings the local stack up, or brings a running one up to date.
//!
//! ```text
//! lock -> emulator -> remember -> Stripe, stand-in -> remember -> stacks -> remember -> the caller's data -> unlock
//! ```
//!
//! Every process is written down before anything else happens to it, and killed if `up` does not reach its end.

use anyhow::{Context, Result};

use crate::down::{forget_the_dead, stop_helpers};
use crate::failure::Hint;
use crate::group::Guard;
use crate::options::{StandinChoice, UpOptions};
use crate::plan::{self, StackPlan};
use crate::progress::Progress;
use crate::sam::{self, Sam, Target};
use crate::state::{Credentials, Standin, State};
use crate::{deploy, emulator, package, standin_process, stripe};

/// What [`up`] found and did.
#[derive(Debug)]
pub struct Up {
    /// What runs now.
    pub state: State,
    /// The stacks that had to be deployed; empty when everything was up and unchanged.
    pub deployed: Vec<String>,
    /// Whether this call started the emulator or an endpoint's first deployment.
    pub fresh: bool,
}

/// [`up`] was asked to stop before it was done, and left nothing behind of what it had started.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("stopped before the stack was up")]
pub struct Interrupted {
    /// The exit code that goes with the signal.
    pub code: u8,
}

/// Brings the stack up, calls `seed` on it, and gives what both made.
///
/// When `stop` is ready before, or something fails, what was started is stopped again; for `stop` the error is [`Interrupted`]. Dropping
/// the future kills what it started; call [`crate::down()`] afterwards to forget it.
pub async fn up<T>(
    options: &UpOptions,
    progress: &dyn Progress,
    stop: impl Future<Output = u8>,
    seed: impl AsyncFnOnce(&State) -> Result<T>,
) -> Result<(Up, T)> {
    let _lock = options.state.lock()?;
    let stacks = plan::read(&options.checkout)?;
    let mut guard = Guard::new();
    let work = async {
        let up = bring_up(options, &stacks, &mut guard, progress).await?;
        let seeded = seed(&up.state).await?;
        Ok((up, seeded))
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
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

async fn bring_up(options: &UpOptions, stacks: &[StackPlan], guard: &mut Guard, progress: &dyn Progress) -> Result<Up> {
    let (mut state, fresh) = running_or_new(options, guard, progress).await?;
    let starting = ensure_stripe(options, &mut state, guard, progress).await?;
    ensure_standin(options, &mut state, guard, progress).await?;

    let changed =
        stacks.iter().filter(|plan| state.digests.get(&plan.context) != Some(&plan.digest)).collect::<Vec<_>>();
    let deployed = if state.emulator.is_some() {
        let deployed = deploy::deploy(&state, &changed, &options.state, progress).await?;
        package::prune(stacks, &options.state)?;
        deployed
    } else {
        sam::deploy(&Sam::find(&options.tools)?, &Target::endpoint(&state), &changed, &options.state, progress).await?
    };
    state.digests.extend(stacks.iter().map(|plan| (plan.context.clone(), plan.digest.clone())));
    options.state.save(&state)?;
    if let Some(starting) = starting {
        progress.doing("Waiting for the Stripe server");
        starting.ready().await?;
    }
    Ok(Up { state, deployed, fresh })
}

/// The stack that runs already, when it is healthy and the one that was asked for; otherwise a new one.
async fn running_or_new(options: &UpOptions, guard: &mut Guard, progress: &dyn Progress) -> Result<(State, bool)> {
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
        region: options.region.clone(),
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
        progress.done(&format!("The emulator answers on port {}", emulator.port));
    }
    options.state.save(&state)?;
    Ok((state, true))
}

async fn ensure_stripe(
    options: &UpOptions,
    state: &mut State,
    guard: &mut Guard,
    progress: &dyn Progress,
) -> Result<Option<stripe::Starting>> {
    if let Some(stripe) = &state.stripe {
        if stripe::is_healthy(stripe).await {
            return Ok(None);
        }
        stripe.group.stop().await?;
    }
    progress.doing("Starting the Stripe server");
    let starting = stripe::start(&options.tools, &options.state, guard)?;
    state.stripe = Some(starting.stripe.clone());
    options.state.save(state)?;
    Ok(Some(starting))
}

async fn ensure_standin(
    options: &UpOptions,
    state: &mut State,
    guard: &mut Guard,
    progress: &dyn Progress,
) -> Result<()> {
    match &options.standin {
        StandinChoice::Running { url } => state.standin = Some(Standin { group: None, url: url.clone() }),
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
