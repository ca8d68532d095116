//! What the workers of the order pipeline share: a message of the queue becomes a command, the command is decided about,
//! whoever has to be asked is asked, and all of it is committed in one write (docs/decisions/0020-order-services.md).
//!
//! A worker adds a [`Service`]: its decisions, and whom it asks.
//!
//! - [`Worker`]: the handler of the queue.
//! - [`commit`]: for a service that decides alone.
//! - [`ask_and_commit`]: for one that has to ask somebody in between.
//!
//! Both are `tidegate_outbox`'s one way to write ([`handle`](tidegate_outbox::handle)), where the timelines are.
//!
//! # What becomes of a message
//!
//! | | the saga gets | the message |
//! |---|---|---|
//! | carried out, now or before; also refused | the reply, by the relay | is acknowledged |
//! | transient failure | a heartbeat, so that it goes on waiting | comes back after a back-off |
//! | permanent failure | `PermanentFailure`, at once | is set aside with the reason |
//! | no command that is known | nothing: its token is not known either, and runs out | is set aside |
//!
//! A failure is no decision and leaves no proof: the same command sent again is really tried again.

mod commit;
mod worker;

pub use commit::{ask_and_commit, changed, commit, decision, state};
pub use worker::{Service, Worker, policy};
