//! Every source, every mix of what can become of a record, held against a plainly written oracle.

#![expect(clippy::unwrap_used, reason = "the lint spares `#[test]` functions, not what they call")]

mod acts;
mod fixtures;
mod hooks;
mod kafka;
mod rabbitmq;
mod sqs;
mod streams;
