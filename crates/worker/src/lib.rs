//! What the workers of the order pipeline share: a message of the queue becomes a command, the command is decided about,
//! services outside are asked, and all of it is committed in one write (docs/decisions/0020-order-services.md).
//!
//! A worker adds a [`Service`]: its decisions, and what it asks outside.
//!
//! - [`Worker`]: the handler of the queue.
//! - [`commit`]: for a service that decides alone.
//! - [`ask_and_commit`]: for one that asks a service outside in between.
//!
//! Both are `tidegate_outbox`'s one way to write ([`handle`](tidegate_outbox::handle)), where the timelines are.
//!
//! # What becomes of a message
//!
//! | | the saga gets | the message |
//! |---|---|---|
//! | handled, now or before; also refused | the reply, by the relay | is acknowledged |
//! | transient failure | a heartbeat, so that it goes on waiting | comes back after a back-off |
//! | permanent failure | `PermanentFailure`, at once | goes to the dead-letter queue with the reason |
//! | no command that is known | nothing: its token is not known either, and runs out | goes to the dead-letter queue |
//!
//! A failure is no decision and leaves no proof: the same command sent again is really tried again.

mod commit;
mod worker;

pub use commit::{ask_and_commit, changed, commit, decision, state};
pub use worker::{Incoming, Service, Worker, policy};
