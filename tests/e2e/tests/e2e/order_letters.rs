//! Dead letters of the order pipeline's queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tidegate_operations::Queues as _;
use tidegate_orders::payment::PaymentStatus;

use crate::command::tidegate;
use crate::dead_letters::{dead_letter, dead_letters, redrive};
use crate::parked::{ended_undone, parked};
use crate::shop::key;
use crate::shop_books::payment;
use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::{SOON, eventually};

/// The outputs that name them.
const QUEUES: [&str; 7] = [
    "OrdersWorkerQueueUrl",
    "InventoryWorkerQueueUrl",
    "PaymentsWorkerQueueUrl",
    "ShippingWorkerQueueUrl",
    "StartWorkflowQueueUrl",
    "RecordTimelineQueueUrl",
    "DeliverCallbackQueueUrl",
];

pub(crate) async fn an_unreadable_command_is_set_aside_in_every_queue(stack: Arc<Stack>) -> Result<()> {
    let _looking = stack.looking_at_dead_letters.lock().await;
    let (id, secret) = (key(), key());
    let body = json!({"command": "ReserveStock", "version": 99, "id": id, "data": secret}).to_string();
    for url in QUEUES {
        stack.deployment.sqs.send(stack.output(url)?, &body, BTreeMap::new()).await?;
    }
    let letters = letters(&stack, &id, QUEUES.len()).await?;
    for letter in &letters {
        assert_eq!(letter["reason"], "undecodable", "{letter}");
        assert_eq!(letter["function"], letter["source_queue"], "{letter}");
        ensure!(!letter.to_string().contains(&secret), "the reason quotes the message: {letter}");
    }

    // It comes back to its queue, where it is as unreadable as before.
    let of_orders = |letter: &&Value| letter["source_queue"] == format!("{DEPLOYMENT}-orders-worker");
    let first = letters.iter().find(of_orders).context("none of orders-worker")?;
    redrive(&stack, first).await?;
    let again = self::letters(&stack, &id, QUEUES.len()).await?;
    ensure!(!again.iter().any(|letter| letter["message"] == first["message"]), "{again:?}");
    Ok(())
}

pub(crate) async fn a_command_that_failed_for_good_is_redriven_and_its_saga_finds_it_done(
    stack: Arc<Stack>,
) -> Result<()> {
    let (id, sku) = parked(&stack, "redriven").await?;
    {
        let _looking = stack.looking_at_dead_letters.lock().await;
        let refused = dead_letter(&stack, "event_id", &format!("{}/UndoPayment", id.as_str())).await?;
        let what = (refused["reason"].as_str(), refused["event_type"].as_str());
        assert_eq!(what, (Some("permanent"), Some("UndoPayment")), "{refused}");
        redrive(&stack, &refused).await?;
    }
    eventually("the payment is let go", SOON, async || {
        let status = payment(&stack, &id).await?.status;
        Ok(matches!(status, PaymentStatus::Voided(_) | PaymentStatus::Expired(_)).then_some(()))
    })
    .await?;
    tidegate(&stack, &["sagas", "retry", id.as_str()]).await?.success()?;
    ended_undone(&stack, &id, &sku).await
}

/// Waits until there are so many dead letters with this id, each of another queue.
async fn letters(stack: &Stack, id: &str, count: usize) -> Result<Vec<Value>> {
    eventually(&format!("{count} dead letters {id}"), SOON, async || {
        let found = dead_letters(stack).await?.into_iter().filter(|letter| letter["event_id"] == id);
        let found: Vec<_> = found.collect();
        Ok((found.len() == count).then_some(found))
    })
    .await
}
