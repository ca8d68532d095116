//! A function: one real `bootstrap` process on an execution environment.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;

use super::{Invocation, LambdaApi, Session, Stage, lock, process};

/// What every function finds in its environment, unless the test gives something else under the same name.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("_HANDLER", "bootstrap"),
    ("AWS_ACCESS_KEY_ID", "test"),
    ("AWS_SECRET_ACCESS_KEY", "test"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_NAME", "function-under-test"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/function-under-test"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "local"),
    ("LANG", "en_US.UTF-8"),
    ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ("TZ", ":UTC"),
];

/// When a process asked for work for the first time.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    /// Wall-clock time since it was spawned.
    pub elapsed: Duration,
    /// CPU time it had used by then, loading included.
    pub cpu: Duration,
}

/// How an invocation ended.
#[derive(Debug, Clone)]
#[must_use]
pub enum Outcome {
    /// The function answered, with these bytes.
    Response(Bytes),
    /// The function reported a failed invocation, with this error object.
    Error(Value),
    /// The process ended before it answered.
    Crashed(ExitStatus),
    /// Neither happened in time. The process runs on; [`Function::kill`] does what Lambda would.
    TimedOut,
}

impl Outcome {
    /// The answer, or an error that says what happened instead.
    pub fn response(self) -> anyhow::Result<Bytes> {
        match self {
            Self::Response(body) => Ok(body),
            Self::Error(_) | Self::Crashed(_) | Self::TimedOut => {
                anyhow::bail!("the function did not answer: {self:?}")
            }
        }
    }

    /// The answer as JSON.
    pub fn json(self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.response()?).context("the function's answer is not JSON")
    }
}

/// The event of an invocation.
#[derive(Debug, Clone)]
pub struct Payload(Bytes);

impl From<Value> for Payload {
    fn from(event: Value) -> Self {
        Self(event.to_string().into())
    }
}

impl From<&Value> for Payload {
    fn from(event: &Value) -> Self {
        Self(event.to_string().into())
    }
}

impl From<Bytes> for Payload {
    fn from(event: Bytes) -> Self {
        Self(event)
    }
}

impl From<Vec<u8>> for Payload {
    fn from(event: Vec<u8>) -> Self {
        Self(event.into())
    }
}

/// A running function. Dropping it kills its process.
#[derive(Debug)]
pub struct Function {
    session: Arc<Session>,
    killer: Killer,
    exit: watch::Receiver<Option<ExitStatus>>,
    logs: Arc<Mutex<Vec<u8>>>,
    // Held for its drop: the aborted task drops the child, which is killed with it.
    _monitor: JoinSet<()>,
}

impl Function {
    /// Starts `bootstrap` on `api` with a clean environment: what Lambda sets, evidently invalid credentials, and `env`, which may
    /// override either. Needs a Tokio runtime. Fails when another function still runs on the same `api`.
    pub fn spawn<K, V>(api: &LambdaApi, bootstrap: impl AsRef<Path>, env: &[(K, V)]) -> anyhow::Result<Self>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let bootstrap = bootstrap.as_ref();
        let mut command = Command::new(bootstrap);
        command
            .env_clear()
            .envs(ENVIRONMENT.iter().copied())
            .env("AWS_LAMBDA_RUNTIME_API", api.endpoint())
            .envs(env.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let (child, session) = api.occupy(|| {
            let spawned = Instant::now();
            let child = command.spawn().with_context(|| format!("cannot start {}", bootstrap.display()))?;
            let pid = child.id().context("the process ended before it began")?;
            Ok((child, Arc::new(Session::new(pid, spawned))))
        })?;

        let killer = Killer(Arc::default());
        let logs: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (exited, exit) = watch::channel(None);
        let mut monitor = JoinSet::new();
        monitor.spawn(watch_over(child, killer.clone(), Arc::clone(&logs), Arc::clone(&session), exited));
        Ok(Self { session, killer, exit, logs, _monitor: monitor })
    }

    /// Waits for the process's first request for work. Fails, with its output, when it ends or reports a failed initialisation instead.
    pub async fn ready(&self) -> anyhow::Result<Started> {
        let mut stage = self.session.stage.subscribe();
        let mut exit = self.exit.clone();
        tokio::select! {
            biased;
            stage = stage.wait_for(|stage| !matches!(stage, Stage::Initialising)) => match &*stage? {
                Stage::InitFailed(error) => anyhow::bail!("initialisation failed: {error}\n{}", self.logs()),
                Stage::Ready(started) => Ok(*started),
                Stage::Initialising => anyhow::bail!("initialisation went on after it ended"),
            },
            status = exit.wait_for(Option::is_some) => {
                let status = *status?;
                anyhow::bail!("the process ended before it asked for work: {status:?}\n{}", self.logs())
            }
        }
    }

    /// Gives the process an event and waits for what becomes of it, at most `timeout`, which is also the deadline it is told.
    /// Invocations that are started together are worked off one after the other, as on Lambda.
    pub async fn invoke(&self, event: impl Into<Payload>, timeout: Duration) -> Outcome {
        let (outcome, answered) = oneshot::channel();
        let Payload(payload) = event.into();
        // A closed channel means an ended session, which the exit below reports.
        let _ = self.session.waiting.send(Invocation { payload, timeout, outcome });
        let mut exit = self.exit.clone();
        tokio::select! {
            biased;
            Ok(outcome) = answered => outcome,
            Ok(status) = exit.wait_for(Option::is_some) => status.map_or(Outcome::TimedOut, Outcome::Crashed),
            () = tokio::time::sleep(timeout) => Outcome::TimedOut,
        }
    }

    /// CPU time of the process so far, all its threads, in nanoseconds. Fails when it has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        process::cpu(self.session.pid)
    }

    /// Bytes of the process that are in memory now.
    pub fn resident_memory(&self) -> anyhow::Result<u64> {
        process::resident_memory(self.session.pid)
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.session.pid
    }

    /// What it wrote to standard output and standard error so far; all of it once it has ended.
    #[must_use]
    pub fn logs(&self) -> String {
        String::from_utf8_lossy(&lock(&self.logs)).into_owned()
    }

    /// Kills the process (SIGKILL) and waits until it is gone. Its environment may then start another.
    pub async fn kill(&self) -> anyhow::Result<ExitStatus> {
        self.killer.kill();
        self.exited().await
    }

    /// Waits for the process to end by itself or by somebody's hand.
    pub async fn exited(&self) -> anyhow::Result<ExitStatus> {
        let mut exit = self.exit.clone();
        let status = *exit.wait_for(Option::is_some).await.context("the process can no longer be waited for")?;
        status.context("the process ended without a status")
    }

    /// A handle that kills the process from elsewhere, for instance from a fault.
    #[must_use]
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.session.ended.store(true, Ordering::Release);
    }
}

/// Kills one process, by its handle and not by its number, so never a stranger that got the number afterwards.
#[derive(Debug, Clone)]
pub struct Killer(Arc<Notify>);

impl Killer {
    /// Asks for the kill and returns at once. Does nothing when the process has ended.
    pub fn kill(&self) {
        self.0.notify_one();
    }
}

async fn watch_over(
    mut child: Child,
    killer: Killer,
    logs: Arc<Mutex<Vec<u8>>>,
    session: Arc<Session>,
    exited: watch::Sender<Option<ExitStatus>>,
) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = async {
        tokio::select! {
            status = child.wait() => return status,
            () = killer.0.notified() => {}
        }
        // It may have ended in the meantime, which is as good.
        let _ = child.start_kill();
        child.wait().await
    };
    // The exit is announced after the last line was read, so that whoever saw the exit finds the whole log.
    let (status, (), ()) = tokio::join!(ended, collect(stdout, &logs), collect(stderr, &logs));
    session.ended.store(true, Ordering::Release);
    if let Ok(status) = status {
        exited.send_replace(Some(status));
    }
}

async fn collect(output: Option<impl AsyncRead + Unpin>, logs: &Mutex<Vec<u8>>) {
    let Some(mut output) = output else { return };
    let mut chunk = vec![0; 8192];
    while let Ok(length @ 1..) = output.read(&mut chunk).await {
        lock(logs).extend_from_slice(&chunk[..length]);
    }
}
