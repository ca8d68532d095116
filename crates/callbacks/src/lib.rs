//! The delivery of an order's outcome to its client: what is stored of it, what becomes of it at each step, and which of two writers
//! wins.
//!
//! `deliver-callback` begins and ends attempts; an operator lists deliveries and has one sent again. Both need the same items and
//! the same conditional writes, so these stand here and not in the function.
//!
//! - [`Delivery`] and [`Endpoint`]: the stored states and their transitions. Pure; the time is passed in.
//! - [`schedule`]: when attempts are made, and the numbers that follow from it.
//! - [`DeliveryStore`]: the transitions over the table of callbacks, each one conditional write.
#![allow(missing_docs, reason = "nothing of this is published")]

mod delivery;
pub mod schedule;
mod store;

pub use delivery::{Attempt, AttemptOutcome, Delivery, Endpoint, NextAttempt, Sending, Status};
pub use store::{DeliveryError, DeliveryStore, Present, StoredDelivery};
