//! Authorises, captures and undoes the payments of orders, at Stripe: an SQS consumer.
//!
//! - [`stripe`]: the client of Stripe's payment intents, and what each of its answers means for the payment.
//! - [`reconcile`]: what Stripe reports by itself, as a command. Pure.
//! - [`Payments`]: the service that `tidegate-worker` runs: commands of the saga, `OrderCancellationRequested`, and
//!   Stripe's events, each decided by `tidegate_orders::payment`.
//!
//! An authorisation is written down before it is asked for, under its own key, so that whoever undoes it after a crash
//! finds the same payment at Stripe. Everything else is at Stripe what it is, however often it is asked for.

mod config;
mod payments;
mod reconcile;
pub mod stripe;

pub use config::Configuration;
pub use payments::Payments;
pub use reconcile::{Unreadable, reconcile};
