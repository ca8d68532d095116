//! Authorises, captures and undoes the payments of orders, at Stripe: an SQS consumer.
//!
//! - [`stripe`]: the client of Stripe's payment intents, and what each of its answers means for the payment.
//! - [`reconcile`]: what Stripe tells by itself, as a command. Pure.

mod config;
mod reconcile;
pub mod stripe;

pub use config::Configuration;
pub use reconcile::{Unreadable, reconcile};
