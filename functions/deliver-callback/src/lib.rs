//! Tells a client the outcome of its order: an SQS consumer that sends signed requests.
//!
//! - [`callback`]: what is sent: the body, and the id that stays the same over all attempts. Pure.
//! - [`record`]: what is known of a delivery and of an endpoint, and what becomes of both at each step. Pure.
//! - [`books`]: the records over their table: which of two senders may send, and whose result counts.
//! - [`schedule`]: when attempts are made, and the numbers that follow from it.
//! - [`signers`]: the secrets of each customer.
//! - [`sender`]: the client of endpoints, and what each of their answers means.
//! - [`Deliverer`]: the handler: decode, look the order up, begin an attempt, send, write down how it ended.
//!
//! A message comes back for the next attempt after the wait that the record says; how many attempts there were is
//! counted in the record, not by the queue. A client hears of an outcome at least once, always under the same
//! `webhook-id`, and the books have one end for each: delivered, disabled or exhausted.

pub mod books;
pub mod callback;
mod deliver;
pub mod record;
pub mod schedule;
pub mod sender;
pub mod signers;

pub use deliver::{ATTEMPT_TIME, Deliverer};
