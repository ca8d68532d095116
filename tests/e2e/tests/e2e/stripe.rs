//! The Stripe server's own books, asked directly.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::stack::Stack;

/// Made up; the server on this machine takes any.
const KEY: &str = "Bearer sk_test_e2e";

/// What Stripe knows of one order's payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Still to be captured or let go.
    pub(crate) open: u64,
    pub(crate) captured: u64,
    pub(crate) cancelled: u64,
    pub(crate) refunded: u64,
}

/// The accounts of all orders.
pub(crate) async fn accounts(stack: &Stack) -> Result<BTreeMap<String, Account>> {
    let refunds = list(stack, "refunds").await?;
    let mut accounts: BTreeMap<String, Account> = BTreeMap::new();
    for intent in list(stack, "payment_intents").await? {
        let Some(order) = intent["metadata"]["order_id"].as_str() else { continue };
        let amount = intent["amount"].as_u64().context("a payment without an amount")?;
        let account = accounts.entry(order.to_owned()).or_default();
        match intent["status"].as_str() {
            Some("succeeded") => account.captured += amount,
            Some("canceled") => account.cancelled += amount,
            Some("requires_payment_method") => {} // declined
            _ => account.open += amount,
        }
        let charge = intent["latest_charge"]["id"].as_str().or(intent["latest_charge"].as_str());
        // A cancelled authorisation is a refund there too, of what was never captured.
        if intent["status"] == "succeeded" {
            let of_charge = refunds.iter().filter(|refund| refund["charge"].as_str() == charge);
            account.refunded += of_charge.filter_map(|refund| refund["amount"].as_u64()).sum::<u64>();
        }
    }
    Ok(accounts)
}

/// The payments of one order.
pub(crate) async fn payments_of(stack: &Stack, order: &str) -> Result<Vec<Value>> {
    let payments = list(stack, "payment_intents").await?.into_iter();
    Ok(payments.filter(|payment| payment["metadata"]["order_id"] == order).collect())
}

/// Nobody captured it in time.
pub(crate) async fn expire(stack: &Stack, payment: &str) -> Result<()> {
    let url = format!("{}/v1/payment_intents/{payment}/cancel", address(stack)?);
    client()?.post(url).header("authorization", KEY).send().await?.error_for_status()?;
    Ok(())
}

/// A person gives all of it back.
pub(crate) async fn refund(stack: &Stack, payment: &str) -> Result<()> {
    let (url, form) = (format!("{}/v1/refunds", address(stack)?), format!("payment_intent={payment}"));
    let post = client()?.post(url).header("authorization", KEY).body(form);
    post.header("content-type", "application/x-www-form-urlencoded").send().await?.error_for_status()?;
    Ok(())
}

async fn list(stack: &Stack, what: &str) -> Result<Vec<Value>> {
    let url = format!("{}/v1/{what}?limit=100000", address(stack)?);
    let listed: Value =
        client()?.get(url).header("authorization", KEY).send().await?.error_for_status()?.json().await?;
    listed["data"].as_array().cloned().with_context(|| format!("no list of {what}"))
}

fn client() -> Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

fn address(stack: &Stack) -> Result<String> {
    let port = stack.state.stripe.as_ref().context("the stack has no Stripe server")?.port;
    Ok(format!("http://127.0.0.1:{port}"))
}
