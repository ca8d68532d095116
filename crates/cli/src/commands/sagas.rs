//! `tidegate sagas`: what waits for a person, and the answers to it.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tidegate_events::{Command, Envelope, OrderCommand, OrderId, ParkedAnswer};
use tidegate_orders::order::Parked;
use tidegate_orders::{Order, OrderStatus};
use tidegate_outbox::{AggregateId, AggregateStore as _, CommandId, DynamoDbAggregates, Image, Reply};
use tokio::time::{Instant, sleep};

use super::{Context, age};
use crate::args::SagasCommand;
use crate::clock;
use crate::deployment::{Deployment, Resources};
use crate::failure::Hint;
use crate::output::Progress;
use crate::sfn::{self, Execution};
use crate::{dynamodb, sqs, timeline};

/// More than this nobody reads; the oldest come first.
const MOST: usize = 200;
/// What a failed execution may be called.
const FAILED: [&str; 3] = ["FAILED", "TIMED_OUT", "ABORTED"];
/// From the answer in the queue to the order without its parked compensation.
const EFFECT_DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at the order.
const POLL: Duration = Duration::from_millis(250);

pub(super) async fn run(context: &Context, command: SagasCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let sagas = Sagas { context, deployment: &deployment, resources: &resources };
    match command {
        SagasCommand::List { parked, failed } => sagas.list(parked || !failed, failed || !parked).await?,
        SagasCommand::Show { order } => sagas.show(&order).await?,
        SagasCommand::Retry { order } => sagas.retry(&order).await?,
        SagasCommand::Resolve { order } => sagas.resolve(&order).await?,
    }
    Ok(ExitCode::SUCCESS)
}

struct Sagas<'a> {
    context: &'a Context,
    deployment: &'a Deployment,
    resources: &'a Resources,
}

impl Sagas<'_> {
    async fn list(&self, parked: bool, failed: bool) -> Result<()> {
        let output = self.context.output;
        let parked_orders = if parked { self.all_parked().await? } else { Vec::new() };
        let failed_ones = if failed { self.all_failed().await? } else { Vec::new() };
        let now = clock::epoch_millis();
        let mut documents = Vec::new();
        if !parked_orders.is_empty() {
            output.table(
                &["parked order", "age", "step", "error", "mend the cause, then"],
                parked_orders.iter().map(|(id, parked)| {
                    let age = age(now - timeline::millis(parked.at));
                    vec![
                        id.clone(),
                        age,
                        parked.step.to_string(),
                        parked.error.clone(),
                        format!("tidegate sagas retry {id}"),
                    ]
                }),
            );
            output.line("");
            output.line("What was done by hand instead is told with `tidegate sagas resolve ORDER`.");
        }
        documents.extend(parked_orders.iter().map(|(id, parked)| parked_document(id, parked)));
        if !failed_ones.is_empty() {
            if !parked_orders.is_empty() {
                output.line("");
            }
            output.table(
                &["failed saga", "age", "ended as", "mend the cause, then"],
                failed_ones.iter().map(|execution| {
                    let age = age(now - execution.ended_at_millis.unwrap_or(now));
                    let command = format!("tidegate sagas retry {}", execution.name);
                    vec![execution.name.clone(), age, execution.status.clone(), command]
                }),
            );
        }
        documents.extend(failed_ones.iter().map(failed_document));
        if documents.is_empty() {
            output.line("Nothing waits for a person.");
        }
        output.document(&documents)
    }

    async fn all_parked(&self) -> Result<Vec<(String, Parked)>> {
        let (client, table) = (&self.deployment.dynamodb, self.resources.output("OrdersTableName")?);
        let keys = dynamodb::indexed(client, table, "parked", ("parked", "yes"), "parked_at", MOST).await?;
        let states = keys.iter().map(|key| dynamodb::state::<Order>(client, table, &key.id));
        let orders = futures::future::try_join_all(states).await?;
        let both = keys.into_iter().zip(orders);
        // An index follows its table: what was answered a moment ago may still be in it.
        Ok(both.filter_map(|(key, order)| Some((key.id, order?.parked?))).collect())
    }

    async fn all_failed(&self) -> Result<Vec<Execution>> {
        let machine = self.resources.output("OrderSagaArn")?;
        let lists = FAILED.map(|status| sfn::executions(&self.deployment.sfn, machine, status, MOST));
        let mut failed = futures::future::try_join_all(lists).await?.concat();
        failed.sort_by_key(|execution| execution.ended_at_millis);
        Ok(failed)
    }

    async fn show(&self, id: &OrderId) -> Result<()> {
        let order = self.order(id).await?;
        let arn = self.execution_arn(id)?;
        let sfn = &self.deployment.sfn;
        let (execution, steps) = futures::try_join!(self.execution(id), sfn::history(sfn, &arn))?;
        let output = self.context.output;
        let status = execution.as_ref().map_or("none", |execution| execution.status.as_str());
        output.line(format!("order  {} is {}", id.as_str(), status_word(order.status)));
        output.line(format!("saga   {status}"));
        if let Some(parked) = &order.parked {
            let waits = age(clock::epoch_millis() - timeline::millis(parked.at));
            output.line(format!("parked {} for {waits}, it ended with {}", parked.step, parked.error));
            output.line(format!("       mend the cause, then `tidegate sagas retry {}`;", id.as_str()));
            output.line(format!("       or do it by hand, then `tidegate sagas resolve {}`", id.as_str()));
        }
        output.line("");
        let since = timeline::millis(order.placed_at);
        steps.iter().filter_map(|step| timeline::step(step, since)).for_each(|line| output.line(line));
        output.document(&json!({
            "order_id": id,
            "status": status_word(order.status),
            "parked": order.parked.as_ref().map(|parked| parked_document(id.as_str(), parked)),
            "execution": execution,
            "history": steps,
        }))
    }

    async fn retry(&self, id: &OrderId) -> Result<()> {
        let (order, execution) = futures::try_join!(self.order(id), self.execution(id))?;
        if let Some(parked) = awaited(order.parked.as_ref(), execution.as_ref()) {
            return self.answer(id, parked, ParkedAnswer::Retry).await;
        }
        match execution {
            Some(execution) if has_failed(&execution) => {
                sfn::redrive(&self.deployment.sfn, &self.execution_arn(id)?).await?;
                let output = self.context.output;
                output.line(format!(
                    "The saga of {0} goes on where it failed: `tidegate orders watch {0}`.",
                    id.as_str()
                ));
                output.document(&json!({"order_id": id, "redriven": true}))
            }
            Some(execution) => bail!(Hint::new(
                format!("there is nothing to try again for order {}: its saga is {}", id.as_str(), execution.status),
                "see `tidegate sagas list`",
            )),
            None => bail!(Hint::new(
                format!("order {} has no saga", id.as_str()),
                "see `tidegate dlq list --queue start-workflow`",
            )),
        }
    }

    async fn resolve(&self, id: &OrderId) -> Result<()> {
        let (order, execution) = futures::try_join!(self.order(id), self.execution(id))?;
        match (awaited(order.parked.as_ref(), execution.as_ref()), &order.parked) {
            (Some(parked), _) => self.answer(id, parked, ParkedAnswer::Resolved).await,
            (None, Some(parked)) if execution.is_some_and(|it| it.is_final) => {
                self.answer(id, parked, ParkedAnswer::Resolved).await?;
                self.context.output.line("Its saga has ended for good: do by hand what would come after this step.");
                Ok(())
            }
            (None, Some(_)) => bail!(Hint::new(
                format!("the saga of order {} has ended since, and hears no answer", id.as_str()),
                format!("`tidegate sagas retry {}` has it go on, and wait for one anew", id.as_str()),
            )),
            (None, None) => {
                bail!(Hint::new(format!("nothing of order {} is parked", id.as_str()), "see `tidegate sagas list`"))
            }
        }
    }

    /// Sends the answer as a command, and waits until the order no longer has what was answered.
    async fn answer(&self, id: &OrderId, parked: &Parked, answer: ParkedAnswer) -> Result<()> {
        let envelope = answer_command(id, parked, answer)?;
        let queue = self.resources.output("OrdersWorkerQueueUrl")?;
        sqs::send(&self.deployment.sqs, queue, &envelope.to_json(), BTreeMap::new()).await?;

        let progress = Progress::start();
        progress.doing(format!("Waiting until {} is answered", parked.step));
        let deadline = Instant::now() + EFFECT_DEADLINE;
        let outcome = loop {
            match self.order(id).await {
                Ok(order) if order.parked.as_ref().is_none_or(|now| now.at != parked.at) => break Ok(()),
                Ok(_) if Instant::now() >= deadline => {
                    let error = format!(
                        "the answer is in the queue, and took no effect within {} s",
                        EFFECT_DEADLINE.as_secs()
                    );
                    break Err(Hint::new(
                        error,
                        "see `tidegate dlq list --queue orders-worker` and `tidegate logs orders-worker`",
                    )
                    .into());
                }
                Ok(_) => sleep(POLL).await,
                Err(error) => break Err(error),
            }
        };
        progress.finish();
        outcome?;
        self.is_the_one_that_counts(id, &envelope, answer).await?;
        let output = self.context.output;
        let what = if answer == ParkedAnswer::Retry { "is tried again" } else { "counts as done" };
        output.line(format!("{} of order {} {what}: `tidegate orders watch {1}`.", parked.step, id.as_str()));
        output.document(&json!({"order_id": id, "step": parked.step, "answer": answer}))
    }

    /// Two answers to one parking have one name, and the first that arrives counts.
    async fn is_the_one_that_counts(&self, id: &OrderId, envelope: &Envelope, answer: ParkedAnswer) -> Result<()> {
        let table = self.resources.output("OrdersTableName")?;
        let store = DynamoDbAggregates::new(self.deployment.dynamodb.clone(), table);
        let image = store.load(&AggregateId::new(id.as_str())?).await?;
        match counted(&image, &CommandId::new(envelope.command_id.as_str())?) {
            Some(counts) if counts == answer => Ok(()),
            Some(_) => bail!(Hint::new(
                format!("somebody else had answered for order {} before, otherwise than this", id.as_str()),
                format!("see `tidegate sagas show {}`", id.as_str()),
            )),
            None => bail!(Hint::new(
                format!("the saga of order {} went on before this answer arrived", id.as_str()),
                format!("see `tidegate sagas show {}`", id.as_str()),
            )),
        }
    }

    async fn order(&self, id: &OrderId) -> Result<Order> {
        let table = self.resources.output("OrdersTableName")?;
        match dynamodb::state(&self.deployment.dynamodb, table, id.as_str()).await? {
            Some(order) => Ok(order),
            None => bail!(Hint::new(
                format!("deployment {} has no order {}", self.deployment.name, id.as_str()),
                "see `tidegate sagas list`",
            )),
        }
    }

    async fn execution(&self, id: &OrderId) -> Result<Option<Execution>> {
        sfn::execution(&self.deployment.sfn, &self.execution_arn(id)?).await
    }

    fn execution_arn(&self, id: &OrderId) -> Result<String> {
        Ok(sfn::execution_arn(self.resources.output("OrderSagaArn")?, id.as_str()))
    }
}

fn has_failed(execution: &Execution) -> bool {
    FAILED.contains(&execution.status.as_str())
}

/// What is parked, where somebody waits for the answer: an execution that has ended since waits for none any more. Redriven,
/// it parks anew.
fn awaited<'a>(parked: Option<&'a Parked>, execution: Option<&Execution>) -> Option<&'a Parked> {
    parked.filter(|_| !execution.is_some_and(has_failed))
}

/// Which answer was given under this name, if one was: the reply to the saga is an error where it is to try again.
fn counted(order: &Image, answer: &CommandId) -> Option<ParkedAnswer> {
    order.proof(answer).map(|it| match it.reply() {
        Reply::Success { .. } => ParkedAnswer::Resolved,
        Reply::Failure { .. } => ParkedAnswer::Retry,
    })
}

/// The command's id is that of what is answered: sent twice, it is carried out once, and an answer that comes after the
/// compensation was parked anew does not answer the new one.
fn answer_command(id: &OrderId, parked: &Parked, answer: ParkedAnswer) -> Result<Envelope> {
    let command_id = format!("{}/AnswerCompensation/{}/{:.9}", id.as_str(), parked.step, parked.at);
    Ok(Envelope {
        command_id: command_id.parse().context("the answer has no id")?,
        order_id: id.clone(),
        task_token: None,
        correlation_id: None,
        traceparent: None,
        command: Command::Order(OrderCommand::Answer { step: parked.step, answer }),
    })
}

fn parked_document(id: &str, parked: &Parked) -> Value {
    json!({
        "kind": "parked",
        "order_id": id,
        "step": parked.step,
        "error": parked.error,
        "parked_at": parked.at,
        "commands": [format!("tidegate sagas retry {id}"), format!("tidegate sagas resolve {id}")],
    })
}

fn failed_document(execution: &Execution) -> Value {
    json!({
        "kind": "failed",
        "order_id": execution.name,
        "status": execution.status,
        "ended_at_millis": execution.ended_at_millis,
        "commands": [format!("tidegate sagas retry {}", execution.name)],
    })
}

fn status_word(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::Placed => "placed",
        OrderStatus::Withdrawn => "withdrawn",
        OrderStatus::Confirmed => "confirmed",
        OrderStatus::Cancelled { .. } => "cancelled",
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use tidegate_events::CommandName;
    use tidegate_outbox::{Decision, MemoryAggregates, handle};

    use super::*;

    fn parked() -> Parked {
        Parked {
            step: CommandName::UndoPayment,
            error: "PermanentFailure".to_owned(),
            at: "2027-01-02T03:04:05.5Z".parse().unwrap(),
            token: Some("made-up-token".parse().unwrap()),
        }
    }

    #[test]
    fn an_answer_is_the_same_command_for_what_was_parked_then_and_another_for_what_is_parked_anew() {
        let id: OrderId = "ord_1".parse().unwrap();
        let first = answer_command(&id, &parked(), ParkedAnswer::Retry).unwrap();
        assert_eq!(first.command_id.as_str(), "ord_1/AnswerCompensation/UndoPayment/2027-01-02T03:04:05.500000000Z");
        let read = Envelope::from_json(first.to_json().as_bytes()).unwrap();
        assert_eq!(read, first);
        let anew = Parked { at: "2027-01-03T03:04:05.5Z".parse().unwrap(), ..parked() };
        assert_ne!(answer_command(&id, &anew, ParkedAnswer::Retry).unwrap().command_id, first.command_id);
    }

    #[test]
    fn what_an_execution_parked_that_has_failed_waits_for_no_answer() {
        let parked = parked();
        let execution = |status: &str| Execution {
            name: "ord_1".to_owned(),
            status: status.to_owned(),
            started_at_millis: 0,
            ended_at_millis: None,
            is_final: false,
        };
        for (status, waits) in [("RUNNING", true), ("FAILED", false), ("TIMED_OUT", false), ("ABORTED", false)] {
            assert_eq!(awaited(Some(&parked), Some(&execution(status))).is_some(), waits, "{status}");
        }
        assert!(awaited(Some(&parked), None).is_some(), "the order says so, whatever became of the execution");
        assert!(awaited(None, Some(&execution("RUNNING"))).is_none());
    }

    #[tokio::test]
    async fn the_answer_that_counts_is_the_one_whose_proof_is_there() {
        let (order, first) = (AggregateId::new("ord_1").unwrap(), CommandId::new("ord_1/answer").unwrap());
        for (reply, counts) in [
            (Reply::success(&"resolved").unwrap(), ParkedAnswer::Resolved),
            (Reply::failure("RetryCompensation", "made up"), ParkedAnswer::Retry),
        ] {
            let store = MemoryAggregates::default();
            assert_eq!(counted(&store.load(&order).await.unwrap(), &first), None);
            let command = tidegate_outbox::Command { id: first.clone(), home: order.clone(), token: None };
            let decide = |_: &[Image]| Ok::<_, String>(Decision { reply: reply.clone(), changes: Vec::new() });
            handle(&store, &command, UNIX_EPOCH, |_| Vec::new(), decide).await.unwrap();
            assert_eq!(counted(&store.load(&order).await.unwrap(), &first), Some(counts));
        }
    }

    #[test]
    fn the_task_token_is_told_to_nobody() {
        assert!(!parked_document("ord_1", &parked()).to_string().contains("made-up-token"));
    }
}
