//! Goods: how they come in, and how many there are.

use anyhow::{Result, anyhow, ensure};
use tidegate_orders::Stock;
use tidegate_outbox::{
    AggregateId, Change, CommandId, Decision, DynamoDbAggregates, HandleError, Loaded, Reply, Write, handle,
};

use crate::stack::Stack;
use crate::tables::{item, now};

/// Takes goods in.
pub(crate) async fn receive(stack: &Stack, table: &str, sku: &str, on_hand: u64) -> Result<()> {
    let home = AggregateId::new(format!("stock/{sku}"))?;
    let write = Write::command(CommandId::new(format!("receipt/{sku}"))?, home);
    let decide = |loaded: Loaded<'_>| -> Result<Decision> {
        let stock = Stock { on_hand, ..Stock::default() };
        let change = Change::new(loaded.home.aggregate().clone(), &stock)?;
        Ok(Decision::changes([change]).reply(Reply::success(&"received")?))
    };
    let store = DynamoDbAggregates::new(stack.dynamodb.clone(), table);
    let handled = handle(&store, &write, now(), |_| Vec::new(), decide).await;
    handled.map(drop).map_err(|error| anyhow!(HandleError::into_boxed(error)))
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
