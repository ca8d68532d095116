//! The handler over ports in memory: what it answers, what it commits, and that the API's description says the same.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod access;
mod cancel;
mod described;
mod document;
mod fixtures;
mod hostile;
mod list;
mod memory;
mod place;
mod read;
