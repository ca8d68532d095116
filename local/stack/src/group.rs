//! Process groups: everything the local stack starts lives in one, so that nothing of it can be left behind.
//!
//! The emulator runs each function as a child process. A child inherits the group of its parent, so a signal to the group reaches
//! the children too, also after the emulator itself has died.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::proc_table;

/// How long a group may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// How long the kernel may take to remove killed processes.
const KILL_DEADLINE: Duration = Duration::from_secs(5);
/// Between two looks at the process table.
const POLL: Duration = Duration::from_millis(50);

/// A process group as remembered in the state file: the leader's id and when the leader started.
///
/// Process ids are used again. A leader with another start time is another program's process and is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The leader's process id, which is also the group's id.
    pub pid: u32,
    /// The leader's start time as the system reports it; compared, never interpreted.
    pub started: String,
}

/// Starts `command` as the leader of a new group.
pub fn spawn(command: &mut Command) -> Result<(Group, Child)> {
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let mut child = command
        .process_group(0)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("{program} could not be started"))?;
    let Some(pid) = child.id() else { bail!("{program} ended at once") };
    match proc_table::start_time(pid) {
        Some(started) => Ok((Group { pid, started }, child)),
        None => {
            let status = child.try_wait().ok().flatten();
            bail!("{program} ended at once{}", status.map(|status| format!(" with {status}")).unwrap_or_default())
        }
    }
}

impl Group {
    /// Whether the leader is still the process that was started.
    pub fn is_running(&self) -> bool {
        proc_table::start_time(self.pid).is_some_and(|started| started == self.started)
    }

    /// The living processes of the group. Empty when the id now belongs to another group.
    pub fn members(&self) -> Vec<u32> {
        let reused = proc_table::start_time(self.pid).is_some_and(|started| started != self.started);
        if reused { Vec::new() } else { proc_table::living_members(self.pid) }
    }

    /// Ends the whole group: asks, waits, kills, and makes sure that nothing is left.
    pub async fn stop(&self) -> Result<()> {
        self.signal(Signal::TERM);
        if self.ends_within(GRACE).await {
            return Ok(());
        }
        self.signal(Signal::KILL);
        if self.ends_within(KILL_DEADLINE).await {
            return Ok(());
        }
        bail!("processes {:?} of group {} do not end, even when killed", self.members(), self.pid)
    }

    /// Kills the group without waiting; for `Drop` and signal paths.
    pub fn kill_now(&self) {
        self.signal(Signal::KILL);
    }

    fn signal(&self, signal: Signal) {
        if self.members().is_empty() {
            return;
        }
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw) {
            // The group may end between the look and the signal: then there is nothing to do.
            let _ = kill_process_group(pid, signal);
        }
    }

    async fn ends_within(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if self.members().is_empty() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            sleep(POLL).await;
        }
    }
}

/// Kills its groups when dropped, unless released: `up` holds one until it has written what runs to the state file for good.
#[derive(Debug)]
pub struct Guard {
    groups: Vec<Group>,
}

impl Guard {
    /// Holds nothing yet.
    pub fn new() -> Self {
        Self { groups: Vec::new() }
    }

    /// Takes responsibility for a group.
    pub fn hold(&mut self, group: Group) {
        self.groups.push(group);
    }

    /// The groups are to stay.
    pub fn release(mut self) {
        self.groups.clear();
    }

    /// Ends every group, the last started first.
    pub async fn stop(&mut self) -> Result<()> {
        let mut outcome = Ok(());
        while let Some(group) = self.groups.pop() {
            outcome = outcome.and(group.stop().await);
        }
        outcome
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for group in &self.groups {
            group.kill_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    /// A shell with two children, one of which has a child of its own and ignores SIGTERM when asked to.
    async fn family(stubborn: bool) -> (Group, Child, Vec<u32>) {
        let trap = if stubborn { "trap '' TERM; " } else { "" };
        let script =
            format!("{trap}sleep 300 & a=$!; sh -c '{trap}sleep 300 & echo $!; wait' & b=$!; echo $a; echo $b; wait");
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).stdout(Stdio::piped());
        let (group, mut child) = spawn(&mut command).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut pids = vec![group.pid];
        for _ in 0..3 {
            pids.push(lines.next_line().await.unwrap().unwrap().parse().unwrap());
        }
        (group, child, pids)
    }

    fn living(pids: &[u32], group: &Group) -> Vec<u32> {
        let members = group.members();
        pids.iter().copied().filter(|pid| members.contains(pid)).collect()
    }

    #[tokio::test]
    async fn stopping_a_group_ends_children_and_grandchildren() {
        let (group, _child, pids) = family(false).await;
        assert_eq!(living(&pids, &group).len(), 4, "all four run");
        group.stop().await.unwrap();
        assert_eq!(living(&pids, &group), Vec::<u32>::new());
    }

    #[tokio::test]
    async fn children_that_outlive_their_leader_are_still_found_and_ended() {
        let (group, mut child, pids) = family(false).await;
        child.kill().await.unwrap();
        assert!(!group.is_running());
        assert_eq!(living(&pids, &group).len(), 3, "the children are orphans now");
        group.stop().await.unwrap();
        assert_eq!(group.members(), Vec::<u32>::new());
    }

    #[tokio::test]
    async fn a_group_that_ignores_the_polite_signal_is_killed() {
        let (group, _child, pids) = family(true).await;
        assert_eq!(living(&pids, &group).len(), 4);
        group.stop().await.unwrap();
        assert_eq!(group.members(), Vec::<u32>::new());
    }

    #[tokio::test]
    async fn a_dropped_guard_leaves_nothing_running() {
        let (group, mut child, _pids) = family(true).await;
        let mut guard = Guard::new();
        guard.hold(group.clone());
        drop(guard);
        child.wait().await.unwrap();
        assert!(group.ends_within(KILL_DEADLINE).await);
    }

    #[tokio::test]
    async fn a_reused_process_id_is_left_alone() {
        let (group, _child, pids) = family(false).await;
        let stale = Group { pid: group.pid, started: "long ago".to_owned() };
        assert!(!stale.is_running());
        stale.stop().await.unwrap();
        assert_eq!(living(&pids, &group).len(), 4, "the other group was not touched");
        group.stop().await.unwrap();
    }
}
