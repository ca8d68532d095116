//! What would still be running after the stack is down.

use std::fs;
use std::path::Path;

/// Living processes that know of the state directory, be they children of anybody, and children of this process.
pub(crate) fn processes(state_dir: &Path) -> Vec<String> {
    let marker = state_dir.display().to_string();
    let own = std::process::id();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own && is_alive(*pid))
        .filter(|pid| parent(*pid) == Some(own) || environment(*pid).contains(&marker))
        .map(|pid| format!("{pid} {}", command_line(pid)))
        .collect()
}

/// The environment of a process as lines.
pub(crate) fn environment(pid: u32) -> String {
    read(pid, "environ").replace('\0', "\n")
}

fn command_line(pid: u32) -> String {
    read(pid, "cmdline").replace('\0', " ")
}

fn parent(pid: u32) -> Option<u32> {
    status(pid, "PPid:")?.parse().ok()
}

fn is_alive(pid: u32) -> bool {
    status(pid, "State:").is_some_and(|state| !state.starts_with('Z'))
}

fn status(pid: u32, field: &str) -> Option<String> {
    let status = read(pid, "status");
    Some(status.lines().find_map(|line| line.strip_prefix(field))?.trim().to_owned())
}

fn read(pid: u32, file: &str) -> String {
    fs::read(format!("/proc/{pid}/{file}"))
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}
