//! Orders on each of their ways: how the API tells them, what every book says of them, and what their customer is told.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::Value;
use tidegate_events::OrderId;
use tidegate_operations::Executions as _;
use tidegate_operations::executions::execution_arn;
use tidegate_operations::orders_client::Draft;

use crate::shop::{Customers, NOWHERE, QUANTITY, draft, goods, outside, words};
use crate::shop_books::{Books, balance, payment, told_once};
use crate::stack::Stack;
use crate::wait::{SOON, eventually};

/// How many of a SKU come in.
const RECEIVED: u64 = 5;

pub(crate) async fn an_order_that_is_paid_and_shipped_is_confirmed(stack: Arc<Stack>) -> Result<()> {
    let sku = goods(&stack, "confirmed", RECEIVED).await?;
    let (id, order) = outcome(&stack, draft(&sku)).await?;
    let happened = [
        "order placed",
        "stock reserved",
        "payment authorised",
        "shipment created",
        "payment captured",
        "order confirmed",
    ];
    assert_eq!(words(&order), happened);
    assert_eq!((order["status"].as_str(), order["cancel_reason"].as_str()), (Some("confirmed"), None));
    assert_eq!((&order["current_step"], &order["parked"]), (&Value::Null, &false.into()));
    let books = Books::new("shipped", "captured", "created", &["succeeded"]);
    balance(&stack, &id, &books, &sku, (RECEIVED, QUANTITY)).await?;
    told_once(&stack, &id, "order.confirmed").await?;

    let late = Customers::of(&stack).await?.console.cancel(&stack, &id).await?;
    assert_eq!((late.status, late.json()["type"].as_str()), (409, Some("urn:tidegate:problem:already-confirmed")));
    has_succeeded(&stack, &id).await
}

pub(crate) async fn an_order_whose_payment_is_declined_is_cancelled(stack: Arc<Stack>) -> Result<()> {
    let sku = goods(&stack, "declined", RECEIVED).await?;
    let poor = Draft { pay: "pm_card_visa_chargeDeclinedInsufficientFunds".to_owned(), ..draft(&sku) };
    let (id, order) = outcome(&stack, poor).await?;
    let happened = ["order placed", "stock reserved", "payment declined", "stock released", "order cancelled"];
    assert_eq!(words(&order), happened);
    let declined = &order["timeline"][2];
    assert_eq!(declined["data"]["reason"], "insufficient_funds", "{declined}");
    let books = Books::new("released", "declined", "none", &["requires_payment_method"]);
    cancelled(&stack, &id, &order, "payment_declined", &books, &sku).await
}

pub(crate) async fn an_order_of_more_than_there_is_is_cancelled(stack: Arc<Stack>) -> Result<()> {
    let sku = goods(&stack, "short", RECEIVED).await?;
    let (id, order) = outcome(&stack, Draft { quantity: RECEIVED + 1, ..draft(&sku) }).await?;
    assert_eq!(words(&order), ["order placed", "stock rejected", "order cancelled"]);
    let short = &order["timeline"][1]["data"]["short"][0];
    assert_eq!((short["requested"].as_u64(), short["available"].as_u64()), (Some(RECEIVED + 1), Some(RECEIVED)));
    let books = Books::new("rejected", "none", "none", &[]);
    cancelled(&stack, &id, &order, "out_of_stock", &books, &sku).await
}

pub(crate) async fn an_order_to_where_nobody_ships_is_cancelled(stack: Arc<Stack>) -> Result<()> {
    let sku = goods(&stack, "nowhere", RECEIVED).await?;
    let (id, order) = outcome(&stack, Draft { country: NOWHERE.to_owned(), ..draft(&sku) }).await?;
    let mut happened = words(&order);
    let given_back = happened.remove(4);
    ensure!(["payment voided", "payment expired"].contains(&&*given_back), "{given_back}");
    let rest = [
        "order placed",
        "stock reserved",
        "payment authorised",
        "shipment rejected",
        "stock released",
        "order cancelled",
    ];
    assert_eq!(happened, rest);
    let books = Books::new("released", "given back", "rejected", &["canceled"]);
    cancelled(&stack, &id, &order, "shipment_rejected", &books, &sku).await
}

pub(crate) async fn an_order_that_is_withdrawn_before_it_is_captured_is_cancelled(stack: Arc<Stack>) -> Result<()> {
    let sku = goods(&stack, "withdrawn", RECEIVED).await?;
    let customer = &Customers::of(&stack).await?.console;
    let (id, mark) = customer.place_while_the_bank_thinks(&stack, &sku).await?;
    customer.has_happened(&stack, &id, "stock reserved").await?;
    for _ in 0..2 {
        let answer = customer.cancel(&stack, &id).await?;
        assert_eq!((answer.status, answer.json()["cancellation"].as_str()), (202, Some("cancelling")));
    }
    assert_eq!(customer.order(&stack, &id).await?["cancellation_requested"], true);
    let heard = async || Ok(payment(&stack, &id).await?.stopped.then_some(()));
    eventually("the payment has heard of it", SOON, heard).await?;
    outside(&stack)?.clear_stripe_faults_of(&mark).await?;

    let order = customer.ended(&stack, &id).await?;
    let count = |word: &str| words(&order).iter().filter(|it| *it == word).count();
    assert_eq!(count("order cancellation requested"), 1, "{order}");
    assert_eq!((count("payment captured"), count("order cancelled")), (0, 1), "{order}");
    let books = Books::new("released", "given back", "cancelled", &["canceled"]);
    cancelled(&stack, &id, &order, "cancelled_by_customer", &books, &sku).await?;
    let again = customer.cancel(&stack, &id).await?;
    assert_eq!((again.status, again.json()["cancellation"].as_str()), (202, Some("cancelled")));
    Ok(())
}

/// Places an order whose customer wants to be told, and follows it to its end.
async fn outcome(stack: &Stack, draft: Draft) -> Result<(OrderId, Value)> {
    let customer = &Customers::of(stack).await?.console;
    let callback_url = Some(outside(stack)?.callback_url(&customer.id));
    let id = customer.place(stack, &Draft { callback_url, ..draft }).await?;
    let order = customer.ended(stack, &id).await?;
    Ok((id, order))
}

/// Holds that an order is cancelled for this reason, with nothing of it left, and that its customer was told once.
async fn cancelled(stack: &Stack, id: &OrderId, order: &Value, reason: &str, books: &Books, sku: &str) -> Result<()> {
    assert_eq!((order["status"].as_str(), order["cancel_reason"].as_str()), (Some("cancelled"), Some(reason)));
    balance(stack, id, books, sku, (RECEIVED, 0)).await?;
    told_once(stack, id, "order.cancelled").await?;
    has_succeeded(stack, id).await
}

/// A saga that carried out what it had to, be it the undoing, has succeeded.
async fn has_succeeded(stack: &Stack, id: &OrderId) -> Result<()> {
    let arn = execution_arn(stack.output("OrderSagaArn")?, id.as_str());
    eventually("the saga has succeeded", SOON, async || {
        let execution = stack.sfn.execution(&arn).await?;
        Ok(execution.is_some_and(|it| it.status == "SUCCEEDED").then_some(()))
    })
    .await
}
