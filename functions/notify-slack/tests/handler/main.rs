//! The handler over ports in memory and a Slack on the wire: what is posted, what is retried, and what goes to the dead-letter queue.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod configuration;
mod fixtures;
mod once;
mod payloads;
mod refusals;
#[allow(dead_code, reason = "the client's own tests do more with it")]
#[path = "../slack/server.rs"]
mod server;
