//! In-memory adapters, manual clock, hostile input, port suites and a local Lambda Runtime API, for tests.

pub mod aggregates_suite;
mod canned_http;
pub mod claims_suite;
mod consumer;
pub mod hostile;
pub mod lambda_api;
mod log;
mod memory;
pub mod openapi;
mod ports;
mod priming;
mod queue;
mod saga;

pub use canned_http::CannedHttp;
pub use consumer::{TestConsumer, TestRoute, invocation};
pub use log::Log;
pub use memory::{Fault, MemoryClaims, MemoryPayloads, MemorySecrets, MemoryTopic, MemoryWorkflows, Published};
pub use ports::TestPorts;
pub use priming::{Primed, PrimingTest};
pub use queue::{RecordingQueue, batch};
pub use saga::RecordingSaga;
