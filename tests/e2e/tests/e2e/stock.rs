//! Goods: how they come in, and how many there are.

use anyhow::{Context as _, Result, ensure};
use tidegate_cloudevents::JsonText;
use tidegate_orders::Stock;
use tidegate_outbox::{AggregateId, Change, Command, CommandId, Decision, DynamoDbAggregates, Image, Reply, handle};

use crate::stack::Stack;
use crate::tables::{item, now};

/// Takes goods in.
pub(crate) async fn receive(stack: &Stack, table: &str, sku: &str, on_hand: u64) -> Result<()> {
    let home = AggregateId::new(format!("stock/{sku}"))?;
    let command = Command { id: CommandId::new(format!("receipt/{sku}"))?, home, token: None };
    let decide = |loaded: &[Image]| -> Result<Decision> {
        let state = JsonText::of(&Stock { on_hand, ..Stock::default() })?;
        let aggregate = loaded.first().context("nothing was loaded")?.aggregate().clone();
        let change = Change { aggregate, state, events: Vec::new(), index: Vec::new() };
        Ok(Decision { reply: Reply::success(&"received")?, changes: vec![change] })
    };
    let store = DynamoDbAggregates::new(stack.dynamodb.clone(), table);
    handle(&store, &command, now(), |_| Vec::new(), decide).await?;
    Ok(())
}

/// Whether so many have gone out, and the rest of `all` is still there, none of it set aside.
pub(crate) async fn balance(stack: &Stack, table: &str, sku: &str, all: u64, shipped: u64) -> Result<()> {
    let (_, stock) = item(stack, table, &format!("stock/{sku}")).await?;
    let [on_hand, reserved, gone] = ["on_hand", "reserved", "shipped"].map(|name| stock[name].as_u64());
    ensure!(
        (on_hand, reserved, gone) == (all.checked_sub(shipped), Some(0), Some(shipped)),
        "of {all} {sku}, {shipped} shipped: {stock}",
    );
    Ok(())
}
