//! What was told of an order: its events, each once, and the money in them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;

use crate::stripe::Account;

/// The events of one order.
#[derive(Debug, Default)]
pub(crate) struct Told(Vec<Value>);

/// How money moved, in minor units, as it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Money {
    pub(crate) authorised: u64,
    captured: u64,
    pub(crate) voided: u64,
    pub(crate) expired: u64,
    pub(crate) refunded: u64,
}

impl Told {
    /// By order. What is told again under one id must be the same.
    pub(crate) fn by_order(events: Vec<Value>) -> Result<BTreeMap<String, Self>> {
        let mut first: BTreeMap<(String, String), Value> = BTreeMap::new();
        for event in events {
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            let name = (text("source"), text("id"));
            if let Some(before) = first.get(&name) {
                ensure!(*before == event, "two events have one id: {before} {event}");
            }
            first.insert(name, event);
        }
        let mut orders: BTreeMap<String, Self> = BTreeMap::new();
        for event in first.into_values() {
            let order = event["subject"].as_str().context("an event of no order")?.to_owned();
            orders.entry(order).or_default().0.push(event);
        }
        Ok(orders)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many there are of a kind: the middle of its type.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.of(kind).count()
    }

    /// Whether the order was confirmed. An error unless it was told exactly one end.
    pub(crate) fn is_confirmed(&self) -> Result<bool> {
        match (self.count("order-confirmed"), self.count("order-cancelled")) {
            (1, 0) => Ok(true),
            (0, 1) => Ok(false),
            (confirmed, cancelled) => bail!("it was told {confirmed} times confirmed, {cancelled} times cancelled"),
        }
    }

    /// When the first of a kind happened.
    pub(crate) fn time(&self, kind: &str) -> Result<Timestamp> {
        let event = self.of(kind).next().with_context(|| format!("no {kind}"))?;
        Ok(event["time"].as_str().context("an event without a time")?.parse()?)
    }

    pub(crate) fn money(&self) -> Money {
        let sum = |word: &str| {
            let amounts = self.of(&format!("payment-{word}")).map(|it| it["data"]["amount"]["minor_units"].as_u64());
            amounts.flatten().sum()
        };
        Money {
            authorised: sum("authorised"),
            captured: sum("captured"),
            voided: sum("voided"),
            expired: sum("expired"),
            refunded: sum("refunded"),
        }
    }

    fn of<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let ty = format!("com.tidegate.orders.{kind}.v1");
        self.0.iter().filter(move |event| event["type"] == ty.as_str())
    }
}

impl Money {
    /// Whether it adds up with what was kept of it, is what Stripe has, and what our own table says of the payment.
    pub(crate) fn balance(&self, kept: u64, status: &str, stripe: &Account) -> Result<()> {
        let Self { authorised, captured, voided, expired, refunded } = *self;
        ensure!(authorised == captured + voided + expired, "as told: {self:?}");
        ensure!(captured == refunded + kept, "as told: {self:?}, kept {kept}");
        let fits = match status {
            "captured" => kept > 0 && refunded == 0,
            "voided" => voided > 0,
            "refunded" => refunded > 0,
            "expired" => expired > 0,
            "none" | "declined" | "undone" => authorised == 0,
            _ => false,
        };
        ensure!(fits, "the payment is {status}; as told: {self:?}, kept {kept}");
        ensure!(stripe.open == 0, "at Stripe an authorisation is left open: {stripe:?}");
        ensure!(
            (stripe.captured, stripe.refunded, stripe.cancelled) == (captured, refunded, voided + expired),
            "at Stripe {stripe:?}; as told: {self:?}",
        );
        Ok(())
    }
}
