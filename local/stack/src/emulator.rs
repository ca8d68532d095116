//! The emulator process: AWS on one port of this machine, with IAM enforced and each function a child process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, bail};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::environment;
use crate::failure::Hint;
use crate::group::{self, Guard};
use crate::health;
use crate::logs;
use crate::options::UpOptions;
use crate::ports;
use crate::state::{Emulator, State, StateDir};

/// Python imports a few hundred modules; a cold disk makes that slow.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Between two health checks while starting.
const POLL: Duration = Duration::from_millis(20);
/// How often a port that was lost to another program is replaced.
const ATTEMPTS: usize = 3;

/// Starts the emulator on a free port, remembers it and waits until it is ready.
pub(crate) async fn start(options: &UpOptions, state: &mut State, guard: &mut Guard) -> Result<Emulator> {
    let program = options.tools.join("emulator/bin/ministack");
    if !program.is_file() {
        bail!(Hint::new(
            format!("the emulator is not installed: {} is missing", program.display()),
            "run `make setup`"
        ));
    }
    options.state.create()?;
    let log = options.state.logs().join("emulator.log");
    for _ in 1..ATTEMPTS {
        match start_once(&program, &log, options, state, guard).await {
            Err(error) if error.is::<PortTaken>() => {}
            outcome => return outcome,
        }
    }
    start_once(&program, &log, options, state, guard).await
}

/// Whether the remembered emulator is the process that was started, and answers.
pub async fn is_healthy(emulator: &Emulator) -> bool {
    emulator.group.is_running() && is_ready(emulator.port).await
}

#[derive(Debug, thiserror::Error)]
#[error("the port chosen for the emulator was taken by another program")]
struct PortTaken;

async fn start_once(
    program: &PathBuf,
    log: &Path,
    options: &UpOptions,
    state: &mut State,
    guard: &mut Guard,
) -> Result<Emulator> {
    let dir = &options.state;
    let port = ports::free()?;
    let output = logs::create(log)?;
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(environment::inherited())
        .envs(variables(port, state, dir, options.functions_endpoint.as_deref()))
        .current_dir(dir.scratch())
        .stdout(output.try_clone()?)
        .stderr(Stdio::from(output));
    let (group, mut child) = group::spawn(&mut command)?;
    guard.hold(group.clone());
    let emulator = Emulator { group, port };
    state.endpoint = format!("http://127.0.0.1:{port}");
    state.emulator = Some(emulator.clone());
    dir.save(state)?;
    wait_until_ready(&mut child, port, log).await?;
    Ok(emulator)
}

fn variables(port: u16, state: &State, dir: &StateDir, functions_endpoint: Option<&str>) -> Vec<(String, String)> {
    let scratch = dir.scratch().display().to_string();
    let functions_endpoint = functions_endpoint.map_or_else(|| format!("http://127.0.0.1:{port}"), str::to_owned);
    let credentials = state.credentials.clone();
    let (id, secret) = credentials.map(|own| (own.access_key_id, own.secret_access_key)).unwrap_or_default();
    [
        ("GATEWAY_PORT", port.to_string()),
        // The default is every interface of the machine.
        ("BIND_HOST", "127.0.0.1".to_owned()),
        // Roles are enforced, so that a missing permission shows here and not on AWS.
        ("AUTH", "true".to_owned()),
        // No MQTT listener on 8883.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        ("LAMBDA_EXECUTOR", "local".to_owned()),
        ("MINISTACK_REGION", state.region.clone()),
        ("AWS_ACCESS_KEY_ID", id),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_DEFAULT_REGION", state.region.clone()),
        ("AWS_REGION", state.region.clone()),
        // Where functions call AWS. They see every variable of this environment.
        ("AWS_ENDPOINT_URL", functions_endpoint),
        ("SFTP_ENABLED", "0".to_owned()),
        ("HOME", scratch.clone()),
        // Of functions too: their code is below it (`package.rs`).
        ("TMPDIR", scratch.clone()),
        ("STATE_DIR", format!("{scratch}/state")),
        ("S3_DATA_DIR", format!("{scratch}/s3")),
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

async fn wait_until_ready(child: &mut Child, port: u16, log: &Path) -> Result<()> {
    let deadline = Instant::now() + START_DEADLINE;
    loop {
        if let Some(status) = child.try_wait()? {
            let tail = logs::tail(log, 15);
            if tail.contains("already in use") {
                bail!(PortTaken);
            }
            bail!(Hint::new(format!("the emulator ended with {status}\n{tail}"), format!("see {}", log.display())));
        }
        if is_ready(port).await {
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!(Hint::new(
                format!("the emulator was not ready within {} s", START_DEADLINE.as_secs()),
                format!("see {}", log.display()),
            ));
        }
        sleep(POLL).await;
    }
}

async fn is_ready(port: u16) -> bool {
    health::is_healthy(&format!("http://127.0.0.1:{port}/_ministack/ready")).await
}
