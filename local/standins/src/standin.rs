//! All stand-ins behind one address.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::callbacks::{self, Callback, Callbacks};
use crate::slack::{self, Attempt, Fault, Message, Slack};
use crate::stripe::{self, Stripe};

/// The largest request that is read.
const MAX_BODY: usize = 1024 * 1024;

/// How the stand-in behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// The token that Slack accepts.
    pub token: String,
    /// Where each accepted message is appended as a line of JSON.
    pub record: Option<PathBuf>,
    /// Where each callback is appended as a line of JSON.
    pub callbacks_record: Option<PathBuf>,
    /// The least time between two messages to one channel; an earlier one is answered 429. Slack's is a second.
    pub interval: Option<Duration>,
}

impl Options {
    /// The token of the local stack: it opens nothing but the stand-in.
    pub const LOCAL_TOKEN: &str = "xoxb-local-stand-in";
}

impl Default for Options {
    fn default() -> Self {
        Self { token: Self::LOCAL_TOKEN.to_owned(), record: None, callbacks_record: None, interval: None }
    }
}

/// The stand-in and its memory. Clones share it.
#[derive(Clone, Debug)]
pub struct Standin {
    slack: Slack,
    stripe: Stripe,
    callbacks: Callbacks,
}

/// Serves until the process ends.
pub async fn serve(listener: TcpListener, options: Options) -> Result<()> {
    Standin::new(options)?.serve(listener).await
}

impl Standin {
    pub fn new(options: Options) -> Result<Self> {
        let record = options.record.as_deref().map(open).transpose()?;
        let callbacks_record = options.callbacks_record.as_deref().map(open).transpose()?;
        Ok(Self {
            slack: Slack::new(options.token, options.interval, record),
            stripe: Stripe::default(),
            callbacks: Callbacks::new(callbacks_record),
        })
    }

    /// Serves until the process ends.
    pub async fn serve(self, listener: TcpListener) -> Result<()> {
        let router = Router::new()
            .route("/_standin/health", get(|| async { Json(json!({"ok": true})) }))
            .merge(slack::router(self.slack))
            .merge(stripe::router(self.stripe))
            .merge(callbacks::router(self.callbacks))
            .layer(DefaultBodyLimit::max(MAX_BODY));
        axum::serve(listener, router).await.context("the stand-in stopped serving")
    }

    /// The callbacks that came, oldest first.
    pub fn callbacks(&self) -> Vec<Callback> {
        self.callbacks.received()
    }

    /// What Slack accepted, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.slack.lock().messages.clone()
    }

    /// Every request for `chat.postMessage`, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.slack.lock().attempts.clone()
    }

    /// Programs an answer of Slack.
    pub fn fail(&self, fault: Fault) {
        self.slack.lock().faults.add(fault);
    }
}

fn open(path: &Path) -> Result<File> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.with_context(|| format!("{} cannot be written", path.display()))
}
