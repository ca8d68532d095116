//! What there is to sell.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use tidegate_events::Sku;
use tidegate_orders::Stock;
use tidegate_outbox::{AggregateId, Change, CommandId, Decision, HandleError, Handled, Image, Reply, Write, handle};

use crate::resources::Resources;
use crate::tables::{self, Tables};

/// What stands before a SKU in the keys of the inventory's table, where reservations are too.
const PREFIX: &str = "stock/";

/// What [`receive`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub stock: Stock,
    /// Whether this receipt had been taken in before.
    pub repeated: bool,
}

/// The stock of each SKU, sorted.
pub async fn list(services: &impl Tables, resources: &Resources) -> Result<Vec<(String, Stock)>> {
    let table = resources.output("InventoryTableName")?;
    let keys = services.keys(table, PREFIX).await?;
    let stocks: Vec<Option<Stock>> = tables::states(services, table, keys.iter().map(String::as_str)).await?;
    let skus = keys.iter().map(|key| key.strip_prefix(PREFIX).unwrap_or(key).to_owned());
    Ok(skus.zip(stocks.into_iter().map(Option::unwrap_or_default)).collect())
}

/// The stock of a SKU; nothing of one that was never taken in.
pub async fn show(services: &impl Tables, resources: &Resources, sku: &Sku) -> Result<Stock> {
    let table = resources.output("InventoryTableName")?;
    Ok(tables::state(services, table, &key(sku)).await?.unwrap_or_default())
}

/// Takes goods in, once for each receipt: the proof of it is kept with the stock.
pub async fn receive(
    services: &impl Tables,
    resources: &Resources,
    sku: &Sku,
    count: u64,
    receipt: &str,
    now: SystemTime,
) -> Result<Receipt> {
    let id = CommandId::new(format!("receipt/{receipt}")).context("the receipt's id is not one")?;
    let write = Write::command(id, AggregateId::new(key(sku))?);
    let store = services.aggregates(resources.output("InventoryTableName")?);
    let handled = handle(&store, &write, now, |_| Vec::new(), |loaded| take_in(loaded.home, count)).await;
    let handled = handled.map_err(|error| anyhow::anyhow!(HandleError::into_boxed(error)));
    let Handled { repeated, .. } = handled.context("nothing was taken in")?;
    Ok(Receipt { stock: show(services, resources, sku).await?, repeated })
}

fn key(sku: &Sku) -> String {
    format!("{PREFIX}{}", sku.as_str())
}

fn take_in(home: &Image, count: u64) -> Result<Decision> {
    let stock: Stock = home.state_as()?.unwrap_or_default();
    let on_hand = stock.on_hand.checked_add(count).context("more than can be counted")?;
    let change = Change::new(home.aggregate().clone(), &Stock { on_hand, ..stock })?;
    Ok(Decision::changes([change]).reply(Reply::success(&on_hand)?))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::tables::MemoryTables;

    fn resources() -> Resources {
        Resources {
            outputs: [("InventoryTableName".to_owned(), "inventory".to_owned())].into(),
            ..Resources::default()
        }
    }

    #[tokio::test]
    async fn goods_are_taken_in_once_for_each_receipt_and_leave_the_rest_alone() {
        let tables = MemoryTables::default();
        let sku: Sku = "gauge".parse().unwrap();
        for (receipt, count, expected) in [("r-1", 5, (5, false)), ("r-1", 5, (5, true)), ("r-2", 2, (7, false))] {
            let Receipt { stock, repeated } =
                receive(&tables, &resources(), &sku, count, receipt, UNIX_EPOCH).await.unwrap();
            assert_eq!((stock.on_hand, repeated), expected);
        }
        let stock = Stock { on_hand: 7, reserved: 0, shipped: 0 };
        assert_eq!(list(&tables, &resources()).await.unwrap(), [("gauge".to_owned(), stock)]);
    }

    #[tokio::test]
    async fn a_count_that_cannot_be_added_is_refused_instead_of_wrapping() {
        let tables = MemoryTables::default();
        let sku: Sku = "gauge".parse().unwrap();
        receive(&tables, &resources(), &sku, u64::MAX, "r-1", UNIX_EPOCH).await.unwrap();
        assert!(receive(&tables, &resources(), &sku, 1, "r-2", UNIX_EPOCH).await.is_err());
        assert_eq!(show(&tables, &resources(), &sku).await.unwrap().on_hand, u64::MAX);
    }
}
