//! Turns events into Slack messages: an SQS consumer.
//!
//! - [`message`]: a GitHub payload becomes a Block Kit message, or none. Pure.
//! - [`pace`]: one message a second a channel, as Slack asks. Pure; time is passed in.
//! - [`slack`]: the client of `chat.postMessage`, and what each of its answers means for the event.
//! - [`Notifier`]: the handler: decode, render, route, pace, claim, post, complete.
//!
//! Slack has no idempotency key. The claim on the event's id makes a repeated event one message; only a process that
//! dies between Slack's answer and the claim's completion leaves a message that comes again.

pub mod message;
mod notify;
pub mod pace;
pub mod slack;

pub use notify::{Notifier, POST_TIME, RECOGNISED_FOR};

use std::sync::Arc;

use tidegate_runtime::document::Document;
use tidegate_runtime::secrets::Secrets;
use tidegate_slack_routes::SlackConfig;

/// The operator's document of `deployment`: where Slack is, and which event goes to which channel.
#[must_use]
pub fn document(secrets: Arc<dyn Secrets>, deployment: &str) -> Document<SlackConfig> {
    Document::new(secrets, format!("{deployment}/notify-slack"), |text| Ok(SlackConfig::from_json(text)?))
}
