//! What a process has used, as the kernel counts it.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// CPU time of all threads of `pid` since it was forked, the ended ones included, in nanoseconds.
///
/// The process's own CPU clock, because the alternatives are too coarse or partial: `/proc/<pid>/stat` counts in
/// hundredths of a second, `/proc/<pid>/schedstat` knows the main thread only and lags by up to a tick while it runs.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<Duration> {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed())).context("no CPU clock: the process is gone")?;
    let time = clock_gettime(clock).context("the process ended while its CPU clock was read")?;
    Ok(Duration::from(time))
}

/// Bytes of `pid` that are in memory now, its program file's pages included.
///
/// From `smaps_rollup`, which walks the page tables; the figure in `status` is kept per CPU and may be off by many pages.
pub(crate) fn resident_memory(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let rollup = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let kibibytes = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|rest| rest.trim().strip_suffix("kB"))
        .and_then(|figure| figure.trim().parse::<u64>().ok())
        .with_context(|| format!("{path} has no Rss line"))?;
    Ok(kibibytes * 1024)
}
