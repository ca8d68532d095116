//! An order as an operator follows it: from its timeline and its saga's history, until both have come to an end.

use anyhow::Result;
use jiff::Timestamp;
use tidegate_events::{CancelReason, EventType, OrderId, TimelineEntry};
use tidegate_orders::order::Parked;
use tidegate_orders::{Order, OrderStatus};

use crate::executions::{Execution, Executions as _, Step, execution_arn};
use crate::resources::Resources;
use crate::services::Services;
use crate::tables::{self, Tables as _};

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderEnd {
    Confirmed,
    Cancelled { reason: CancelReason },
}

impl OrderEnd {
    fn of(status: OrderStatus) -> Option<Self> {
        match status {
            OrderStatus::Confirmed => Some(Self::Confirmed),
            OrderStatus::Cancelled { reason } => Some(Self::Cancelled { reason }),
            OrderStatus::Placed | OrderStatus::Withdrawn => None,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// As it is written in the event: `out_of_stock`.
    pub fn reason(self) -> Option<String> {
        match self {
            Self::Confirmed => None,
            Self::Cancelled { reason } => serde_json::to_value(reason).ok()?.as_str().map(str::to_owned),
        }
    }

    pub fn sentence(self) -> String {
        match self.reason() {
            None => self.word().to_owned(),
            Some(reason) => format!("cancelled: {}", reason.replace('_', " ")),
        }
    }
}

pub fn status_word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Placed => "placed",
        OrderStatus::Withdrawn => "withdrawn",
        OrderStatus::Confirmed => "confirmed",
        OrderStatus::Cancelled { .. } => "cancelled",
    }
}

/// An order as it is at one moment.
#[derive(Clone, Debug)]
pub struct OrderView {
    pub order: Order,
    /// Oldest first.
    pub timeline: Vec<TimelineEntry>,
    pub execution: Option<Execution>,
    pub history: Vec<Step>,
}

/// Reads an order; `None` where there is none.
pub async fn read(services: &impl Services, resources: &Resources, id: &OrderId) -> Result<Option<OrderView>> {
    let arn = execution_arn(resources.output("OrderSagaArn")?, id.as_str());
    let (executions, tables) = (services.executions(), services.tables());
    // The order last: what has ended by then is in what was read before, or will be at the next read.
    let (execution, history, timeline) = futures::try_join!(
        executions.execution(&arn),
        executions.history(&arn),
        tables.timeline(resources.output("TimelineTableName")?, id),
    )?;
    let order: Option<Order> = tables::state(tables, resources.output("OrdersTableName")?, id.as_str()).await?;
    Ok(order.map(|order| OrderView { order, timeline, execution, history }))
}

impl OrderView {
    /// How it ended, once its saga and its timeline have ended too.
    pub fn end(&self) -> Option<OrderEnd> {
        let end = OrderEnd::of(self.order.status)?;
        let last = if end == OrderEnd::Confirmed { EventType::OrderConfirmed } else { EventType::OrderCancelled };
        let is_recorded = self.timeline.iter().any(|entry| entry.event_type == last.as_str());
        let has_ended = self.execution.as_ref().is_none_or(|execution| !execution.is_running());
        (is_recorded && has_ended).then_some(end)
    }

    /// The execution, where it has ended and left the order undone.
    pub fn failed_execution(&self) -> Option<&Execution> {
        self.execution.as_ref().filter(|execution| !execution.is_running() && execution.status != "SUCCEEDED")
    }
}

/// Something new of an order that is followed.
#[derive(Clone, Debug)]
pub enum News<'a> {
    Event(&'a TimelineEntry),
    Step(&'a Step),
    Parked(&'a Parked),
}

impl News<'_> {
    fn at_millis(&self) -> i64 {
        match self {
            Self::Event(entry) => entry.time.as_millisecond(),
            Self::Step(step) => step.at_millis,
            Self::Parked(_) => i64::MAX,
        }
    }
}

/// Which news of an order were given already.
#[derive(Debug, Default)]
pub struct Follower {
    entries: Vec<String>,
    last_step: i64,
    parked: Option<Timestamp>,
}

impl Follower {
    /// What is new since the last call, in the order of time; a compensation that is parked now comes last.
    pub fn news<'a>(&mut self, view: &'a OrderView) -> Vec<News<'a>> {
        let new_entries = view.timeline.iter().filter(|entry| !self.entries.contains(&entry.key()));
        let new_steps = view.history.iter().filter(|step| step.id > self.last_step);
        let new_parked = view.order.parked.iter().filter(|parked| Some(parked.at) != self.parked);
        let news = new_entries.map(News::Event).chain(new_steps.map(News::Step)).chain(new_parked.map(News::Parked));
        let mut news: Vec<News<'a>> = news.collect();
        news.sort_by_key(News::at_millis);
        self.entries = view.timeline.iter().map(TimelineEntry::key).collect();
        self.last_step = view.history.last().map_or(self.last_step, |step| step.id);
        self.parked = view.order.parked.as_ref().map(|parked| parked.at);
        news
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_events::{CommandName, Money};

    use super::*;
    use crate::executions::StepKind;

    fn entry(event_type: &EventType, time: &str) -> TimelineEntry {
        TimelineEntry {
            order_id: "ord_1".parse().unwrap(),
            time: time.parse().unwrap(),
            event_type: event_type.as_str().to_owned(),
            source: "/orders".to_owned(),
            id: format!("ord_1/{time}"),
            cause: None,
            data: json!({}),
        }
    }

    fn view(status: OrderStatus) -> OrderView {
        let order = Order {
            customer_id: "customer".parse().unwrap(),
            lines: Vec::new(),
            total: Money { minor_units: 500, currency: "EUR".parse().unwrap() },
            callback_url: None,
            placed_at: "2027-01-02T03:04:04Z".parse().unwrap(),
            status,
            cancellation_requested: false,
            parked: None,
            request_digest: None,
        };
        OrderView { order, timeline: Vec::new(), execution: None, history: Vec::new() }
    }

    fn execution(status: &str) -> Execution {
        let name = "ord_1".to_owned();
        Execution { name, status: status.to_owned(), started_at_millis: 0, ended_at_millis: None, is_final: false }
    }

    #[test]
    fn an_order_has_ended_once_its_timeline_and_its_saga_have() {
        let mut view = view(OrderStatus::Cancelled { reason: CancelReason::OutOfStock });
        view.execution = Some(execution("RUNNING"));
        assert_eq!(view.end(), None);
        view.timeline.push(entry(&EventType::OrderCancelled, "2027-01-02T03:04:06Z"));
        assert_eq!(view.end(), None);
        view.execution = Some(execution("SUCCEEDED"));
        let end = view.end().unwrap();
        assert_eq!((end.word(), end.sentence()), ("cancelled", "cancelled: out of stock".to_owned()));
        assert!(view.failed_execution().is_none());
        view.execution = Some(execution("TIMED_OUT"));
        assert!(view.failed_execution().is_some());
    }

    #[test]
    fn news_come_once_and_in_the_order_of_time() {
        let mut view = view(OrderStatus::Placed);
        let mut follower = Follower::default();
        view.timeline.push(entry(&EventType::OrderPlaced, "2027-01-02T03:04:06Z"));
        let at_millis = view.order.placed_at.as_millisecond();
        view.history.push(Step { id: 1, at_millis, what: StepKind::Started });
        view.order.parked = Some(Parked {
            step: CommandName::UndoPayment,
            error: "PermanentFailure".to_owned(),
            at: "2027-01-02T03:04:05.5Z".parse().unwrap(),
            token: None,
        });
        assert!(matches!(follower.news(&view)[..], [News::Step(_), News::Event(_), News::Parked(_)]));
        assert!(follower.news(&view).is_empty());
        view.timeline.push(entry(&EventType::StockReserved, "2027-01-02T03:04:07Z"));
        assert!(matches!(follower.news(&view)[..], [News::Event(_)]));
    }
}
