//! Order sagas: which wait for a person, and the answers to them.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tidegate_events::{Command, CommandName, Envelope, OrderCommand, OrderId, ParkedAnswer};
use tidegate_orders::Order;
use tidegate_orders::order::Parked;
use tidegate_outbox::{CommandId, Image, Reply};
use tokio::time::{Instant, sleep};

use crate::executions::{Execution, Executions as _, Step, execution_arn};
use crate::queues::Queues as _;
use crate::resources::Resources;
use crate::services::Services;
use crate::tables::{self, IndexKey, Tables as _};

/// More than a person reads; the oldest come first.
const MOST: usize = 200;
/// The statuses of a failed execution.
const FAILED: [&str; 3] = ["FAILED", "TIMED_OUT", "ABORTED"];
const PARKED: IndexKey<'_> = IndexKey { index: "parked", attribute: "parked", value: "yes", sort: "parked_at" };
/// From the answer in the queue to the order without its parked compensation.
const EFFECT_DEADLINE: Duration = Duration::from_secs(60);
/// Between two reads of the order.
const POLL: Duration = Duration::from_millis(250);

/// A compensation that keeps failing and waits for a person.
#[derive(Clone, Debug)]
pub struct ParkedOrder {
    pub order_id: String,
    pub parked: Parked,
}

/// An order with its saga.
#[derive(Clone, Debug)]
pub struct Saga {
    pub order: Order,
    pub execution: Option<Execution>,
    pub history: Vec<Step>,
}

/// What [`Sagas::retry`] did.
#[derive(Clone, Debug)]
pub enum Retry {
    /// A parked compensation is to be tried again.
    Answered(SentAnswer),
    /// A failed execution continues where it failed.
    Redriven,
    NothingFailed {
        status: String,
    },
    NoSaga,
    NoOrder,
}

/// What [`Sagas::resolve`] did.
#[derive(Clone, Debug)]
pub enum Resolve {
    /// A parked compensation counts as done, and its saga continues behind it.
    Answered(SentAnswer),
    /// As [`Resolve::Answered`], but no saga continues: it has ended for good.
    AnsweredWithoutSaga(SentAnswer),
    /// The saga has failed since and waits for no answer. Redriven, it parks anew.
    SagaFailed,
    NothingParked,
    NoOrder,
}

/// An answer to a parked compensation, sent as a command. [`Sagas::effect_of`] waits for what becomes of it.
#[derive(Clone, Debug)]
pub struct SentAnswer {
    pub order_id: OrderId,
    pub step: CommandName,
    pub answer: ParkedAnswer,
    parked_at: jiff::Timestamp,
    command_id: CommandId,
}

/// What became of an [`SentAnswer`]. Two answers to one parking have one command id, and the first that arrives counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    Counts,
    /// Another answer, which is not the same, arrived first.
    Conflict,
    /// The saga continued before the answer arrived.
    TooLate,
    /// Nothing has happened within a minute: the answer is in the queue or its dead-letter queue.
    NoneYet,
}

/// The order sagas of a deployment.
#[derive(Debug)]
pub struct Sagas<'a, S> {
    services: &'a S,
    resources: &'a Resources,
}

impl<'a, S: Services> Sagas<'a, S> {
    pub fn new(services: &'a S, resources: &'a Resources) -> Self {
        Self { services, resources }
    }

    /// Oldest first.
    pub async fn parked(&self) -> Result<Vec<ParkedOrder>> {
        let table = self.resources.output("OrdersTableName")?;
        let keys = self.services.tables().indexed(table, PARKED, MOST).await?;
        let ids = keys.iter().map(|key| key.id.as_str());
        let orders: Vec<Option<Order>> = tables::states(self.services.tables(), table, ids).await?;
        // The index may still have what was answered a moment ago.
        let parked = keys.into_iter().zip(orders);
        Ok(parked.filter_map(|(key, order)| Some(ParkedOrder { order_id: key.id, parked: order?.parked? })).collect())
    }

    /// The failed executions, those that ended first before the others.
    pub async fn failed(&self) -> Result<Vec<Execution>> {
        let machine = self.resources.output("OrderSagaArn")?;
        let lists = FAILED.map(|status| self.services.executions().executions(machine, status, MOST));
        let mut failed = futures::future::try_join_all(lists).await?.concat();
        failed.sort_by_key(|execution| execution.ended_at_millis);
        Ok(failed)
    }

    /// `None` where there is no such order.
    pub async fn show(&self, id: &OrderId) -> Result<Option<Saga>> {
        let Some(order) = self.order(id).await? else { return Ok(None) };
        let arn = self.execution_arn(id)?;
        let executions = self.services.executions();
        let (execution, history) = futures::try_join!(executions.execution(&arn), executions.history(&arn))?;
        Ok(Some(Saga { order, execution, history }))
    }

    /// Tries a parked compensation again, or continues a failed execution.
    pub async fn retry(&self, id: &OrderId) -> Result<Retry> {
        let (order, execution) = self.order_and_execution(id).await?;
        let Some(order) = order else { return Ok(Retry::NoOrder) };
        if let Some(parked) = awaited(order.parked.as_ref(), execution.as_ref()) {
            return Ok(Retry::Answered(self.answer(id, parked, ParkedAnswer::Retry).await?));
        }
        Ok(match execution {
            Some(execution) if has_failed(&execution) => {
                self.services.executions().redrive(&self.execution_arn(id)?).await?;
                Retry::Redriven
            }
            Some(execution) => Retry::NothingFailed { status: execution.status },
            None => Retry::NoSaga,
        })
    }

    /// Declares a parked compensation done by hand.
    pub async fn resolve(&self, id: &OrderId) -> Result<Resolve> {
        let (order, execution) = self.order_and_execution(id).await?;
        let Some(order) = order else { return Ok(Resolve::NoOrder) };
        let Some(parked) = &order.parked else { return Ok(Resolve::NothingParked) };
        if awaited(Some(parked), execution.as_ref()).is_some() {
            Ok(Resolve::Answered(self.answer(id, parked, ParkedAnswer::Resolved).await?))
        } else if execution.is_some_and(|execution| execution.is_final) {
            Ok(Resolve::AnsweredWithoutSaga(self.answer(id, parked, ParkedAnswer::Resolved).await?))
        } else {
            Ok(Resolve::SagaFailed)
        }
    }

    /// Waits until the order no longer has what was answered, a minute at most.
    pub async fn effect_of(&self, answer: &SentAnswer) -> Result<Effect> {
        let table = self.resources.output("OrdersTableName")?;
        let deadline = Instant::now() + EFFECT_DEADLINE;
        loop {
            let image = tables::load(self.services.tables(), table, answer.order_id.as_str()).await?;
            let order: Option<Order> = image.state_as().context("the order cannot be read")?;
            let parked = order.and_then(|order| order.parked);
            if parked.is_none_or(|parked| parked.at != answer.parked_at) {
                return Ok(match counted(&image, &answer.command_id) {
                    Some(counts) if counts == answer.answer => Effect::Counts,
                    Some(_) => Effect::Conflict,
                    None => Effect::TooLate,
                });
            }
            if Instant::now() >= deadline {
                return Ok(Effect::NoneYet);
            }
            sleep(POLL).await;
        }
    }

    async fn answer(&self, id: &OrderId, parked: &Parked, answer: ParkedAnswer) -> Result<SentAnswer> {
        let envelope = answer_command(id, parked, answer)?;
        let queue = self.resources.output("OrdersWorkerQueueUrl")?;
        self.services.queues().send(queue, &envelope.to_json(), BTreeMap::new()).await?;
        Ok(SentAnswer {
            order_id: id.clone(),
            step: parked.step,
            answer,
            parked_at: parked.at,
            command_id: envelope.command_id.clone(),
        })
    }

    async fn order_and_execution(&self, id: &OrderId) -> Result<(Option<Order>, Option<Execution>)> {
        let arn = self.execution_arn(id)?;
        futures::try_join!(self.order(id), self.services.executions().execution(&arn))
    }

    async fn order(&self, id: &OrderId) -> Result<Option<Order>> {
        tables::state(self.services.tables(), self.resources.output("OrdersTableName")?, id.as_str()).await
    }

    fn execution_arn(&self, id: &OrderId) -> Result<String> {
        Ok(execution_arn(self.resources.output("OrderSagaArn")?, id.as_str()))
    }
}

fn has_failed(execution: &Execution) -> bool {
    FAILED.contains(&execution.status.as_str())
}

/// The parked compensation, unless its execution has failed since: then no answer is waited for. Redriven, it parks anew.
fn awaited<'a>(parked: Option<&'a Parked>, execution: Option<&Execution>) -> Option<&'a Parked> {
    parked.filter(|_| !execution.is_some_and(has_failed))
}

/// Which answer was recorded under this command id: the reply to the saga is an error where it is to try again.
fn counted(order: &Image, answer: &CommandId) -> Option<ParkedAnswer> {
    order.proof(answer)?.reply().map(|reply| match reply {
        Reply::Success { .. } => ParkedAnswer::Resolved,
        Reply::Failure { .. } => ParkedAnswer::Retry,
    })
}

/// The command's id is that of what is answered: sent twice, it is carried out once, and an answer that comes after the compensation
/// was parked anew does not answer the new one.
fn answer_command(id: &OrderId, parked: &Parked, answer: ParkedAnswer) -> Result<Envelope> {
    let command_id = format!("{}/AnswerCompensation/{}/{:.9}", id.as_str(), parked.step, parked.at);
    Ok(Envelope {
        command_id: command_id.parse().context("the answer has no command id")?,
        order_id: id.clone(),
        task_token: None,
        correlation_id: None,
        traceparent: None,
        command: Command::Order(OrderCommand::Answer { step: parked.step, answer }),
    })
}

#[cfg(test)]
#[path = "sagas_tests.rs"]
mod tests;
