//! Runs a batch of queue or stream records through a handler on Lambda and reports per record: nothing that was not handled is
//! acknowledged.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_batch::sqs::{self, Message, Queue};
//! use tidegate_batch::{Budget, DeadLetter, DeadLetters, Failure, Policy, QueueError, Runner};
//!
//! struct Printed; // a queue that prints what it would do; feature `sqs-client` has the real one
//! impl Queue for Printed {
//!     async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
//!         Ok(println!("{} is retried in {by:?}", message.id()))
//!     }
//! }
//! impl DeadLetters<Message> for Printed {
//!     async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
//!         Ok(println!("{} is dead-lettered: {}", message.id(), letter.error))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let event = serde_json::from_str(r#"{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"17"}]}"#)?;
//! let now = SystemTime::UNIX_EPOCH; // time is passed in
//! let budget = Budget { now, deadline: now + Duration::from_secs(30) };
//! let (policy, mut random) = (Policy::default(), fastrand::Rng::with_seed(1));
//! let report = sqs::run(event, Runner::new(&policy, budget, &mut random), &Printed, async |message| {
//!     let order: u32 = message.json()?; // what does not parse is dead-lettered with the reason
//!     if order == 0 { Err(Failure::permanent("order 0 does not exist")) } else { Ok(()) }
//! })
//! .await?;
//! assert_eq!(report.summary().done, 1);
//! assert_eq!(serde_json::to_string(&report.response()?)?, r#"{"batchItemFailures":[]}"#);
//! # Ok(()) }
//! ```
//!
//! # What becomes of a record
//!
//! | the handler | SQS | SQS FIFO | Kinesis, DynamoDB, Kafka | RabbitMQ |
//! |---|---|---|---|---|
//! | `Ok` | acknowledged | acknowledged | acknowledged | acknowledged, if the batch is |
//! | [`Failure::Transient`] | hidden for a back-off with full jitter, or for the delay it asks for | the same, and those behind it in its group with it | is retried with all after it in its shard or partition | the whole batch is retried |
//! | the same, at [`Policy::max_receives`] | dead letter `attempts-exhausted` | the same | as above: sources that do not count | as above |
//! | [`Failure::Permanent`] | dead letter `permanent` | the same, and its group goes on | the same, and its shard goes on | dead letter, and its queue goes on |
//! | [`Failure::Undecodable`] | dead letter `undecodable` | the same | the same | the same |
//! | a panic | dead letter `panicked` | the same | the same | the same |
//! | not done by the deadline | is retried | is retried, and those behind it | is retried with all after it | the whole batch is retried |
//!
//! What cannot be dead-lettered is retried instead. A bad record behind one that is retried in the same shard, partition or
//! RabbitMQ batch is not dead-lettered but retried with it, because it would be dead-lettered again every time.
//! An event in which a record has no identifier fails as a whole, because an answer could not name that record.
//!
//! Records are handled beside each other, [`Policy::concurrency`] at a time, except those of one **lane**, which go one after
//! the other: a FIFO message group, a Kinesis partition key, a DynamoDB item, a Kafka key, a RabbitMQ queue. Only a lane stops
//! at a record that is retried; other lanes go on. From a stream their records are then delivered again, so handlers must be idempotent.
//!
//! # Vocabulary
//!
//! - A record is **acknowledged** when its source may forget it: it is done, or safe among the dead letters.
//! - A **dead letter** is a record moved to a queue with its reason, for a person.
//! - A **checkpoint** is the first record of a shard that is not acknowledged; it is retried with all after it.
//! - A **deadline** is the invocation's; [`Policy::reserve`] before it no record is started any more.
//!
//! # What it refuses to do
//!
//! - Acknowledge what it did not understand, or an event that it cannot answer record by record.
//! - Retry SQS messages without a bound. On streams and brokers the bound is the mapping's or the broker's: set it.
//! - Read the clock, draw randomness, log, or count metrics: time and jitter are passed in, [`Observer`] and
//!   [`Report::summary`] report.
//! - Ask a schema registry: [`payload::framing::Schemas`] is a port. Take Kinesis aggregates apart, or answer time windows.

#![warn(missing_docs)]

#[cfg(not(any(feature = "dynamodb", feature = "kafka", feature = "kinesis", feature = "rabbitmq", feature = "sqs")))]
compile_error!(
    "tidegate-batch runs nothing without a source: enable `sqs`, `kinesis`, `dynamodb`, `kafka` or `rabbitmq`"
);

mod failure;
pub mod payload;
mod policy;
mod ports;
mod report;
mod run;
mod stream;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "kinesis")]
pub mod kinesis;
#[cfg(feature = "rabbitmq")]
pub mod rabbitmq;
#[cfg(feature = "sqs")]
pub mod sqs;

pub use failure::{DeadLetter, Failure, Reason};
pub use policy::{Budget, FailInvocation, Policy};
pub use ports::{DeadLetters, NoDeadLetters, Observer, QueueError};
#[cfg(any(feature = "kinesis", feature = "dynamodb"))]
pub use report::SequenceNumber;
pub use report::{BatchError, ItemFailure, Outcome, Report, Response, Summary};
pub use run::Runner;
pub use stream::StreamRecord;

#[cfg(all(doctest, feature = "sqs"))]
#[doc = include_str!("../README.md")]
struct Readme;
