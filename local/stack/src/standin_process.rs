//! The stand-in as a process of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, bail};
use tidegate_standins::{Options, StandinClient};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::environment;
use crate::failure::Hint;
use crate::group::{self, Guard};
use crate::logs;
use crate::state::{Standin, StateDir};

/// It binds a port and prints its address, nothing else.
const START_DEADLINE: Duration = Duration::from_secs(10);

/// Starts the stand-in, on the port it had before if there was one: functions hold the old address for some minutes.
pub(crate) async fn start(program: &Path, dir: &StateDir, before: Option<&str>, guard: &mut Guard) -> Result<Standin> {
    let address = before.and_then(|url| url.strip_prefix("http://")).unwrap_or("127.0.0.1:0");
    match start_at(program, dir, address, guard).await {
        Err(_) if before.is_some() => start_at(program, dir, "127.0.0.1:0", guard).await,
        outcome => outcome,
    }
}

/// Whether it answers.
pub async fn is_healthy(url: &str) -> bool {
    StandinClient::new(url).is_healthy().await
}

async fn start_at(program: &Path, dir: &StateDir, address: &str, guard: &mut Guard) -> Result<Standin> {
    let log = dir.logs().join("standin.log");
    let errors = logs::append(&log)?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(environment::inherited())
        .args(["standin", "--listen", address, "--token", Options::LOCAL_TOKEN, "--record"])
        .arg(dir.slack_log())
        .arg("--record-callbacks")
        .arg(dir.callbacks_log())
        .stdout(Stdio::piped())
        .stderr(errors);
    let (group, mut child) = group::spawn(&mut command)?;
    guard.hold(group.clone());
    let Some(output) = child.stdout.take() else { bail!("the stand-in has no output") };
    let first_line = timeout(START_DEADLINE, BufReader::new(output).lines().next_line()).await;
    match first_line {
        Ok(Ok(Some(line))) if line.starts_with("http://") => Ok(Standin { group: Some(group), url: line }),
        _ => {
            group.stop().await?;
            bail!(Hint::new(
                format!("the stand-in did not start: {}", logs::tail(&log, 3)),
                format!("see {}", log.display()),
            ))
        }
    }
}
