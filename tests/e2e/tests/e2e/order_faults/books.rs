//! What must hold when an order is over: of stock, of money in our table and at Stripe, and of what was told.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tidegate_events::Service;

use super::course::Ended;
use super::faults::{Fault, Person, Plan, Strike};
use super::orders::{OWN_QUANTITY, SHARED_QUANTITY, SHARED_SKU, SHARED_STOCK, TOTAL, stock_of};
use super::world::World;
use crate::stock;
use crate::stripe::{self, Account};
use crate::told::Told;

/// What was published of each order, and what Stripe knows of it.
pub(super) struct Books {
    told: BTreeMap<String, Told>,
    accounts: BTreeMap<String, Account>,
    /// What was set aside.
    letters: Vec<Value>,
}

impl Books {
    pub(super) async fn open(world: &World) -> Result<Self> {
        let told = Told::by_order(world.watch.events(&world.stack).await?)?;
        let mut letters = Vec::new();
        for service in Service::ALL {
            let set_aside = world.stack.messages_in(&world.desk(service).dead_letters_url).await?;
            for letter in set_aside {
                letters.push(serde_json::from_str(&letter)?);
            }
        }
        Ok(Self { told, accounts: stripe::accounts(&world.stack).await?, letters })
    }

    pub(super) async fn balance(&self, world: &World, plan: &Plan, ended: Ended) -> Result<()> {
        if let Some(confirmed) = plan.is_confirmed() {
            ensure!(ended.confirmed == confirmed, "it ended {}", word(ended));
        }
        let shipped = if ended.confirmed { OWN_QUANTITY } else { 0 };
        is_stock(world, &plan.sku(), stock_of(plan), shipped).await?;

        let told = self.told.get(&plan.order()).context("nothing was told")?;
        ensure!(told.is_confirmed()? == ended.confirmed, "it ended {} and was told otherwise", word(ended));
        let parked = told.count("compensation-parked");
        ensure!(parked == usize::from(ended.parked), "it was parked {parked} times");

        for letter in self.letters.iter().filter(|it| it["order_id"] == plan.order() || it["subject"] == plan.order()) {
            let set_aside = |it: &Strike| {
                it.at.as_str() == letter["command"]
                    && matches!(it.fault, Fault::Permanent | Fault::Fails(Person::Retries))
            };
            ensure!(plan.strikes.iter().any(set_aside), "this was set aside: {letter}");
        }

        let kept = if ended.confirmed { TOTAL } else { 0 };
        let (_, payment) = world.item(Service::Payments, &plan.order()).await?;
        let account = self.accounts.get(&plan.order()).cloned().unwrap_or_default();
        told.money().balance(kept, payment["status"]["is"].as_str().unwrap_or("none"), &account)?;

        let (_, shipment) = world.item(Service::Shipping, &plan.order()).await?;
        ensure!((shipment["is"] == "created") == ended.confirmed, "the shipment is {shipment}");
        ensure!(shipment["is"] != "booking", "a booking is left open");
        Ok(())
    }
}

/// Of the shared SKU, over all orders.
pub(super) async fn shared_stock(world: &World, confirmed: u64) -> Result<()> {
    is_stock(world, SHARED_SKU, SHARED_STOCK, confirmed * SHARED_QUANTITY).await
}

async fn is_stock(world: &World, sku: &str, all: u64, shipped: u64) -> Result<()> {
    stock::balance(&world.stack, &world.desk(Service::Inventory).table.name, sku, all, shipped).await
}

pub(super) fn word(ended: Ended) -> &'static str {
    match (ended.parked, ended.confirmed) {
        (false, true) => "confirmed",
        (false, false) => "cancelled",
        (true, true) => "parked, confirmed",
        (true, false) => "parked, cancelled",
    }
}

/// Of which SKUs there is a stock.
pub(super) fn skus(plans: &[Plan]) -> BTreeSet<(String, u64)> {
    let own = plans.iter().map(|plan| (plan.sku(), stock_of(plan)));
    own.chain([(SHARED_SKU.to_owned(), SHARED_STOCK)]).collect()
}
