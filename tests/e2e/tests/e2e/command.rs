//! The `tidegate` command as its users run it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tidegate_cli::config;

use crate::sender::{Sender, secret};
use crate::stack::{DEPLOYMENT, Stack};

/// What a run of the command gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// What it printed with `--json`.
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {self:?}"))
    }

    /// The same when it succeeded.
    pub(crate) fn success(self) -> Result<Self> {
        ensure!(self.code == Some(0), "the command failed: {self:?}");
        Ok(self)
    }
}

/// Runs the real binary on this stack.
pub(crate) async fn tidegate(stack: &Stack, arguments: &[&str]) -> Result<Run> {
    run(stack, stack.state_dir(), &[], arguments).await
}

/// The same with a state of its own, at an endpoint that is given, as somebody who has an emulator already.
pub(crate) async fn tidegate_at(stack: &Stack, endpoint: &str, state_dir: &Path, arguments: &[&str]) -> Result<Run> {
    let environment = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", &stack.state.region),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    run(stack, state_dir, &environment, arguments).await
}

async fn run(stack: &Stack, state_dir: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Run> {
    let output = tokio::process::Command::new(program()?)
        .arg("--state-dir")
        .arg(state_dir)
        .args(arguments)
        .env_clear()
        .envs(config::inherited_environment())
        .envs(environment.iter().copied())
        .current_dir(&stack.checkout)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await?;
    Ok(Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// `make build` puts it beside the folder `deps`, where this test lies.
fn program() -> Result<PathBuf> {
    let program = config::find_checkout()?.join("build/tidegate");
    ensure!(program.is_file(), "{} is missing: run `make build`", program.display());
    Ok(program)
}

/// Writes a document where the command can read it.
pub(crate) fn file(document: &str) -> Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), document)?;
    Ok(file)
}

/// A path as an argument.
pub(crate) fn path(file: &tempfile::NamedTempFile) -> Result<&str> {
    file.path().to_str().context("a path that is not UTF-8")
}

pub(crate) async fn status_names_the_stacks_and_queues(stack: Arc<Stack>) -> Result<()> {
    let status = tidegate(&stack, &["status", "--json"]).await?.success()?.json()?;
    assert_eq!((status["deployment"].as_str(), status["up"].as_bool()), (Some(DEPLOYMENT), Some(true)));
    let names = |list: &str| -> Vec<String> {
        let entries = status[list].as_array().into_iter().flatten();
        entries.filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
    };
    for context in ["backbone", "webhooks", "operations"] {
        ensure!(names("stacks").contains(&format!("{DEPLOYMENT}-{context}")), "{context}: {status}");
    }
    ensure!(names("queues").contains(&format!("{DEPLOYMENT}-notify-slack")), "{status}");

    let text = tidegate(&stack, &["status"]).await?.success()?.stdout;
    ensure!(text.contains(&format!("Deployment {DEPLOYMENT} ")) && text.contains("is up"), "{text}");
    Ok(())
}

pub(crate) async fn a_source_document_that_is_not_valid_is_refused_where_it_is_wrong(stack: Arc<Stack>) -> Result<()> {
    let secret = secret();
    let document = format!(r#"{{"scheme": "github", "secrets": ["{secret}"], "tolerance_secs": "soon"}}"#);
    let file = file(&document)?;
    let run = tidegate(&stack, &["source", "set", "not-valid", "--file", path(&file)?]).await?;
    assert_eq!(run.code, Some(1), "{run:?}");
    ensure!(run.stderr.contains("tolerance_secs") && !run.stderr.contains(&secret), "{run:?}");

    let sources = tidegate(&stack, &["source", "list", "--json"]).await?.success()?;
    ensure!(!sources.stdout.contains("not-valid"), "it was written all the same: {sources:?}");
    Ok(())
}

pub(crate) async fn sending_to_an_unknown_source_is_a_clear_error(stack: Arc<Stack>) -> Result<()> {
    let run = tidegate(&stack, &["send", "nobody-here", "push"]).await?;
    assert_eq!(run.code, Some(1), "{run:?}");
    ensure!(run.stderr.contains("no source nobody-here") && run.stderr.contains("source list"), "{run:?}");

    // Sent all the same, it is the API that says no.
    let stranger = Sender::github("nobody-here", &[&secret()])?;
    let delivery = stranger.push("0", &crate::sender::push_to_repository("octo-harbour/unrouted"))?;
    let answer = crate::sender::deliver(&stack, &delivery).await?;
    assert_eq!((answer.status, &*answer.content_type), (404, "application/problem+json"));
    Ok(())
}
