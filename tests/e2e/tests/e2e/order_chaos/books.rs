//! What must hold when all orders are over, and how long they took.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::Select;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;

use super::trouble::CONSUMERS;
use super::{PLENTIFUL, PLENTY, Placed, SCARCE, SCARCE_STOCK, plenty};
use crate::stack::Stack;
use crate::stock;
use crate::stripe::{self, Account};
use crate::tables::item;
use crate::told::Told;
use crate::wait::eventually_slowly;
use crate::watch::Watch;

/// The last callbacks and the timeline are written after the orders have ended.
const SETTLED: Duration = Duration::from_secs(90);

pub(super) struct Books<'a> {
    stack: &'a Stack,
    orders: &'a str,
    inventory: &'a str,
    payments: &'a str,
    shipping: &'a str,
    timeline: &'a str,
}

/// How all of it ended.
pub(super) struct Totals {
    confirmed: usize,
    cancelled: usize,
    /// From placing to the end, shortest first.
    took: Vec<Duration>,
}

impl<'a> Books<'a> {
    pub(super) fn new(stack: &'a Stack) -> Result<Self> {
        let table = |name: &str| stack.output(&format!("{name}TableName"));
        Ok(Self {
            stack,
            orders: table("Orders")?,
            inventory: table("Inventory")?,
            payments: table("Payments")?,
            shipping: table("Shipping")?,
            timeline: table("Timeline")?,
        })
    }

    pub(super) async fn receive(&self, sku: &str, on_hand: u64) -> Result<()> {
        stock::receive(self.stack, self.inventory, sku, on_hand).await
    }

    /// Waits until nothing is on its way any more.
    pub(super) async fn settled(&self, placed: &[Placed]) -> Result<()> {
        eventually_slowly("no message is on its way", SETTLED, async || {
            for consumer in CONSUMERS {
                let url = self.stack.output(&format!("{consumer}QueueUrl"))?;
                if !about(placed, self.stack.messages_in(url).await?).is_empty() {
                    return Ok(None);
                }
            }
            Ok(Some(()))
        })
        .await?;
        eventually_slowly("every client was called back", SETTLED, async || {
            let called: BTreeSet<_> = self.called_back().into_keys().collect();
            Ok(placed.iter().all(|it| called.contains(&it.id)).then_some(()))
        })
        .await
    }

    pub(super) async fn balance(&self, told: &Watch, placed: &[Placed]) -> Result<Totals> {
        let different: BTreeSet<_> = placed.iter().map(|it| &it.id).collect();
        ensure!(different.len() == placed.len(), "two orders have one id");
        for consumer in CONSUMERS {
            let letters = self.stack.output(&format!("{consumer}DeadLetterQueueUrl"))?;
            let letters = about(placed, self.stack.messages_in(letters).await?);
            ensure!(letters.is_empty(), "{consumer} has set aside {letters:?}");
        }
        let told = Told::by_order(told.events(self.stack).await?)?;
        let accounts = stripe::accounts(self.stack).await?;
        let calls = self.called_back();
        let mut shipped: BTreeMap<&str, u64> = BTreeMap::new();
        let mut totals = Totals { confirmed: 0, cancelled: 0, took: Vec::new() };
        let mut wrong = Vec::new();
        for order in placed {
            let told = told.get(&order.id).with_context(|| format!("nothing was told of {}", order.id))?;
            let account = accounts.get(&order.id).cloned().unwrap_or_default();
            match self.balances(order, told, &account, calls.get(&order.id)).await {
                Err(error) => wrong.push(format!("{} ({:?}): {error:#}", order.id, order.wanted)),
                Ok(confirmed) => {
                    let took = told.time(if confirmed { "order-confirmed" } else { "order-cancelled" })?;
                    totals.took.push(took.duration_since(told.time("order-placed")?).try_into()?);
                    totals.confirmed += usize::from(confirmed);
                    totals.cancelled += usize::from(!confirmed);
                    if confirmed {
                        *shipped.entry(&order.wanted.sku).or_default() += order.wanted.quantity;
                    }
                }
            }
        }
        ensure!(wrong.is_empty(), "{} of {} orders: {wrong:#?}", wrong.len(), placed.len());
        let all = (0..PLENTY).map(|number| (plenty(number), PLENTIFUL)).chain([(SCARCE.to_owned(), SCARCE_STOCK)]);
        for (sku, all) in all {
            let shipped = shipped.get(&*sku).copied().unwrap_or_default();
            stock::balance(self.stack, self.inventory, &sku, all, shipped).await?;
        }
        totals.took.sort();
        Ok(totals)
    }

    /// Whether it is confirmed.
    async fn balances(
        &self,
        Placed { id, wanted }: &Placed,
        told: &Told,
        account: &Account,
        calls: Option<&BTreeSet<(String, String)>>,
    ) -> Result<bool> {
        self.saga_succeeded(id).await?;
        let confirmed = told.is_confirmed()?;
        let word = if confirmed { "confirmed" } else { "cancelled" };
        let status = async |table| Ok::<Value, anyhow::Error>(item(self.stack, table, id).await?.1);
        let (order, payment) = (status(self.orders).await?, status(self.payments).await?);
        let (shipment, reservation) = (status(self.shipping).await?, status(self.inventory).await?);
        ensure!(order["status"]["is"] == word, "it was told {word} and is {}", order["status"]);
        ensure!(told.count("compensation-parked") == 0, "it was parked");
        let served = wanted.country == "DE" && wanted.pay == "pm_card_visa";
        ensure!(served || !confirmed, "it should have been refused");
        ensure!(confirmed || !served || wanted.sku == SCARCE, "it was cancelled: {}", order["status"]);
        ensure!((shipment["is"] == "created") == confirmed, "it is {word} and its shipment {shipment}");
        ensure!((reservation["is"] == "shipped") == confirmed, "it is {word} and its stock {reservation}");
        ensure!(reservation["is"] != "reserved", "it is {word} and its stock {reservation}");
        let kept = if confirmed { wanted.total() } else { 0 };
        told.money().balance(kept, payment["status"]["is"].as_str().unwrap_or("none"), account)?;
        let calls = calls.context("its client was not called back")?;
        ensure!(
            calls.len() == 1 && calls.iter().all(|(_, said)| said == word),
            "it is {word}, its client was told {calls:?}"
        );
        let entries = self.entries(id).await?;
        ensure!(entries == told.len(), "{} events, {entries} entries in its timeline", told.len());
        Ok(confirmed)
    }

    async fn saga_succeeded(&self, id: &str) -> Result<()> {
        let machine = self.stack.output("OrderSagaArn")?;
        let execution = format!("{}:{id}", machine.replace(":stateMachine:", ":execution:"));
        let saga = self.stack.sfn.describe_execution().execution_arn(execution).send().await?;
        match saga.status {
            ExecutionStatus::Succeeded => Ok(()),
            status => bail!("its saga is {status}"),
        }
    }

    async fn entries(&self, id: &str) -> Result<usize> {
        let query = self.stack.dynamodb.query().table_name(self.timeline).select(Select::Count);
        let query = query.key_condition_expression("order_id = :id");
        let counted = query.expression_attribute_values(":id", AttributeValue::S(id.to_owned())).send().await?;
        Ok(usize::try_from(counted.count())?)
    }

    /// What each order's client was told and took: under which ids, and what.
    fn called_back(&self) -> BTreeMap<String, BTreeSet<(String, String)>> {
        let mut calls: BTreeMap<String, BTreeSet<(String, String)>> = BTreeMap::new();
        for call in self.stack.slack.callbacks().iter().filter(|it| it.is_accepted()) {
            let said = |name: &str| call.body["data"][name].as_str().unwrap_or_default().to_owned();
            let id = call.id.clone().unwrap_or_default();
            calls.entry(said("order_id")).or_default().insert((id, said("status")));
        }
        calls
    }
}

/// The messages that are about one of these orders; the stack is other tests' too.
fn about(placed: &[Placed], messages: Vec<String>) -> Vec<String> {
    messages.into_iter().filter(|message| placed.iter().any(|it| message.contains(&it.id))).collect()
}

impl std::fmt::Display for Totals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |percent: usize| {
            let rank = (self.took.len() * percent).div_ceil(100).saturating_sub(1);
            self.took.get(rank).copied().unwrap_or_default().as_secs_f64()
        };
        write!(
            f,
            "{} confirmed, {} cancelled; from placing to the end: half within {:.1} s, 99 % within {:.1} s.",
            self.confirmed,
            self.cancelled,
            at(50),
            at(99),
        )
    }
}
