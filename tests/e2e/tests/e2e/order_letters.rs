//! Dead letters of the order pipeline's queues.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tidegate_cli::sqs;
use tidegate_orders::payment::PaymentStatus;

use crate::command::tidegate;
use crate::dead_letters::redrive;
use crate::parked::{ended_undone, parked};
use crate::shop::key;
use crate::shop_books::payment;
use crate::stack::Stack;
use crate::wait::{SOON, eventually};

pub(crate) async fn an_unreadable_command_is_set_aside_in_every_queue(stack: Arc<Stack>) -> Result<()> {
    let _looking = stack.looking_at_dead_letters.lock().await;
    let queues = [
        ("orders-worker", "OrdersWorkerQueueUrl"),
        ("inventory-worker", "InventoryWorkerQueueUrl"),
        ("payments-worker", "PaymentsWorkerQueueUrl"),
        ("shipping-worker", "ShippingWorkerQueueUrl"),
        ("start-workflow", "StartWorkflowQueueUrl"),
        ("record-timeline", "RecordTimelineQueueUrl"),
        ("deliver-callback", "DeliverCallbackQueueUrl"),
    ];
    let secret = key();
    let body = format!(r#"{{"command": "ReserveStock", "version": 99, "data": "{secret}"}}"#);
    for (_, url) in queues {
        sqs::send(&stack.deployment.sqs, stack.output(url)?, &body, BTreeMap::new()).await?;
    }
    for (queue, _) in queues {
        let letter = letter(&stack, queue, &secret, None).await?;
        assert_eq!(
            (letter["reason"].as_str(), letter["function"].as_str()),
            (Some("undecodable"), Some(&*format!("tidegate-e2e-{queue}"))),
            "{letter}"
        );
        ensure!(!letter.to_string().contains(&secret), "the reason quotes the message: {letter}");
    }

    // It comes back to its queue, where it is as unreadable as before.
    let first = letter(&stack, "orders-worker", &secret, None).await?;
    redrive(&stack, &first).await?;
    let second = letter(&stack, "orders-worker", &secret, Some(&first)).await?;
    assert_eq!(second["reason"], "undecodable");
    Ok(())
}

pub(crate) async fn a_command_that_failed_for_good_is_redriven_and_its_saga_finds_it_done(
    stack: Arc<Stack>,
) -> Result<()> {
    let (id, sku) = parked(&stack, "redriven").await?;
    {
        let _looking = stack.looking_at_dead_letters.lock().await;
        let refused = letter(&stack, "payments-worker", id.as_str(), None).await?;
        assert_eq!(refused["reason"], "permanent", "{refused}");
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

/// Waits for a dead letter of a queue whose body has this text, and which is another one than this.
async fn letter(stack: &Stack, queue: &str, text: &str, other_than: Option<&Value>) -> Result<Value> {
    eventually(&format!("a dead letter of {queue} with {text}"), SOON, async || {
        let listed = tidegate(stack, &["dlq", "list", "--queue", queue, "--json"]).await?.success()?.json()?;
        for letter in listed.as_array().into_iter().flatten() {
            let id = letter["message"].as_str().context("a dead letter without an id")?;
            if other_than.is_some_and(|other| other["message"] == id) {
                continue;
            }
            let shown = tidegate(stack, &["dlq", "show", id, "--queue", queue, "--json"]).await?.success()?.json()?;
            if shown["body"].to_string().contains(text) {
                return Ok(Some(letter.clone()));
            }
        }
        Ok(None)
    })
    .await
}
