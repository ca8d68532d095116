//! Compensations that keep failing: they wait for a person, are seen, and go on by that person's word.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::Value;
use tidegate_events::OrderId;
use tidegate_operations::orders_client::Draft;
use tidegate_orders::payment::PaymentStatus;
use tidegate_standins::StripeFault;

use crate::command::tidegate;
use crate::shop::{Customers, NOWHERE, draft, goods, mark, outside};
use crate::shop_books::{Books, balance, payment, told_once};
use crate::stack::Stack;
use crate::stripe::{expire, payments_of};
use crate::wait::{SOON, eventually};

const RECEIVED: u64 = 5;

pub(crate) async fn a_compensation_that_is_parked_is_tried_again_after_mending(stack: Arc<Stack>) -> Result<()> {
    let (id, sku) = parked(&stack, "retried").await?;
    let customer = &Customers::of(&stack).await?.console;
    let order = customer.order(&stack, &id).await?;
    assert_eq!(
        (order["status"].as_str(), order["parked"].as_bool(), order["current_step"].as_str()),
        (Some("placed"), Some(true), Some("UndoPayment")),
        "{order}"
    );
    ensure!(
        payments_of(&stack, id.as_str()).await?.iter().all(|it| it["status"] == "requires_capture"),
        "let go already"
    );

    tidegate(&stack, &["sagas", "retry", id.as_str()]).await?.success()?;
    ended_undone(&stack, &id, &sku).await?;
    let nothing = tidegate(&stack, &["sagas", "retry", id.as_str()]).await?;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    ensure!(nothing.stderr.contains("nothing to try again"), "{nothing:?}");
    Ok(())
}

pub(crate) async fn a_compensation_that_was_done_by_hand_is_resolved(stack: Arc<Stack>) -> Result<()> {
    let (id, sku) = parked(&stack, "resolved").await?;
    let shown = tidegate(&stack, &["sagas", "show", id.as_str(), "--json"]).await?.success()?;
    assert_eq!(shown.json()?["parked"]["step"], "UndoPayment");
    ensure!(!shown.stdout.contains("task_token"), "{shown:?}");

    let PaymentStatus::Authorised(it) = payment(&stack, &id).await?.status else { anyhow::bail!("not authorised") };
    expire(&stack, it.payment_id.as_str()).await?;
    tidegate(&stack, &["sagas", "resolve", id.as_str()]).await?.success()?;
    ended_undone(&stack, &id, &sku).await
}

/// An order that nobody ships, and whose payment Stripe refuses to let go, once and for good.
pub(crate) async fn parked(stack: &Stack, label: &str) -> Result<(OrderId, String)> {
    let sku = goods(stack, label, RECEIVED).await?;
    let customer = &Customers::of(stack).await?.console;
    let standin = outside(stack)?;
    let callback_url = Some(standin.callback_url(&customer.id));
    let draft = Draft { country: NOWHERE.to_owned(), callback_url, ..draft(&sku) };
    let refuses = StripeFault {
        path: Some("/v1/payment_intents/*/cancel".to_owned()),
        contains: Some(mark(&draft)),
        status: Some(401),
        times: Some(1),
        ..StripeFault::default()
    };
    standin.fail_stripe(&refuses).await?;
    let id = customer.place(stack, &draft).await?;
    let waits = eventually(&format!("{} waits for a person", id.as_str()), SOON, async || {
        let listed = tidegate(stack, &["sagas", "list", "--parked", "--json"]).await?.success()?.json()?;
        Ok(listed.as_array().into_iter().flatten().find(|it| it["order_id"] == id.as_str()).cloned())
    })
    .await?;
    assert_eq!((waits["step"].as_str(), waits["error"].as_str()), (Some("UndoPayment"), Some("PermanentFailure")));
    let commands = waits["commands"].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    ensure!(commands.contains(&&*format!("tidegate sagas retry {}", id.as_str())), "{waits}");
    customer.has_happened(stack, &id, "compensation parked").await?;
    Ok((id, sku))
}

/// Waits for the end of a saga that was parked, with nothing left that waits for a person.
pub(crate) async fn ended_undone(stack: &Stack, id: &OrderId, sku: &str) -> Result<()> {
    undone(stack, id, sku).await?;
    let listed = tidegate(stack, &["sagas", "list", "--json"]).await?.success()?;
    ensure!(!listed.stdout.contains(id.as_str()), "{listed:?}");
    Ok(())
}

/// Waits for the end of an order that was parked: cancelled, with nothing of it left.
pub(crate) async fn undone(stack: &Stack, id: &OrderId, sku: &str) -> Result<()> {
    let order = Customers::of(stack).await?.console.ended(stack, id).await?;
    assert_eq!(
        (order["status"].as_str(), order["cancel_reason"].as_str(), order["parked"].as_bool()),
        (Some("cancelled"), Some("shipment_rejected"), Some(false))
    );
    let words = crate::shop::words(&order);
    ensure!(words.contains(&"compensation answered".to_owned()), "{words:?}");
    let books = Books::new("released", "given back", "rejected", &["canceled"]);
    balance(stack, id, &books, sku, (RECEIVED, 0)).await?;
    told_once(stack, id, "order.cancelled").await
}
