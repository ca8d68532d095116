//! What the answers look like: docs/openapi/orders.yaml, as types.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tidegate_events::{CallbackUrl, CancelReason, CommandName, EventType, Money, OrderId, PricedLine, TimelineEntry};
use tidegate_orders::progress::current_step;
use tidegate_orders::{Order, OrderStatus};

use crate::views::Position;

/// Where an order is read.
pub(crate) fn path(id: &OrderId) -> String {
    format!("/orders/{}", id.as_str())
}

/// Where one goes from here.
#[derive(Debug, Serialize)]
struct Links {
    #[serde(rename = "self", skip_serializing_if = "Option::is_none")]
    this: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Links {
    fn of(id: &OrderId, can_be_cancelled: bool) -> Self {
        let cancellation = can_be_cancelled.then(|| format!("{}/cancellation", path(id)));
        Self { this: Some(path(id)), cancellation, next: None }
    }
}

/// That an order was placed: what never changes.
#[derive(Debug, Serialize)]
pub(crate) struct Placed<'a> {
    order_id: &'a OrderId,
    status: &'static str,
    placed_at: Timestamp,
    total: Money,
    links: Links,
}

impl<'a> Placed<'a> {
    pub(crate) fn of(id: &'a OrderId, order: &Order) -> Self {
        let (placed_at, total) = (order.placed_at, order.total);
        Self { order_id: id, status: "placed", placed_at, total, links: Links::of(id, true) }
    }
}

/// An order in a few words.
#[derive(Debug, Serialize)]
struct Summary<'a> {
    order_id: &'a OrderId,
    #[serde(flatten)]
    status: Status,
    cancellation_requested: bool,
    placed_at: Timestamp,
    total: Money,
    links: Links,
}

#[derive(Debug, Serialize)]
struct Status {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_reason: Option<CancelReason>,
}

impl From<OrderStatus> for Status {
    fn from(status: OrderStatus) -> Self {
        let (status, cancel_reason) = match status {
            OrderStatus::Placed => ("placed", None),
            OrderStatus::Withdrawn => ("withdrawn", None),
            OrderStatus::Confirmed => ("confirmed", None),
            OrderStatus::Cancelled { reason } => ("cancelled", Some(reason)),
        };
        Self { status, cancel_reason }
    }
}

impl<'a> Summary<'a> {
    fn of(id: &'a OrderId, order: &Order) -> Self {
        let can_be_cancelled = order.status == OrderStatus::Placed && !order.cancellation_requested;
        Self {
            order_id: id,
            status: order.status.into(),
            cancellation_requested: order.cancellation_requested,
            placed_at: order.placed_at,
            total: order.total,
            links: Links::of(id, can_be_cancelled),
        }
    }
}

/// An order, all of it.
#[derive(Debug, Serialize)]
pub(crate) struct OrderView<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    current_step: Option<CommandName>,
    parked: bool,
    lines: &'a [PricedLine],
    #[serde(skip_serializing_if = "Option::is_none")]
    callback_url: Option<&'a CallbackUrl>,
    timeline: Vec<Entry<'a>>,
}

/// One thing that has happened.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
    source: &'a str,
    id: &'a str,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'a str>,
    data: &'a Value,
}

impl<'a> From<&'a TimelineEntry> for Entry<'a> {
    fn from(entry: &'a TimelineEntry) -> Self {
        let TimelineEntry { order_id: _, time, event_type, source, id, cause, data } = entry;
        Self { event_type, source, id, time: *time, cause: cause.as_deref(), data }
    }
}

impl<'a> OrderView<'a> {
    pub(crate) fn of(id: &'a OrderId, order: &'a Order, timeline: &'a [TimelineEntry]) -> Self {
        // A type that is not known is a newer program's; it is shown all the same.
        let of_entry =
            |entry: &TimelineEntry| EventType::ALL.iter().copied().find(|it| it.as_str() == entry.event_type);
        let events: Vec<_> = timeline.iter().filter_map(of_entry).collect();
        let parked = order.parked.as_ref().map(|it| it.step);
        Self {
            summary: Summary::of(id, order),
            current_step: current_step(order.status, parked, &events),
            parked: parked.is_some(),
            lines: &order.lines,
            callback_url: order.callback_url.as_ref(),
            timeline: timeline.iter().map(Entry::from).collect(),
        }
    }
}

/// A page of orders.
#[derive(Debug, Serialize)]
pub(crate) struct Listed<'a> {
    orders: Vec<Summary<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
    links: Links,
}

impl<'a> Listed<'a> {
    pub(crate) fn of(orders: &'a [(Position, Order)], next_cursor: Option<String>, limit: usize) -> Self {
        let next = next_cursor.as_ref().map(|cursor| format!("/orders?limit={limit}&cursor={cursor}"));
        let orders = orders.iter().map(|(position, order)| Summary::of(&position.order_id, order)).collect();
        Self { orders, next_cursor, links: Links { this: None, cancellation: None, next } }
    }
}

/// What has become of the wish that an order be cancelled.
#[derive(Debug, Serialize)]
pub(crate) struct Cancellation<'a> {
    order_id: &'a OrderId,
    cancellation: &'static str,
    #[serde(flatten)]
    status: Status,
    links: Links,
}

impl<'a> Cancellation<'a> {
    pub(crate) fn of(id: &'a OrderId, word: &'static str, order: &Order) -> Self {
        Self { order_id: id, cancellation: word, status: order.status.into(), links: Links::of(id, false) }
    }
}
