//! In-memory adapters, manual clock, port suites and a local Lambda Runtime API, for tests.

pub mod lambda_api;
