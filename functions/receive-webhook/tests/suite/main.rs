//! The handler over ports in memory: what it answers, what it publishes, and what it leaves behind.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod cloudevents;
mod crashes;
mod duplicates;
mod fixtures;
mod hostile;
mod large;
mod laws;
mod refusals;
mod rotation;
mod schemes;
