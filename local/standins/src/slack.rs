//! A stand-in for Slack: `chat.postMessage` with Slack's own answers, refusals and limits.

mod blocks;
mod faults;
mod memory;
mod routes;

pub use faults::Fault;
pub(crate) use memory::Slack;
pub use memory::{Attempt, Message};
pub(crate) use routes::router;
