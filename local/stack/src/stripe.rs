//! The Stripe server of the local stack, localstripe: <https://pypi.org/project/localstripe/>. Functions reach it through the stand-in.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use serde_json::json;
use tidegate_standins::http_client::HttpClient;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::environment;
use crate::failure::Hint;
use crate::group::{self, Guard};
use crate::health;
use crate::logs;
use crate::ports;
use crate::state::{StateDir, Stripe};

/// Made up: it opens nothing but the server on this machine.
pub const API_KEY: &str = "sk_test_local_stand_in";
/// Python imports some hundred modules; a cold disk makes that slow.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Between two health checks while starting.
const POLL: Duration = Duration::from_millis(50);
/// How long it may take to accept its configuration.
const CONFIGURATION_LIMIT: Duration = Duration::from_secs(5);
/// The events that it sends as webhooks.
const EVENTS: [&str; 4] =
    ["payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.canceled", "charge.refunded"];

/// Its own start would listen on every interface of the machine, and write all it knows to /tmp with every change.
const PROGRAM: &str = "
import logging, sys
from aiohttp import web
from localstripe import resources, server
resources.Store.dump_to_disk = lambda store: None
log = logging.getLogger('aiohttp.access')
log.setLevel(logging.INFO)
log.addHandler(logging.StreamHandler())
web.run_app(server.app, host='127.0.0.1', port=int(sys.argv[1]), access_log=log, print=None)
";

/// The server while it starts. The stack is deployed meanwhile: nothing asks it before.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) stripe: Stripe,
    child: Child,
    log: PathBuf,
}

/// Starts it on a free port.
pub(crate) fn start(tools: &Path, dir: &StateDir, guard: &mut Guard) -> Result<Starting> {
    let python = tools.join("stripe/bin/python");
    if !python.is_file() {
        bail!(Hint::new(
            format!("the Stripe server is not installed: {} is missing", python.display()),
            "run `make setup`"
        ));
    }
    let log = dir.logs().join("stripe.log");
    let output = logs::append(&log)?;
    let port = ports::free()?;
    let mut command = Command::new(python);
    command
        .env_clear()
        .envs(environment::inherited())
        .env("PYTHONUNBUFFERED", "1")
        .args(["-c", PROGRAM, &port.to_string()])
        .current_dir(dir.scratch())
        .stdout(output.try_clone()?)
        .stderr(Stdio::from(output));
    let (group, child) = group::spawn(&mut command)?;
    guard.hold(group.clone());
    Ok(Starting { stripe: Stripe { group, port }, child, log })
}

impl Starting {
    /// Waits until it answers.
    pub(crate) async fn ready(mut self) -> Result<()> {
        let deadline = Instant::now() + START_DEADLINE;
        while !is_healthy(&self.stripe).await {
            let ended = self.child.try_wait()?;
            if ended.is_some() || Instant::now() >= deadline {
                bail!(Hint::new(
                    format!("the Stripe server did not start: {}", logs::tail(&self.log, 5)),
                    format!("see {}", self.log.display())
                ));
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

/// Whether it is the process that was started, and answers.
pub async fn is_healthy(stripe: &Stripe) -> bool {
    // The one path that asks for no key and changes nothing.
    stripe.group.is_running() && health::is_healthy(&format!("{}/js.stripe.com/v3/", url(stripe))).await
}

pub fn url(stripe: &Stripe) -> String {
    format!("http://127.0.0.1:{}", stripe.port)
}

/// Makes it deliver its webhooks to `receiver`, signed with `secret`.
pub async fn deliver_webhooks(stripe: &Stripe, receiver: &str, secret: &str) -> Result<()> {
    let body = json!({"url": receiver, "secret": secret, "events": EVENTS});
    let url = format!("{}/_config/webhooks/tidegate", url(stripe));
    let response = HttpClient::new().post_json(&url, &body, CONFIGURATION_LIMIT).await?;
    ensure!(response.status.is_success(), "the Stripe server refuses its webhook: {}", response.text());
    Ok(())
}
