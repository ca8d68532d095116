//! State, proof of handling and outgoing messages in one conditional write to DynamoDB, and the relay that says the
//! messages from the table's stream. Nothing is ever written and then published.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_cloudevents::{Event, EventError, JsonText};
//! use tidegate_outbox::{
//!     AggregateId, Answered, Change, Command, CommandId, Decision, Image, MemoryAggregates, Outgoing, Publisher, Reply,
//!     SayError, TaskToken, TaskTokens, handle, relay,
//! };
//!
//! /// Pure: state in, decision out. Everything the decision wants is written at once, or nothing is.
//! fn confirm(loaded: &[Image]) -> Result<Decision, EventError> {
//!     let confirmed = Event::builder("-", "/orders", "OrderConfirmed").build()?;
//!     let order = Change {
//!         aggregate: loaded[0].aggregate().clone(),
//!         state: JsonText::of(&"confirmed").map_err(EventError::DataNotJson)?,
//!         events: vec![confirmed], // its id becomes aggregate/version/index
//!         index: vec![],           // attributes for secondary indexes
//!     };
//!     let reply = Reply::success(&"confirmed").map_err(EventError::DataNotJson)?;
//!     Ok(Decision { reply, changes: vec![order] })
//! }
//!
//! struct Printed; // a topic, and a workflow that waits
//! impl Publisher for Printed {
//!     async fn publish(&self, batch: &[Outgoing<'_>]) -> Vec<Result<(), SayError>> {
//!         batch.iter().map(|it| Ok(println!("{} is published", it.event.id()))).collect()
//!     }
//! }
//! impl TaskTokens for Printed {
//!     async fn answer(&self, _: &TaskToken, reply: &Reply) -> Result<Answered, SayError> {
//!         println!("the workflow goes on with {reply:?}");
//!         Ok(Answered::Taken)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = MemoryAggregates::default();
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000); // time is passed in, never read
//! let command = Command {
//!     id: CommandId::of_step("saga-17", "ConfirmOrder")?,
//!     home: AggregateId::new("order-17")?,
//!     token: Some(TaskToken::new("made-up-token")?),
//! };
//! let first = handle(&table, &command, now, |_| vec![], confirm).await?;
//! let again = handle(&table, &command, now, |_| vec![], confirm).await?; // finds the proof, writes nothing
//! assert_eq!((first.repeated, again.repeated, first.reply == again.reply), (false, true, true));
//!
//! // Elsewhere, from the table's stream: order-17/1/0 is published, then the workflow is answered.
//! let said = relay(&table.records_from(0), &Printed, &Printed, |late| println!("too late: {late:?}")).await?;
//! assert_eq!((said.published, said.answered), (1, 1));
//! # Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! - **Aggregate**: what changes as a whole; one item of the table. Its **version** counts its writes, its **image** is
//!   one version of it, and the table's **stream** shows every image once, those of one aggregate in order.
//! - **Commit**: one conditional write. One `PutItem` where one aggregate changes, one `TransactWriteItems` where several
//!   do, on the condition that each is at the version that was loaded.
//! - **Outbox**: what is to be said of one version: **events** for everybody, **replies** for workflows that wait by a
//!   **task token**.
//! - **Home**: the aggregate that a command is addressed to. Its item keeps the **proof** that the command was handled,
//!   with the reply, so that a repeated command changes nothing and gets the same answer.
//! - **Relay**: what reads the stream and says the outboxes.
//!
//! # What holds
//!
//! Each committed event is published at least once, always under the same id ([`EventId`]); none that was not committed
//! is; the first publications of one aggregate's events are in order. A token is answered at least once, or was no
//! longer good. `tests/crash.rs` kills the process at every step of a thousand commits to show it.
//!
//! # What this crate refuses to do
//!
//! - To write what could not be said: events over SNS's limit, replies over Step Functions', items over DynamoDB's are
//!   [`Refused`] before anything is written.
//! - To skip. What cannot be said or read stops its shard, for a person to see by the age of the stream's records.
//! - To promise "exactly once". Consumers recognise a repeated event by its id.
//! - To let a proof go before [`PROOFS_KEPT`] is over, or to keep it for ever. A command that comes again after that is
//!   decided anew.
//! - To read a clock, to draw randomness, to show a token.

#![warn(missing_docs)]

mod commit;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod handle;
mod ids;
mod image;
mod memory;
mod message;
mod relay;
#[cfg(feature = "sfn")]
mod sfn;
#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "stream")]
pub mod stream;

pub use commit::{AggregateStore, Change, Command, Commit, CommitError, Decision, Refused, StoreError};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDbAggregates;
pub use handle::{HandleError, Handled, handle, handle_loaded};
pub use ids::{AggregateId, CommandId, EventId, InvalidName, TaskToken, Version};
pub use image::{Image, PROOFS_KEPT, Proof, Unreadable};
pub use memory::MemoryAggregates;
pub use message::{Message, Reply};
pub use relay::{Answered, Expired, Outgoing, Publisher, Record, Relayed, SayError, Stopped, TaskTokens, relay};
#[cfg(feature = "sfn")]
pub use sfn::SfnTaskTokens;
#[cfg(feature = "sns")]
pub use sns::SnsPublisher;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeIsTested;
