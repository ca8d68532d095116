//! The worker over ports in memory and a Stripe on the wire: what is asked, what is written, and what the saga hears.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod crashes;
mod failures;
mod fixtures;
mod once;
#[allow(dead_code, reason = "the client's own tests do more with it")]
#[path = "../stub/mod.rs"]
mod stub;
mod told;
