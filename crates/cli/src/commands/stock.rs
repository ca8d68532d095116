//! `tidegate stock`: what there is to sell.

use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, Result};
use serde_json::json;
use tidegate_cloudevents::JsonText;
use tidegate_events::Sku;
use tidegate_orders::Stock;
use tidegate_outbox::{AggregateId, Change, Command, CommandId, Decision, Handled, Image, Reply, handle};
use uuid::Uuid;

use super::Context;
use crate::args::StockCommand;
use crate::clock;
use crate::deployment::{Deployment, Resources};
use crate::dynamodb;

/// What stands before a SKU in the keys of the inventory's table, where reservations are too.
pub(super) const PREFIX: &str = "stock/";

pub(super) async fn run(context: &Context, command: StockCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    match command {
        StockCommand::List => list(context, &deployment, &resources).await?,
        StockCommand::Receive { sku, count, id } => {
            let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
            let received = receive(&deployment, &resources, &sku, count, &id).await?;
            let output = context.output;
            let Stock { on_hand, .. } = received.stock;
            output.line(match received.repeated {
                false => format!("Took in {count} of {}; {on_hand} are there.", sku.as_str()),
                true => format!("Receipt {id} had been taken in before; {on_hand} of {} are there.", sku.as_str()),
            });
            output.line(format!("  receipt  {id}"));
            output.document(
                &json!({"sku": sku, "receipt": id, "repeated": received.repeated, "stock": received.stock}),
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, deployment: &Deployment, resources: &Resources) -> Result<()> {
    let (client, table) = (&deployment.dynamodb, resources.output("InventoryTableName")?);
    let keys = dynamodb::keys(client, table, PREFIX).await?;
    let states = keys.iter().map(|key| dynamodb::state::<Stock>(client, table, key));
    let stocks = futures::future::try_join_all(states).await?;
    let rows = keys
        .iter()
        .zip(stocks)
        .map(|(key, stock)| (key.strip_prefix(PREFIX).unwrap_or(key).to_owned(), stock.unwrap_or_default()));
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        context.output.line("There is no stock. Take some in with `tidegate stock receive SKU COUNT`.");
    } else {
        context.output.table(
            &["sku", "on hand", "reserved", "shipped"],
            rows.iter().map(|(sku, stock)| {
                let numbers = [stock.on_hand, stock.reserved, stock.shipped].map(|count| count.to_string());
                std::iter::once(sku.clone()).chain(numbers).collect()
            }),
        );
    }
    let document = |(sku, stock): &(String, Stock)| json!({"sku": sku, "stock": stock});
    context.output.document(&rows.iter().map(document).collect::<Vec<_>>())
}

/// What taking goods in did.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) stock: Stock,
    pub(super) repeated: bool,
}

/// Takes goods in, once for each receipt: the proof of it is kept with the stock.
pub(super) async fn receive(
    deployment: &Deployment,
    resources: &Resources,
    sku: &Sku,
    count: u64,
    receipt: &str,
) -> Result<Received> {
    let (client, table) = (&deployment.dynamodb, resources.output("InventoryTableName")?);
    let key = format!("{PREFIX}{}", sku.as_str());
    let command = command(&key, receipt)?;
    let now = UNIX_EPOCH + clock::since_epoch();
    let store = dynamodb::store(client, table);
    let Handled { repeated, .. } = handle(&store, &command, now, |_| Vec::new(), |loaded| take_in(loaded, count))
        .await
        .context("nothing was taken in")?;
    let stock = dynamodb::state(client, table, &key).await?.unwrap_or_default();
    Ok(Received { stock, repeated })
}

fn command(key: &str, receipt: &str) -> Result<Command> {
    let id = CommandId::new(format!("receipt/{receipt}")).context("the receipt's id is not one")?;
    Ok(Command { id, home: AggregateId::new(key)?, token: None })
}

fn take_in(loaded: &[Image], count: u64) -> Result<Decision> {
    let home = loaded.first().context("no stock was loaded")?;
    let stock: Stock = home.state_as()?.unwrap_or_default();
    let on_hand = stock.on_hand.checked_add(count).context("more than can be counted")?;
    let state = JsonText::of(&Stock { on_hand, ..stock })?;
    let change = Change { aggregate: home.aggregate().clone(), state, events: Vec::new(), index: Vec::new() };
    Ok(Decision { reply: Reply::success(&on_hand)?, changes: vec![change] })
}

#[cfg(test)]
mod tests {
    use tidegate_outbox::{AggregateStore, MemoryAggregates};

    use super::*;

    #[tokio::test]
    async fn goods_are_taken_in_once_for_each_receipt_and_leave_the_rest_alone() {
        let store = MemoryAggregates::default();
        for (receipt, count) in [("r-1", 5), ("r-1", 5), ("r-2", 2)] {
            let command = command("stock/gauge", receipt).unwrap();
            handle(&store, &command, UNIX_EPOCH, |_| Vec::new(), |loaded| take_in(loaded, count)).await.unwrap();
        }
        let image = store.load(&AggregateId::new("stock/gauge").unwrap()).await.unwrap();
        assert_eq!(image.state_as::<Stock>().unwrap().unwrap(), Stock { on_hand: 7, reserved: 0, shipped: 0 });
    }

    #[test]
    fn a_count_that_cannot_be_added_is_refused_instead_of_wrapping() {
        let full = JsonText::of(&Stock { on_hand: u64::MAX, ..Stock::default() }).unwrap();
        let store = MemoryAggregates::default();
        let home = AggregateId::new("stock/gauge").unwrap();
        let change = Change { aggregate: home.clone(), state: full, events: Vec::new(), index: Vec::new() };
        let fill = |_: &[Image]| {
            Ok::<_, String>(Decision { reply: Reply::success(&0).unwrap(), changes: vec![change.clone()] })
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let first = command("stock/gauge", "r-0").unwrap();
            handle(&store, &first, UNIX_EPOCH, |_| Vec::new(), fill).await.unwrap();
            let image = store.load(&home).await.unwrap();
            assert!(take_in(&[image], 1).is_err());
        });
    }
}
