//! Orders on each of their ways: one that succeeds, one that is declined, one that is out of stock, one that cannot be shipped, and
//! one that its customer cancels.

use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tidegate_events::{CancelReason, EventType, OrderId, Sku};
use tidegate_operations::customers::CONSOLE;
use tidegate_operations::orders::OrderEnd;
use tidegate_operations::orders_client::{Draft, OrdersClient};
use tidegate_operations::timeline::entry_document;
use tidegate_operations::{Hint, Resources, Tables as _, stock, tables};
use tidegate_orders::Stock;
use tidegate_orders::payment::Payment;
use tidegate_standins::{Act, Callback, StripeFault};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::super::orders::accepted;
use super::super::orders::watch::{Detail, Watched};
use crate::clock;
use crate::context::Context;
use crate::customers;
use crate::deployment::Deployment;
use crate::local::Up;
use crate::output::{Output, Progress};
use crate::standin_client::{self, StandinClient};

/// An order takes seconds; a machine under load gets more.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two reads.
const POLL: Duration = Duration::from_millis(200);
/// What is sold, and how much comes in.
const SKU: &str = "tide-table";
const RECEIVED: u64 = 10;
/// What was never bought.
const MISSING_SKU: &str = "sextant";
const SOLD: u64 = 2;

/// An order of the demo, and how it has to end.
struct Plan {
    title: &'static str,
    sku: &'static str,
    pay: &'static str,
    country: &'static str,
    /// Nothing: it is confirmed.
    cancelled: Option<CancelReason>,
}

const PLANS: [Plan; 4] = [
    Plan { title: "Paid and shipped", sku: SKU, pay: "pm_card_visa", country: "DE", cancelled: None },
    Plan {
        title: "Paid with a card that has no money",
        sku: SKU,
        pay: "pm_card_visa_chargeDeclinedInsufficientFunds",
        country: "DE",
        cancelled: Some(CancelReason::PaymentDeclined),
    },
    Plan {
        title: "Of something that is not there",
        sku: MISSING_SKU,
        pay: "pm_card_visa",
        country: "DE",
        cancelled: Some(CancelReason::OutOfStock),
    },
    Plan {
        title: "To a country without a carrier",
        sku: SKU,
        pay: "pm_card_visa",
        country: "AQ",
        cancelled: Some(CancelReason::ShipmentRejected),
    },
];

const WITHDRAWN: Plan = Plan {
    title: "Cancelled by its customer while the bank is still thinking",
    sku: SKU,
    pay: "pm_card_visa",
    country: "DE",
    cancelled: Some(CancelReason::CancelledByCustomer),
};

pub(super) async fn play(context: &Context, up: &Up) -> Result<Value> {
    let deployment = &up.deployment;
    let resources = deployment.resources().await?;
    let output = context.output;
    output.line("\n5. A customer signs in, and goods come in");
    let signed_in = customers::sign_in(deployment, &resources, CONSOLE, &Progress::silent()).await?;
    let shop = Shop {
        output,
        deployment,
        resources: &resources,
        client: customers::orders_client(deployment, &resources, CONSOLE).await?,
        standin: standin_client::of(deployment)?,
        sku: SKU.parse()?,
    };
    let receipt = Uuid::new_v4().to_string();
    let now = UNIX_EPOCH + clock::since_epoch();
    let before = stock::receive(&deployment.dynamodb, &resources, &shop.sku, RECEIVED, &receipt, now).await?.stock;
    output.line(format!("   {CONSOLE} is {}; {} {SKU} are on hand", signed_in.token.client_id, before.on_hand));

    let mut ended = Vec::new();
    output.line("\n6. Four orders are placed at once");
    let placed = futures::future::try_join_all(PLANS.iter().map(|plan| shop.place(plan))).await?;
    for (plan, id) in PLANS.iter().zip(&placed) {
        ended.push(shop.follow(plan, id).await?);
    }
    output.line("\n7. A fifth is placed, and cancelled");
    let id = shop.place_and_cancel().await?;
    ended.push(shop.follow(&WITHDRAWN, &id).await?);

    let after = shop.settled(before).await?;
    output.line(format!(
        "\nThe books balance: of {} {SKU} {} are on hand, {} reserved, {} shipped.",
        total(after),
        after.on_hand,
        after.reserved,
        after.shipped
    ));
    Ok(json!({"orders": ended, "stock": {"before": before, "after": after}}))
}

struct Shop<'a> {
    output: Output,
    deployment: &'a Deployment,
    resources: &'a Resources,
    client: OrdersClient,
    standin: StandinClient,
    sku: Sku,
}

impl Shop<'_> {
    async fn place(&self, plan: &Plan) -> Result<OrderId> {
        let draft = Draft {
            sku: plan.sku.to_owned(),
            quantity: SOLD,
            price: 1_990,
            currency: "EUR".to_owned(),
            country: plan.country.to_owned(),
            pay: plan.pay.to_owned(),
            callback_url: Some(self.standin.callback_url(&self.client.customer_id)),
        };
        let key = Uuid::new_v4().to_string();
        let answer = self.client.place(&key, Bytes::from(draft.body().to_string())).await?;
        let placed = accepted(&answer, StatusCode::ACCEPTED)?;
        let id: OrderId = placed["order_id"].as_str().unwrap_or_default().parse()?;
        self.output.line(format!("   POST /orders  202 in {} ms  {}", answer.took.as_millis(), id.as_str()));
        Ok(id)
    }

    /// The authorisation is held at Stripe until the payment knows of the cancellation, so that it is always in time.
    async fn place_and_cancel(&self) -> Result<OrderId> {
        let hold = StripeFault {
            path: Some("/v1/payment_intents".to_owned()),
            act: Act::Hold,
            times: Some(1),
            ..StripeFault::default()
        };
        self.standin.fail_stripe(&hold).await?;
        let outcome = self.cancel_in_time().await;
        self.standin.clear_stripe_faults().await?;
        outcome
    }

    async fn cancel_in_time(&self) -> Result<OrderId> {
        let id = self.place(&WITHDRAWN).await?;
        let timeline = self.resources.output("TimelineTableName")?;
        self.until("its stock is reserved", async || {
            let entries = self.deployment.dynamodb.timeline(timeline, &id).await?;
            Ok(entries.iter().any(|entry| entry.event_type == EventType::StockReserved.as_str()))
        })
        .await?;
        let answer = self.client.cancel(id.as_str()).await?;
        accepted(&answer, StatusCode::ACCEPTED)?;
        self.output.line(format!(
            "   POST /orders/{}/cancellation  202 in {} ms",
            id.as_str(),
            answer.took.as_millis()
        ));
        let payments = self.resources.output("PaymentsTableName")?;
        self.until("the payment knows of the cancellation", async || {
            let payment: Option<Payment> = tables::state(&self.deployment.dynamodb, payments, id.as_str()).await?;
            Ok(payment.is_some_and(|payment| payment.stopped))
        })
        .await?;
        Ok(id)
    }

    /// Follows an order to its end, which has to be the planned one.
    async fn follow(&self, plan: &Plan, id: &OrderId) -> Result<Value> {
        self.output.line(format!("\n   {}: {}", plan.title, id.as_str()));
        let watched = Watched { deployment: self.deployment, resources: self.resources, id };
        let end = watched.follow(self.output.indented(), Detail::Timeline, DEADLINE).await?;
        let expected = plan.cancelled.map_or(OrderEnd::Confirmed, |reason| OrderEnd::Cancelled { reason });
        if end != expected {
            bail!(Hint::new(
                format!("order {} is {}, and was to be {}", id.as_str(), end.sentence(), expected.sentence()),
                format!("see `tidegate sagas show {}` (with --keep the stack stays up)", id.as_str()),
            ));
        }
        let callback = self.called_back(id).await?;
        let word = callback.body["type"].as_str().unwrap_or_default();
        self.output.line(format!("   | called back: {word}, signed, answered {}", callback.status));
        let entries = watched.read().await?.timeline;
        let timeline: Vec<Value> = entries.iter().map(entry_document).collect();
        Ok(json!({
            "order_id": id,
            "title": plan.title,
            "outcome": end.word(),
            "reason": end.reason(),
            "timeline": timeline,
            "callback": callback,
        }))
    }

    async fn called_back(&self, id: &OrderId) -> Result<Callback> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let callbacks = self.standin.callbacks().await?;
            let of_order = |it: &&Callback| it.is_accepted() && it.body["data"]["order_id"] == id.as_str();
            if let Some(callback) = callbacks.iter().find(of_order) {
                return Ok(callback.clone());
            }
            if Instant::now() >= deadline {
                bail!(Hint::new(
                    format!("order {} was not called back within {} s", id.as_str(), DEADLINE.as_secs()),
                    "see `tidegate callbacks list` and `tidegate logs deliver-callback` (with --keep the stack stays up)",
                ));
            }
            sleep(POLL).await;
        }
    }

    /// Waits until what was sold has left the house, and nothing else has changed.
    async fn settled(&self, before: Stock) -> Result<Stock> {
        let mut after = Stock::default();
        self.until("what was sold has left the house", async || {
            after = stock::show(&self.deployment.dynamodb, self.resources, &self.sku).await?;
            Ok(after.reserved == before.reserved && after.shipped == before.shipped + SOLD)
        })
        .await?;
        ensure!(total(after) == total(before), "{} {SKU} became {}", total(before), total(after));
        Ok(after)
    }

    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        while !is_so().await? {
            if Instant::now() >= deadline {
                bail!(Hint::new(
                    format!("waited {} s in vain until {what}", DEADLINE.as_secs()),
                    "see `tidegate status` and `tidegate logs` (with --keep the stack stays up)",
                ));
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

fn total(stock: Stock) -> u64 {
    stock.on_hand + stock.reserved + stock.shipped
}
