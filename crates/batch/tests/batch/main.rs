//! Every source, every mix of what can become of a record, held against a plainly written oracle.

mod acts;
mod fixtures;
mod hooks;
mod kafka;
mod rabbitmq;
mod sqs;
mod streams;
