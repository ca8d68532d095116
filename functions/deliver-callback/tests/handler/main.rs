//! The handler over ports in memory and endpoints on the wire: what is sent, what waits, and how it ends.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod crashes;
mod delivery;
mod fixtures;
mod hostile;
mod operators;
mod retries;
mod server;
