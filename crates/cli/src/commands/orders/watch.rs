//! `tidegate orders watch`: an order live, from its timeline and its saga's history, until both have come to an end.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use tidegate_events::OrderId;
use tidegate_operations::orders::{self, Follower, News, OrderEnd, OrderView};
use tidegate_operations::timeline::entry_document;
use tidegate_operations::{Hint, Resources};
use tokio::time::{Instant, sleep};

use crate::args::Watch;
use crate::context::Context;
use crate::deployment::Deployment;
use crate::output::Output;
use crate::timeline;

/// Between two reads. On AWS each is three requests.
const POLL_LOCAL: Duration = Duration::from_millis(200);
const POLL_AWS: Duration = Duration::from_secs(1);
/// What a cancelled order ends with, so that scripts can tell.
const CANCELLED: u8 = 3;

pub(super) async fn run(context: &Context, arguments: &Watch) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let watched = Watched { deployment: &deployment, resources: &resources, id: &arguments.id };
    let end = watched.follow(context.output, Detail::Everything, Duration::from_secs(arguments.timeout)).await?;
    context.output.record(&json!({"kind": "end", "outcome": end.word(), "reason": end.reason()}))?;
    context.output.line("");
    context.output.line(format!("Order {} is {}.", arguments.id.as_str(), end.sentence()));
    Ok(match end {
        OrderEnd::Confirmed => ExitCode::SUCCESS,
        OrderEnd::Cancelled { .. } => ExitCode::from(CANCELLED),
    })
}

/// What is printed of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Its timeline and its saga's history; each as a line of JSON too.
    Everything,
    /// Its timeline, for people alone.
    Timeline,
}

/// An order that is followed.
pub(crate) struct Watched<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) resources: &'a Resources,
    pub(crate) id: &'a OrderId,
}

impl Watched<'_> {
    /// Prints what happens until the order has ended, and gives how.
    pub(crate) async fn follow(&self, output: Output, detail: Detail, limit: Duration) -> Result<OrderEnd> {
        let deadline = Instant::now() + limit;
        let poll = if self.deployment.state.is_some() { POLL_LOCAL } else { POLL_AWS };
        let mut follower = Follower::default();
        loop {
            let view = self.read().await?;
            let since = timeline::millis(view.order.placed_at);
            for news in follower.news(&view) {
                print(output, &news, since, detail)?;
            }
            if let Some(end) = view.end() {
                return Ok(end);
            }
            self.check(&view, Instant::now() >= deadline, limit)?;
            sleep(poll).await;
        }
    }

    pub(crate) async fn read(&self) -> Result<OrderView> {
        let clients: &tidegate_operations::Deployment = self.deployment;
        match orders::read(clients, self.resources, self.id).await? {
            Some(view) => Ok(view),
            None => bail!(Hint::new(
                format!("deployment {} has no order {}", self.deployment.name, self.id.as_str()),
                "see `tidegate orders list`",
            )),
        }
    }

    /// An order that will not end by itself, or has not ended in time, is an error.
    fn check(&self, view: &OrderView, is_late: bool, limit: Duration) -> Result<()> {
        let id = self.id.as_str();
        if let Some(execution) = view.failed_execution() {
            bail!(Hint::new(
                format!("the saga of order {id} has ended as {} and left it undone", execution.status),
                format!("see `tidegate sagas show {id}`; mend the cause, then `tidegate sagas retry {id}`"),
            ));
        }
        if is_late {
            let advice = if view.order.parked.is_some() {
                format!("a compensation waits for a person: `tidegate sagas show {id}`")
            } else {
                "see `tidegate status`, `tidegate logs` and `tidegate dlq list`".to_owned()
            };
            bail!(Hint::new(format!("order {id} has not ended within {} s", limit.as_secs()), advice));
        }
        Ok(())
    }
}

fn print(output: Output, news: &News<'_>, since: i64, detail: Detail) -> Result<()> {
    let document = match news {
        News::Event(entry) => {
            output.line(timeline::entry(entry, since));
            entry_document(entry)
        }
        News::Step(_) if detail == Detail::Timeline => return Ok(()),
        News::Step(step) => {
            timeline::step(step, since).iter().for_each(|line| output.line(line));
            let mut document = serde_json::to_value(step)?;
            document["kind"] = "saga".into();
            document
        }
        News::Parked(parked) => {
            output.line(format!("  {} keeps failing ({}) and waits for a person:", parked.step, parked.error));
            output.line("  `tidegate sagas list` shows it, `sagas retry` and `sagas resolve` answer it");
            return Ok(());
        }
    };
    if detail == Detail::Everything { output.record(&document) } else { Ok(()) }
}
