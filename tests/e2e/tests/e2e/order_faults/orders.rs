//! What an order's customer does, as `orders-api` would have it.

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;
use tidegate_cli::clock;
use tidegate_cloudevents::Event;
use tidegate_events::{About, CommandName, OrderId, PlaceOrder, Service};
use tidegate_orders::{Order, Transition, order};
use tidegate_outbox::{AggregateId, Change, CommandId, Decision, HandleError, Loaded, Write, handle};

use super::faults::{Fault, Plan};
use super::world::World;
use crate::tables::now;

/// Of every order, so that orders get in each other's way.
pub(super) const SHARED_SKU: &str = "faults-shared";
pub(super) const SHARED_STOCK: u64 = 1000;
/// What an order takes of its own SKU, and of the shared one.
pub(super) const OWN_QUANTITY: u64 = 2;
pub(super) const SHARED_QUANTITY: u64 = 1;
/// What one costs: all prices are the same.
const UNIT_PRICE: u64 = 1250;
/// What an order costs.
pub(super) const TOTAL: u64 = (OWN_QUANTITY + SHARED_QUANTITY) * UNIT_PRICE;

/// How many there are of an order's own SKU.
pub(super) fn stock_of(plan: &Plan) -> u64 {
    if plan.has(CommandName::ReserveStock, Fault::Refused) { OWN_QUANTITY - 1 } else { OWN_QUANTITY + 3 }
}

/// Places an order, and returns its event.
pub(super) async fn place(world: &World, plan: &Plan) -> Result<Event> {
    let has = |at, fault| plan.has(at, fault);
    let line = |sku: &str, quantity: u64| json!({ "sku": sku, "quantity": quantity, "unit_price": { "minor_units": UNIT_PRICE, "currency": "EUR" } });
    let body = json!({
        "lines": [line(&plan.sku(), OWN_QUANTITY), line(SHARED_SKU, SHARED_QUANTITY)],
        "payment_method":
            if has(CommandName::AuthorisePayment, Fault::Refused) { "pm_card_visa_chargeDeclined" } else { "pm_card_visa" },
        "address": {
            "name": "Mona Example",
            "line1": "1 Harbour Street",
            "city": "Octo Harbour",
            "postal_code": "12345",
            "country": if has(CommandName::CreateShipment, Fault::Refused) { "BR" } else { "NL" },
        },
    });
    let placed = PlaceOrder::parse(body.to_string().as_bytes()).map_err(|faults| anyhow!("{faults:?}"))?;
    let placed = placed.placed_by("mona-example".parse()?);
    commit(world, &plan.order(), "place", |_| Ok(order::place(placed.clone(), None, clock::timestamp()))).await?;
    let event = order::place(placed, None, clock::timestamp()).events.remove(0);
    let order_id: OrderId = plan.order().parse()?;
    let about =
        About { order_id: &order_id, time: clock::timestamp(), cause: None, correlation_id: None, traceparent: None };
    Ok(event.to_cloudevent(&about).id("made-up").build()?)
}

/// The customer does not want it any more.
pub(super) async fn withdraw(world: &World, order: &str) -> Result<()> {
    commit(world, order, "withdraw", |stored| {
        let stored = stored.context("there is no such order")?;
        Ok(order::request_cancellation(&stored))
    })
    .await
}

async fn commit(
    world: &World,
    order: &str,
    word: &str,
    decide: impl Fn(Option<Order>) -> Result<Transition<Order>>,
) -> Result<()> {
    let order_id: OrderId = order.parse()?;
    let write = Write::command(CommandId::new(format!("{order}/{word}"))?, AggregateId::from(&order_id));
    let decide = |loaded: Loaded<'_>| -> Result<Decision> {
        let Transition { state, events, .. } = decide(loaded.home.state_as()?)?;
        let about = About {
            order_id: &order_id,
            time: clock::timestamp(),
            cause: None,
            correlation_id: None,
            traceparent: None,
        };
        let change = Change::new(loaded.home.aggregate().clone(), &state)?.index(state.index());
        Ok(Decision::changes([change.events(events.iter().map(|event| event.to_cloudevent(&about)))]))
    };
    let store = world.desk(Service::Orders).table.store(&world.stack);
    let handled = handle(&store, &write, now(), |_| Vec::new(), decide).await;
    handled.map(drop).map_err(|error| anyhow!(HandleError::into_boxed(error)))
}
