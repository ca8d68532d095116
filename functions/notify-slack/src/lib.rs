//! Turns events into Slack messages: an SQS consumer.
//!
//! - [`message`]: a GitHub payload becomes a Block Kit message, or nothing worth saying. Pure.
//! - [`pace`]: one message a second a channel, as Slack asks. Pure; time is passed in.
//! - [`slack`]: the client of `chat.postMessage`, and what each of its answers means for the event.
//! - [`Notifier`]: the handler: decode, render, route, pace, claim, post, complete.
//!
//! Slack has no idempotency key. The claim on the event's id makes a repeated event one message; only a process that
//! dies between Slack's answer and the claim's completion leaves a message that comes again.

mod config;
pub mod message;
mod notify;
pub mod pace;
pub mod slack;

pub use config::Configuration;
pub use notify::{Notifier, POST_TIME, RECOGNISED_FOR, policy};
