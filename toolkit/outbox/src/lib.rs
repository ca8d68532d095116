//! State, proof of handling and outgoing messages in one conditional write to DynamoDB, and the relay that sends the
//! messages from the table's stream. Nothing is ever written and then published.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_cloudevents::Event;
//! use tidegate_outbox::{
//!     AggregateId, Answered, Change, CommandId, Decision, Loaded, MemoryAggregates, Outgoing, Publisher, Reply,
//!     SendError, TaskToken, Tasks, Write, handle, relay,
//! };
//!
//! /// Pure: state in, decision out. Everything the decision wants is written at once, or nothing is.
//! fn confirm(loaded: Loaded<'_>) -> Result<Decision, serde_json::Error> {
//!     let confirmed = Event::builder_without_id("/orders", "OrderConfirmed"); // its id becomes aggregate/version/index
//!     let order = Change::new(loaded.home.aggregate().clone(), &"confirmed")?.events([confirmed]);
//!     Ok(Decision::changes([order]).reply(Reply::success(&"confirmed")?))
//! }
//!
//! struct Printed; // a topic, and a workflow that waits
//! impl Publisher for Printed {
//!     async fn publish(&self, batch: &[Outgoing<'_>]) -> Vec<Result<(), SendError>> {
//!         batch.iter().map(|it| Ok(println!("{} is published", it.event.id()))).collect()
//!     }
//! }
//! impl Tasks for Printed {
//!     async fn answer(&self, _: &TaskToken, reply: &Reply) -> Result<Answered, SendError> {
//!         println!("the workflow goes on with {reply:?}");
//!         Ok(Answered::Accepted)
//!     }
//!     async fn heartbeat(&self, _: &TaskToken) -> Result<Answered, SendError> {
//!         Ok(Answered::Accepted)
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = MemoryAggregates::default();
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000); // time is passed in, never read
//! let command = CommandId::of_step("saga-17", "ConfirmOrder")?;
//! let write = Write::command(command, AggregateId::new("order-17")?).answering(TaskToken::new("made-up-token")?);
//! let first = handle(&table, &write, now, |_| vec![], confirm).await?;
//! let again = handle(&table, &write, now, |_| vec![], confirm).await?; // finds the proof, writes nothing
//! assert_eq!((first.repeated, again.repeated, first.reply == again.reply), (false, true, true));
//!
//! // Elsewhere, from the table's stream: order-17/1/0 is published, then the workflow is answered.
//! let sent = relay(&table.records_from(0), &Printed, &Printed, |late| println!("too late: {late:?}")).await?;
//! assert_eq!((sent.published, sent.answered), (1, 1));
//! # Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! - **Aggregate**: what changes as a whole; one item of the table. Its **version** counts its writes, its **image** is
//!   one version of it, and the table's **stream** shows every image once, those of one aggregate in order.
//! - **Commit**: one conditional write. One `PutItem` where one aggregate changes, one `TransactWriteItems` where several
//!   do, on the condition that each is at the version that was loaded. Refused because another write came first, it is a
//!   **conflict**.
//! - **Outbox**: the messages of one version: **events** to publish, **replies** to workflows that wait by a **task
//!   token**.
//! - **Home**: the aggregate that a write is addressed to. Where a **command** asks for the write, home's item keeps the
//!   **proof** that it was handled, with the reply, so that a repeated command changes nothing and gets the same reply.
//! - **Relay**: what reads the stream and sends the outboxes' messages.
//!
//! # One way to write
//!
//! - [`handle`]: for what is decided from state alone.
//! - [`handle_asking`]: for what has to ask somebody outside in between: record, ask, decide.
//! - [`Write::command`] is recognised by its proof; [`Write::to`], for what is no command's (a client's request, a
//!   projection), by the state; [`Write::over`] starts from an image that is known: to create, or to end what an earlier
//!   write began.
//!
//! Which races were thought of stands in `handle.rs`, as timelines.
//!
//! # What holds
//!
//! Each committed event is published at least once, always under the same id ([`EventId`]); none that was not committed
//! is; the first publications of one aggregate's events are in order. A token is answered at least once, or was no
//! longer good. `tests/crash.rs` kills the process at every step of a thousand commits to show it.
//!
//! # What this crate refuses to do
//!
//! - To write what could not be sent: events over SNS's limit, replies over Step Functions', items over DynamoDB's are
//!   [`Refused`] before anything is written.
//! - To skip. What cannot be sent or read stops its shard, for a person to see by the age of the stream's records.
//! - To promise "exactly once". Consumers recognise a repeated event by its id.
//! - To drop a proof before [`PROOFS_KEPT`] is over, or to keep it for ever. A command that comes again after that is
//!   decided anew.
//! - To read a clock, to draw randomness, to show a token.

#![warn(missing_docs)]

mod commit;
mod decision;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod handle;
mod ids;
mod image;
mod memory;
mod message;
mod ports;
mod relay;
#[cfg(feature = "sfn")]
mod sfn;
#[cfg(feature = "sns")]
mod sns;
#[cfg(feature = "stream")]
pub mod stream;

pub use commit::{AggregateStore, Commit, CommitError, Refused, StoreError};
pub use decision::{Change, Decision, Write};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDbAggregates;
pub use handle::{HandleError, Handled, Loaded, Step, handle, handle_asking};
pub use ids::{AggregateId, CommandId, EventId, InvalidName, TaskToken, Version};
pub use image::{Image, PROOFS_KEPT, Proof, Unreadable};
pub use memory::MemoryAggregates;
pub use message::{Message, Reply};
pub use ports::{Answered, Outgoing, Publisher, Record, SendError, Tasks};
pub use relay::{Expired, Relayed, Stopped, relay};
#[cfg(feature = "sfn")]
pub use sfn::SfnTasks;
#[cfg(feature = "sns")]
pub use sns::SnsPublisher;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeIsTested;
