//! What Stripe tells by itself: an authorisation that lapses before it is captured.

use std::sync::Arc;

use anyhow::{Result, ensure};
use serde_json::json;
use tidegate_orders::payment::PaymentStatus;
use tidegate_standins::{Act, StripeFault};

use crate::command::{file, path, tidegate};
use crate::shop::{Customers, draft, goods, key, mark, outside, words};
use crate::shop_books::{Books, balance, payment};
use crate::stack::Stack;
use crate::stripe::expire;
use crate::wait::{SOON, eventually};

const RECEIVED: u64 = 5;

pub(crate) async fn an_authorisation_that_lapses_before_it_is_captured_cancels_the_order(
    stack: Arc<Stack>,
) -> Result<()> {
    let sku = goods(&stack, "lapsed", RECEIVED).await?;
    let customer = &Customers::of(&stack).await?.console;
    let (standin, draft) = (outside(&stack)?, draft(&sku));
    let capture = Some("/v1/payment_intents/*/capture".to_owned());
    let hold = StripeFault { path: capture, contains: Some(mark(&draft)), act: Act::Hold, ..StripeFault::default() };
    standin.fail_stripe(&hold).await?;
    let id = customer.place(&stack, &draft).await?;
    let payment_id = eventually("the payment is authorised", SOON, async || {
        Ok(match payment(&stack, &id).await?.status {
            PaymentStatus::Authorised(it) => Some(it.payment_id),
            _ => None,
        })
    })
    .await?;

    let event = json!({
        "id": format!("evt_{}", key().replace('-', "")),
        "object": "event",
        "type": "payment_intent.canceled",
        "data": {"object": {"id": payment_id, "object": "payment_intent", "status": "canceled", "metadata": {"order_id": id}}},
    });
    let event = file(&event.to_string())?;
    tidegate(&stack, &["send", "stripe", "payment_intent.canceled", "--file", path(&event)?]).await?.success()?;
    customer.has_happened(&stack, &id, "payment expired").await?;
    expire(&stack, payment_id.as_str()).await?;
    standin.clear_stripe_faults_of(&mark(&draft)).await?;

    let order = customer.ended(&stack, &id).await?;
    assert_eq!(
        (order["status"].as_str(), order["cancel_reason"].as_str()),
        (Some("cancelled"), Some("payment_declined"))
    );
    let happened = words(&order);
    ensure!(!happened.iter().any(|it| it == "payment captured"), "{happened:?}");
    let books = Books::new("released", "given back", "cancelled", &["canceled"]);
    balance(&stack, &id, &books, &sku, (RECEIVED, 0)).await
}
