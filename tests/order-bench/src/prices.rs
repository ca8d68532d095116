//! What AWS takes: `prices.json`, which has its date in it.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Prices {
    pub(crate) region: String,
    pub(crate) currency: String,
    pub(crate) as_of: String,
    prices: BTreeMap<String, Price>,
}

#[derive(Debug, Deserialize)]
struct Price {
    usd_per_million: f64,
}

impl Prices {
    pub(crate) fn load() -> Result<Self> {
        serde_json::from_str(include_str!("../prices.json")).context("prices.json is not understood")
    }

    /// For a million of something.
    pub(crate) fn million(&self, what: &str) -> Result<f64> {
        let price = self.prices.get(what).with_context(|| format!("prices.json has no {what}"))?;
        Ok(price.usd_per_million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_can_be_read_and_says_when_a_thing_is_missing() {
        let prices = Prices::load().unwrap();
        assert_eq!(prices.million("states_transition").unwrap(), 25.0);
        assert!(prices.million("moon_landing").is_err());
    }
}
