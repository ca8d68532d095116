//! Holds a process to the share of a processor that Lambda gives at 128 MB.
//!
//! Lambda gives a whole processor at 1,769 MB, so 7 % at 128 MB, and a whole one while a function initialises. The kernel's own
//! limit does it exactly where a control group can be made; elsewhere the process is stopped and continued.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// 128 of 1,769 MB.
pub(crate) const SHARE: f64 = 0.07;
/// A fifth of the kernel's default, so that a call shows it when it uses more than its share.
const PERIOD: Duration = Duration::from_millis(20);
const RUN: Duration = Duration::from_micros(1_400);

/// Which of the ways to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// The kernel's limit if possible, else stop and continue
    Auto,
    /// The kernel's limit (a control group; usually needs root)
    Quota,
    /// Stop and continue the process
    DutyCycle,
}

/// A way to hold processes to their share.
#[derive(Debug)]
pub(crate) enum Throttle {
    Quota(Group),
    DutyCycle,
}

impl Throttle {
    pub(crate) fn new(kind: Kind) -> anyhow::Result<Self> {
        if kind == Kind::DutyCycle {
            return Ok(Self::DutyCycle);
        }
        match Group::new() {
            Ok(group) => Ok(Self::Quota(group)),
            Err(_) if kind == Kind::Auto => Ok(Self::DutyCycle),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn describe(&self) -> String {
        let way = match self {
            Self::Quota(_) => "by the kernel's bandwidth limit",
            Self::DutyCycle => "by stopping and continuing the process, which is coarser than the kernel's limit",
        };
        format!("{:.0} % of a processor, {RUN:?} in every {PERIOD:?}, {way}", SHARE * 100.0)
    }

    /// Throttles a process from now on, until what is returned is dropped or the process ends.
    pub(crate) fn hold(&self, pid: u32) -> anyhow::Result<Held> {
        match self {
            Self::Quota(group) => group.take(pid).map(|()| Held(None)),
            Self::DutyCycle => Ok(Held(Some(DutyCycle::start(Pid::from_raw(pid.cast_signed()))))),
        }
    }
}

/// A control group of the benchmark's own, removed when dropped.
#[derive(Debug)]
pub(crate) struct Group {
    folder: PathBuf,
}

impl Group {
    fn new() -> anyhow::Result<Self> {
        let name = format!("tidegate-bench-{}", std::process::id());
        let (v1, v2) = (PathBuf::from("/sys/fs/cgroup/cpu"), PathBuf::from("/sys/fs/cgroup"));
        let (parent, limits) = if v1.join("cpu.cfs_quota_us").exists() {
            let quota = ("cpu.cfs_quota_us", RUN.as_micros().to_string());
            (v1, vec![("cpu.cfs_period_us", PERIOD.as_micros().to_string()), quota])
        } else {
            (v2, vec![("cpu.max", format!("{} {}", RUN.as_micros(), PERIOD.as_micros()))])
        };
        let folder = parent.join(name);
        fs::create_dir(&folder).context("cannot make a control group")?;
        let group = Self { folder };
        for (file, limit) in limits {
            fs::write(group.folder.join(file), limit).with_context(|| format!("cannot set {file}"))?;
        }
        Ok(group)
    }

    fn take(&self, pid: u32) -> anyhow::Result<()> {
        let members = self.folder.join("cgroup.procs");
        fs::write(members, pid.to_string()).context("cannot move the process into the control group")
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // It is empty by now unless a process outlived its kill; the kernel refuses then, and nothing here could mend it.
        let _ = fs::remove_dir(&self.folder);
    }
}

/// A throttled process.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "held for its drop, which ends the duty cycle")] Option<DutyCycle>);

#[derive(Debug)]
struct DutyCycle {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl DutyCycle {
    fn start(pid: Pid) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                std::thread::sleep(RUN);
                // A process that ended needs neither signal.
                let _ = kill(pid, Signal::SIGSTOP);
                std::thread::sleep(PERIOD.saturating_sub(RUN));
                let _ = kill(pid, Signal::SIGCONT);
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for DutyCycle {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
