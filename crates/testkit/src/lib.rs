//! In-memory adapters, manual clock, hostile input, port suites and a local Lambda Runtime API, for tests.

pub mod aggregates_suite;
mod canned_http;
pub mod claims_suite;
pub mod hostile;
pub mod lambda_api;
mod log;
mod memory;
pub mod openapi;
mod queue;
mod saga;
mod time;

pub use canned_http::CannedHttp;
pub use log::Log;
pub use memory::{Counts, Fault, MemoryClaims, MemoryPayloads, MemorySecrets, MemoryTopic, MemoryWorkflows, Published};
pub use queue::{RecordingQueue, batch};
pub use saga::RecordingSaga;
pub use time::ManualAmbient;
