//! What the books say of one order: stock, payment here and at Stripe, shipment, callback.

use anyhow::{Context as _, Result, ensure};
use serde::de::DeserializeOwned;
use tidegate_events::OrderId;
use tidegate_operations::tables;
use tidegate_orders::payment::{Payment, PaymentStatus};
use tidegate_orders::shipment::Shipment;
use tidegate_orders::{Reservation, Stock};

use crate::shop::called_back;
use crate::stack::Stack;
use crate::stripe::payments_of;
use crate::wait::{SOON, eventually};

/// What an order leaves behind, in one word for each book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Books {
    pub(crate) reservation: &'static str,
    pub(crate) payment: &'static str,
    pub(crate) shipment: &'static str,
    /// Of each payment that Stripe has for the order.
    pub(crate) stripe: Vec<String>,
}

impl Books {
    pub(crate) fn new(
        reservation: &'static str,
        payment: &'static str,
        shipment: &'static str,
        stripe: &[&str],
    ) -> Self {
        Self { reservation, payment, shipment, stripe: stripe.iter().map(|&word| word.to_owned()).collect() }
    }

    async fn of(stack: &Stack, id: &OrderId) -> Result<Self> {
        let reservation: Reservation = state(stack, "InventoryTableName", id.as_str()).await?.unwrap_or_default();
        let shipment: Shipment = state(stack, "ShippingTableName", id.as_str()).await?.unwrap_or_default();
        let payments = payments_of(stack, id.as_str()).await?;
        Ok(Self {
            reservation: match reservation {
                Reservation::None => "none",
                Reservation::Reserved { .. } => "reserved",
                Reservation::Rejected => "rejected",
                Reservation::Released => "released",
                Reservation::Shipped { .. } => "shipped",
            },
            payment: match payment(stack, id).await?.status {
                PaymentStatus::None => "none",
                PaymentStatus::Authorising { .. } => "authorising",
                PaymentStatus::Authorised(_) => "authorised",
                PaymentStatus::Captured(_) => "captured",
                PaymentStatus::Declined => "declined",
                // What is cancelled Stripe tells by its webhook too, and may be quicker than who cancelled it.
                PaymentStatus::Voided(_) | PaymentStatus::Expired(_) => "given back",
                PaymentStatus::Refunded(_) => "refunded",
                PaymentStatus::Undone => "undone",
            },
            shipment: match shipment {
                Shipment::None => "none",
                Shipment::Booking { .. } => "booking",
                Shipment::Created { .. } => "created",
                Shipment::Rejected => "rejected",
                Shipment::Cancelled => "cancelled",
            },
            stripe: payments.iter().filter_map(|it| it["status"].as_str()).map(str::to_owned).collect(),
        })
    }
}

/// Waits until the books of an order are so, and then for its stock: of all that came in this has gone out, and nothing is set aside.
pub(crate) async fn balance(
    stack: &Stack,
    id: &OrderId,
    expected: &Books,
    sku: &str,
    (received, shipped): (u64, u64),
) -> Result<()> {
    let last = std::sync::Mutex::new(None);
    let balanced = eventually("the books balance", SOON, async || {
        let books = Books::of(stack, id).await?;
        let stock: Stock = state(stack, "InventoryTableName", &format!("stock/{sku}")).await?.unwrap_or_default();
        ensure!(stock.on_hand + stock.reserved + stock.shipped == received, "{received} {sku} became {stock:?}");
        let so = books == *expected && stock == Stock { on_hand: received - shipped, reserved: 0, shipped };
        *last.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((books, stock));
        Ok(so.then_some(()))
    });
    balanced.await.with_context(|| format!("{}: {last:?}, and not {expected:?}", id.as_str()))
}

/// Waits for the one callback about an order, and holds that it is signed and says this.
pub(crate) async fn told_once(stack: &Stack, id: &OrderId, says: &str) -> Result<()> {
    let sent = called_back(stack, id, 1).await?;
    ensure!(sent.len() == 1, "{sent:?}");
    let callback = &sent[0];
    ensure!(callback.verified && callback.is_accepted() && callback.body["type"] == says, "{callback:?}");
    Ok(())
}

/// A payment as its service has it.
pub(crate) async fn payment(stack: &Stack, id: &OrderId) -> Result<Payment> {
    Ok(state(stack, "PaymentsTableName", id.as_str()).await?.unwrap_or_default())
}

async fn state<T: DeserializeOwned>(stack: &Stack, table: &str, id: &str) -> Result<Option<T>> {
    tables::state(&stack.dynamodb, stack.output(table)?, id).await
}
