//! Runs a batch of queue records through a handler and reports per record: nothing that was not handled is acknowledged.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_batch::{Budget, DeadLetter, Failure, Message, Policy, Queue, QueueError, run};
//!
//! struct Printed; // a queue that only says what it would do
//! impl Queue for Printed {
//!     async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
//!         Ok(println!("{} comes back in {by:?}", message.id))
//!     }
//!     async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
//!         Ok(println!("{} is set aside: {}", message.id, letter.error))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let event = serde_json::from_str(r#"{"Records":[{"messageId":"m1","receiptHandle":"r1","body":"17"}]}"#)?;
//! let now = SystemTime::UNIX_EPOCH; // time is passed in
//! let budget = Budget { now, deadline: now + Duration::from_secs(30) };
//! let report = run(event, &Policy::default(), budget, &mut fastrand::Rng::with_seed(1), &Printed, async |message| {
//!     let order: u32 = message.json()?; // what does not parse is set aside with the reason
//!     if order == 0 { Err(Failure::permanent("order 0 does not exist")) } else { Ok(()) }
//! })
//! .await?;
//! assert_eq!(serde_json::to_string(&report.response())?, r#"{"batchItemFailures":[]}"#);
//! # Ok(()) }
//! ```
//!
//! | the handler | becomes |
//! |---|---|
//! | `Ok` | acknowledged |
//! | [`Failure::Transient`] | stays in the queue, hidden for a back-off with full jitter or for the delay it asks for |
//! | the same, at [`Policy::max_receives`] | dead-letter queue, reason `attempts-exhausted` |
//! | [`Failure::Permanent`] | dead-letter queue at once, reason `permanent` |
//! | [`Failure::Undecodable`] | dead-letter queue at once, reason `undecodable` |
//! | a panic | dead-letter queue at once, reason `panicked`; the other records go on |
//! | not done by the deadline | stays in the queue |
//!
//! A record that cannot be set aside stays in the queue. An event in which a record has no identifier fails as a whole,
//! because a partial answer could not name that record
//! ([rule](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html)).
//!
//! This crate refuses to acknowledge what it did not understand, and to retry without a bound.

mod failure;
mod message;
mod run;
#[cfg(feature = "sqs")]
mod sqs;

pub use failure::{DeadLetter, Failure, Reason};
pub use message::Message;
pub use run::{BatchError, Budget, Outcome, Policy, Queue, QueueError, Report, run};
#[cfg(feature = "sqs")]
pub use sqs::SqsQueue;
