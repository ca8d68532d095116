//! `tidegate orders watch`: an order live, from its timeline and its saga's history, until both have come to an end.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tidegate_events::{EventType, OrderId, TimelineEntry};
use tidegate_orders::{Order, OrderStatus};
use tokio::time::{Instant, sleep};

use super::super::Context;
use crate::args::Watch;
use crate::deployment::{Deployment, Resources};
use crate::failure::Hint;
use crate::output::Output;
use crate::sfn::{self, Execution, Step};
use crate::{dynamodb, timeline};

/// Between two looks. On AWS each look is three requests.
const POLL_LOCAL: Duration = Duration::from_millis(200);
const POLL_AWS: Duration = Duration::from_secs(1);
/// What a cancelled order ends with, so that scripts can tell.
const CANCELLED: u8 = 3;

pub(super) async fn run(context: &Context, arguments: &Watch) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let watched = Watched::of(&deployment, &resources, &arguments.id)?;
    let end = watched.follow(context.output, Telling::Everything, Duration::from_secs(arguments.timeout)).await?;
    context.output.record(&json!({"kind": "end", "outcome": end.word(), "reason": end.reason()}))?;
    context.output.line("");
    context.output.line(format!("Order {} is {}.", arguments.id.as_str(), end.sentence()));
    Ok(match end {
        End::Confirmed => ExitCode::SUCCESS,
        End::Cancelled { .. } => ExitCode::from(CANCELLED),
    })
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Confirmed,
    Cancelled { reason: String },
}

impl End {
    fn of(status: OrderStatus) -> Option<Self> {
        match status {
            OrderStatus::Confirmed => Some(Self::Confirmed),
            OrderStatus::Cancelled { reason } => {
                let reason = serde_json::to_value(reason).ok()?.as_str()?.to_owned();
                Some(Self::Cancelled { reason })
            }
            OrderStatus::Placed | OrderStatus::Withdrawn => None,
        }
    }

    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    pub(crate) fn reason(&self) -> Option<&str> {
        match self {
            Self::Confirmed => None,
            Self::Cancelled { reason } => Some(reason),
        }
    }

    pub(crate) fn sentence(&self) -> String {
        match self.reason() {
            None => self.word().to_owned(),
            Some(reason) => format!("cancelled: {}", reason.replace('_', " ")),
        }
    }
}

/// What is told of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Telling {
    /// Its timeline and what its saga does; each as a line of JSON too.
    Everything,
    /// Its timeline, for people alone.
    Timeline,
}

/// An order that is followed.
pub(crate) struct Watched<'a> {
    deployment: &'a Deployment,
    orders: &'a str,
    timeline: &'a str,
    execution: String,
    id: &'a OrderId,
}

/// What is known of it by now.
pub(crate) struct Seen {
    pub(crate) order: Order,
    pub(crate) entries: Vec<TimelineEntry>,
    execution: Option<Execution>,
    steps: Vec<Step>,
}

impl<'a> Watched<'a> {
    pub(crate) fn of(deployment: &'a Deployment, resources: &'a Resources, id: &'a OrderId) -> Result<Self> {
        Ok(Self {
            deployment,
            orders: resources.output("OrdersTableName")?,
            timeline: resources.output("TimelineTableName")?,
            execution: sfn::execution_arn(resources.output("OrderSagaArn")?, id.as_str()),
            id,
        })
    }

    /// Tells what happens until the order has ended, and gives how.
    pub(crate) async fn follow(&self, output: Output, how: Telling, limit: Duration) -> Result<End> {
        let deadline = Instant::now() + limit;
        let poll = if self.deployment.state.is_some() { POLL_LOCAL } else { POLL_AWS };
        let mut told = Told::default();
        loop {
            let seen = self.look().await?;
            told.tell(output, &seen, how)?;
            if let Some(end) = seen.end() {
                return Ok(end);
            }
            self.complain(&seen, Instant::now() >= deadline, limit)?;
            sleep(poll).await;
        }
    }

    pub(crate) async fn look(&self) -> Result<Seen> {
        // The order last: what it says has ended is then in what was read before, or will be at the next look.
        let (execution, steps, entries) = futures::try_join!(
            sfn::execution(&self.deployment.sfn, &self.execution),
            sfn::history(&self.deployment.sfn, &self.execution),
            dynamodb::timeline(&self.deployment.dynamodb, self.timeline, self.id),
        )?;
        let order: Option<Order> = dynamodb::state(&self.deployment.dynamodb, self.orders, self.id.as_str()).await?;
        let Some(order) = order else {
            bail!(Hint::new(
                format!("deployment {} has no order {}", self.deployment.name, self.id.as_str()),
                "see `tidegate orders list`",
            ));
        };
        Ok(Seen { order, entries, execution, steps })
    }

    /// What will not end by itself, and what does not end in time.
    fn complain(&self, seen: &Seen, is_late: bool, limit: Duration) -> Result<()> {
        let id = self.id.as_str();
        if let Some(execution) = seen.execution.as_ref().filter(|it| !it.is_running() && it.status != "SUCCEEDED") {
            bail!(Hint::new(
                format!("the saga of order {id} has ended as {} and left it undone", execution.status),
                format!("see `tidegate sagas show {id}`; mend the cause, then `tidegate sagas retry {id}`"),
            ));
        }
        if is_late {
            let advice = if seen.order.parked.is_some() {
                format!("a compensation waits for a person: `tidegate sagas show {id}`")
            } else {
                "see `tidegate status`, `tidegate logs` and `tidegate dlq list`".to_owned()
            };
            bail!(Hint::new(format!("order {id} has not ended within {} s", limit.as_secs()), advice));
        }
        Ok(())
    }
}

impl Seen {
    /// How it ended, once everybody has heard of it: the order, its saga, and the timeline.
    fn end(&self) -> Option<End> {
        let end = End::of(self.order.status)?;
        let last = if end == End::Confirmed { EventType::OrderConfirmed } else { EventType::OrderCancelled };
        let is_told = self.entries.iter().any(|entry| entry.event_type == last.as_str());
        let has_ended = self.execution.as_ref().is_none_or(|it| !it.is_running());
        (is_told && has_ended).then_some(end)
    }
}

/// What was told already.
#[derive(Default)]
struct Told {
    entries: Vec<String>,
    last_step: i64,
    parked: Option<jiff::Timestamp>,
}

impl Told {
    fn tell(&mut self, output: Output, seen: &Seen, how: Telling) -> Result<()> {
        let since = timeline::millis(seen.order.placed_at);
        let mut news: Vec<(i64, Option<String>, Value)> = Vec::new();
        for entry in seen.entries.iter().filter(|entry| !self.entries.contains(&entry.key())) {
            let line = Some(timeline::entry(entry, since));
            news.push((timeline::millis(entry.time), line, timeline::entry_document(entry)));
        }
        self.entries = seen.entries.iter().map(TimelineEntry::key).collect();
        for step in seen.steps.iter().filter(|step| how == Telling::Everything && step.id > self.last_step) {
            let mut document = serde_json::to_value(step)?;
            document["kind"] = "saga".into();
            news.push((step.at_millis, timeline::step(step, since), document));
        }
        self.last_step = seen.steps.last().map_or(self.last_step, |step| step.id);
        news.sort_by_key(|(at, ..)| *at);
        for (_, line, document) in news {
            line.iter().for_each(|line| output.line(line));
            if how == Telling::Everything {
                output.record(&document)?;
            }
        }
        let parked = seen.order.parked.as_ref();
        if parked.map(|it| it.at) != self.parked
            && let Some(parked) = parked
        {
            output.line(format!("  {} keeps failing ({}) and waits for a person:", parked.step, parked.error));
            output.line("  `tidegate sagas list` says which, `sagas retry` and `sagas resolve` answer it");
        }
        self.parked = parked.map(|it| it.at);
        Ok(())
    }
}

/// An entry as the API gives it.
pub(super) fn read_entry(order: &str, entry: &Value) -> Option<TimelineEntry> {
    let text = |name: &str| entry[name].as_str().map(str::to_owned);
    Some(TimelineEntry {
        order_id: order.parse().ok()?,
        time: text("time")?.parse().ok()?,
        event_type: text("type")?,
        source: text("source")?,
        id: text("id")?,
        cause: text("cause"),
        data: entry["data"].clone(),
    })
}
