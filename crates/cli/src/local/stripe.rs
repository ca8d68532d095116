//! The Stripe server of the local stack, localstripe: <https://pypi.org/project/localstripe/>. The stand-in speaks for it.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use super::emulator::tail;
use super::group::{self, Guard};
use super::{HEALTH_LIMIT, ports};
use crate::config;
use crate::failure::Hint;
use crate::http_client::HttpClient;
use crate::state::{StateDir, Stripe};

/// Made up: it opens nothing but the server on this machine.
pub(super) const API_KEY: &str = "sk_test_local_stand_in";
/// Python imports some hundred modules; a cold disk makes that slow.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Between two health checks while starting.
const POLL: Duration = Duration::from_millis(100);
/// What Stripe is asked to tell by webhook.
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

/// Starts it on a free port and waits until it answers.
pub(super) async fn start(tools: &Path, dir: &StateDir, guard: &mut Guard) -> Result<Stripe> {
    let python = tools.join("stripe/bin/python");
    if !python.is_file() {
        bail!(Hint::new(
            format!("the Stripe server is not installed: {} is missing", python.display()),
            "run `make setup`"
        ));
    }
    let log = dir.logs().join("stripe.log");
    let opened = OpenOptions::new().create(true).append(true).open(&log);
    let output = opened.with_context(|| format!("{} cannot be written", log.display()))?;
    let port = ports::free()?;
    let mut command = Command::new(python);
    command
        .env_clear()
        .envs(config::inherited_environment())
        .env("PYTHONUNBUFFERED", "1")
        .args(["-c", PROGRAM, &port.to_string()])
        .current_dir(dir.scratch())
        .stdout(output.try_clone()?)
        .stderr(Stdio::from(output));
    let (group, mut child) = group::spawn(&mut command)?;
    guard.hold(group.clone());
    let stripe = Stripe { group, port };
    let deadline = Instant::now() + START_DEADLINE;
    while !is_healthy(&stripe).await {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() >= deadline {
            stripe.group.stop().await?;
            bail!(Hint::new(
                format!("the Stripe server did not start: {}", tail(&log, 5)),
                format!("see {}", log.display())
            ));
        }
        sleep(POLL).await;
    }
    Ok(stripe)
}

/// Whether it is the process that was started, and answers.
pub(crate) async fn is_healthy(stripe: &Stripe) -> bool {
    // The one path that asks for no key and changes nothing.
    let answer = HttpClient::new().get(&format!("{}/js.stripe.com/v3/", url(stripe)), HEALTH_LIMIT).await;
    stripe.group.is_running() && answer.is_ok_and(|answer| answer.status.is_success())
}

/// Where it answers.
pub(crate) fn url(stripe: &Stripe) -> String {
    format!("http://127.0.0.1:{}", stripe.port)
}

/// Has it deliver its webhooks to `receiver`, signed with `secret`.
pub(super) async fn deliver_to(stripe: &Stripe, receiver: &str, secret: &str) -> Result<()> {
    let body = json!({"url": receiver, "secret": secret, "events": EVENTS});
    let answer =
        HttpClient::new().post_json(&format!("{}/_config/webhooks/tidegate", url(stripe)), &body, HEALTH_LIMIT).await?;
    ensure!(answer.status.is_success(), "the Stripe server does not take its webhook: {}", answer.text());
    Ok(())
}
