//! What is ordered, and how many of it.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::Sku;
use crate::money::Money;
use crate::text::Invalid;

/// The most lines of an order: a reservation and each of its SKUs are items of one transaction, which takes 100.
pub const MAX_LINES: usize = 50;
/// The most of one line. With [`MAX_LINES`] and prices within [`MAX_TOTAL`], no sum can overflow.
pub const MAX_QUANTITY: u32 = 10_000;
/// The most that an order may cost, in minor units: eight digits, which is what
/// [Stripe takes](https://docs.stripe.com/api/payment_intents/create#create_payment_intent-amount).
pub const MAX_TOTAL: u64 = 99_999_999;

/// How many: at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64")]
pub struct Quantity(u32);

impl Quantity {
    #[must_use]
    pub fn count(self) -> u64 {
        self.0.into()
    }
}

impl TryFrom<u64> for Quantity {
    type Error = Invalid;

    fn try_from(count: u64) -> Result<Self, Invalid> {
        match u32::try_from(count) {
            Ok(count @ 1..=MAX_QUANTITY) => Ok(Self(count)),
            _ => Err(Invalid("a whole number from 1 to 10000")),
        }
    }
}

/// Some of a SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub sku: Sku,
    pub quantity: Quantity,
}

/// Lines of an order: from 1 to [`MAX_LINES`], each of another SKU. Cloning them copies a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<Line>")]
pub struct Lines(Arc<[Line]>);

impl TryFrom<Vec<Line>> for Lines {
    type Error = Invalid;

    fn try_from(lines: Vec<Line>) -> Result<Self, Invalid> {
        let mut skus = HashSet::with_capacity(lines.len());
        let valid = (1..=MAX_LINES).contains(&lines.len()) && lines.iter().all(|it| skus.insert(&it.sku));
        if valid { Ok(Self(lines.into())) } else { Err(Invalid("1 to 50 lines, each of another SKU")) }
    }
}

impl Deref for Lines {
    type Target = [Line];

    fn deref(&self) -> &[Line] {
        &self.0
    }
}

impl Serialize for Lines {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(to)
    }
}

/// A line with its price. It reads as a [`Line`] too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricedLine {
    /// What, and how many.
    #[serde(flatten)]
    pub line: Line,
    /// What one of it costs.
    pub unit_price: Money,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_some_and_each_of_another_sku() {
        let line = |sku: &str| Line { sku: sku.parse().unwrap(), quantity: Quantity::try_from(1).unwrap() };
        assert!(Lines::try_from(vec![line("a"), line("b")]).is_ok());
        assert!(Lines::try_from(vec![]).is_err());
        assert!(Lines::try_from(vec![line("a"), line("b"), line("a")]).is_err());
        let many = |count| Lines::try_from((0..count).map(|it| line(&it.to_string())).collect::<Vec<_>>());
        assert!(many(MAX_LINES).is_ok() && many(MAX_LINES + 1).is_err());
    }

    #[test]
    fn a_quantity_is_at_least_one() {
        for good in [1, 10_000] {
            assert_eq!(Quantity::try_from(good).unwrap().count(), good);
        }
        for bad in [0, 10_001, u64::MAX] {
            assert!(Quantity::try_from(bad).is_err());
        }
    }
}
