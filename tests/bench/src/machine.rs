//! The machine that the figures belong to.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use serde::Serialize;

/// What a reader needs to compare these figures with others.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
}

pub(crate) fn describe() -> anyhow::Result<Machine> {
    let cpus = fs::read_to_string("/proc/cpuinfo").context("cannot read /proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").context("cannot read the kernel's version")?;
    let rustc = Command::new("rustc").arg("--version").output().ok();
    Ok(Machine {
        // Only x86 names its model there.
        cpu: model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned()),
        cores: std::thread::available_parallelism().context("cannot count the processors")?.get(),
        kernel: kernel.trim().to_owned(),
        rustc: rustc
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
            .unwrap_or_else(|| "unknown".to_owned()),
    })
}
