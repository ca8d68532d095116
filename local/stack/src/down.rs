//! Stops what `up` started.

use anyhow::Result;

use crate::state::StateDir;

/// What [`down`] did.
#[derive(Clone, Debug, Default)]
pub struct Down {
    /// Whether a stack was remembered at all.
    pub was_up: bool,
    /// How many processes were running.
    pub stopped: usize,
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

/// Ends deployments under way whose `up` was killed or interrupted.
pub(crate) async fn stop_helpers(state_dir: &StateDir) -> Result<()> {
    for helper in state_dir.helpers() {
        helper.stop().await?;
        state_dir.forget_helper(&helper);
    }
    Ok(())
}

/// After a failed `up`: forgets the stack if nothing of it runs any more. An update that failed leaves the running stack as it is.
pub(crate) fn forget_the_dead(state_dir: &StateDir) -> Result<()> {
    let Some(state) = state_dir.load()? else { return Ok(()) };
    let runs = state.groups().iter().any(|group| !group.members().is_empty());
    if runs { Ok(()) } else { state_dir.clear() }
}
