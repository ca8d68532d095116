//! `tidegate stock`: what there is to sell.

use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use anyhow::Result;
use serde_json::json;
use tidegate_operations::stock;
use uuid::Uuid;

use crate::args::StockCommand;
use crate::clock;
use crate::context::Context;

pub(super) async fn run(context: &Context, command: StockCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let output = context.output;
    match command {
        StockCommand::List => {
            let stocks = stock::list(&deployment.dynamodb, &resources).await?;
            if stocks.is_empty() {
                output.line("There is no stock. Take some in with `tidegate stock receive SKU COUNT`.");
            } else {
                output.table(
                    &["sku", "on hand", "reserved", "shipped"],
                    stocks.iter().map(|(sku, stock)| {
                        let numbers = [stock.on_hand, stock.reserved, stock.shipped].map(|count| count.to_string());
                        std::iter::once(sku.clone()).chain(numbers).collect()
                    }),
                );
            }
            let documents = stocks.iter().map(|(sku, stock)| json!({"sku": sku, "stock": stock}));
            output.document(&documents.collect::<Vec<_>>())?;
        }
        StockCommand::Receive { sku, count, id } => {
            let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
            let now = UNIX_EPOCH + clock::since_epoch();
            let receipt = stock::receive(&deployment.dynamodb, &resources, &sku, count, &id, now).await?;
            let on_hand = receipt.stock.on_hand;
            output.line(match receipt.repeated {
                false => format!("Took in {count} of {}; {on_hand} are there.", sku.as_str()),
                true => format!("Receipt {id} had been taken in before; {on_hand} of {} are there.", sku.as_str()),
            });
            output.line(format!("  receipt  {id}"));
            output
                .document(&json!({"sku": sku, "receipt": id, "repeated": receipt.repeated, "stock": receipt.stock}))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
