//! The handler over ports in memory and a Slack on the wire: what is posted, what waits, and what is set aside.

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
