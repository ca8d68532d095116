//! Delivers the outcome of an order to its client: an SQS consumer that sends signed requests.
//!
//! - [`callback`]: what is sent: the body, and the id that stays the same over all attempts. Pure.
//! - [`tidegate_callbacks`]: a delivery, what becomes of it, and which of two senders may send.
//! - [`signers`]: the secrets of each customer.
//! - [`sender`]: the client of endpoints, and what each of their answers means.
//! - [`Deliverer`]: the handler: decode, look the order up, begin an attempt, send, write down how it ended.
//!
//! A message comes back for the next attempt after the wait that the delivery has; how many attempts there were is
//! counted in the delivery, not by the queue. A client gets an outcome at least once, always under the same
//! `webhook-id`, and each delivery has one end: delivered, disabled or exhausted.

pub mod callback;
mod deliver;
pub mod sender;
pub mod signers;

pub use deliver::{ATTEMPT_TIME, Deliverer};
