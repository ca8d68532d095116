//! Authorises, captures and undoes the payments of orders, at Stripe: an SQS consumer.
//!
//! - [`stripe`]: the client of Stripe's payment intents, and what each of its answers means for the payment.
//! - [`reconcile`]: what Stripe reports by itself, as a command. Pure.
//! - [`Payments`]: the service that `tidegate-worker` runs: commands of the saga, `OrderCancellationRequested`, and
//!   Stripe's events, each decided by `tidegate_orders::payment`.
//!
//! An authorisation is written down before it is asked for, under its own key, so that whoever undoes it after a crash
//! finds the same payment at Stripe. Everything else is at Stripe what it is, however often it is asked for.

mod payments;
mod reconcile;
pub mod stripe;

pub use payments::Payments;
pub use reconcile::{Unreadable, reconcile};

use std::sync::Arc;

use tidegate_runtime::document::Document;
use tidegate_runtime::secrets::Secrets;

/// The operator's document of `deployment`: the account at Stripe.
#[must_use]
pub fn document(secrets: Arc<dyn Secrets>, deployment: &str) -> Document<stripe::Account> {
    Document::new(secrets, format!("{deployment}/stripe"), |text| Ok(stripe::Account::from_json(text)?))
}
