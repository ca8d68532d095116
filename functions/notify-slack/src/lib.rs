//! Turns events into Slack messages.
//!
//! - [`message`]: a GitHub payload becomes a Block Kit message, or nothing worth saying. Pure.

pub mod message;
