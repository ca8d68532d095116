//! `tidegate sagas`: what waits for a person, and the answers to it.

use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use tidegate_events::{OrderId, ParkedAnswer};
use tidegate_operations::orders::status_word;
use tidegate_operations::sagas::{Effect, ParkedOrder, Resolve, Retry, Sagas, SentAnswer};
use tidegate_operations::{Deployment, Execution, Hint};

use crate::age::age;
use crate::args::SagasCommand;
use crate::context::Context;
use crate::output::Progress;
use crate::{clock, timeline};

pub(super) async fn run(context: &Context, command: SagasCommand) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let sagas: Sagas<'_, Deployment> = Sagas::new(&deployment, &resources);
    match command {
        SagasCommand::List { parked, failed } => list(context, &sagas, parked || !failed, failed || !parked).await?,
        SagasCommand::Show { order } => show(context, &deployment, &sagas, &order).await?,
        SagasCommand::Retry { order } => retry(context, &deployment, &sagas, &order).await?,
        SagasCommand::Resolve { order } => resolve(context, &deployment, &sagas, &order).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, sagas: &Sagas<'_, Deployment>, parked: bool, failed: bool) -> Result<()> {
    let output = context.output;
    let parked = if parked { sagas.parked().await? } else { Vec::new() };
    let failed = if failed { sagas.failed().await? } else { Vec::new() };
    let now = clock::epoch_millis();
    if !parked.is_empty() {
        output.table(
            &["parked order", "age", "step", "error", "mend the cause, then"],
            parked.iter().map(|ParkedOrder { order_id, parked }| {
                let age = age(now - timeline::millis(parked.at));
                let command = format!("tidegate sagas retry {order_id}");
                vec![order_id.clone(), age, parked.step.to_string(), parked.error.clone(), command]
            }),
        );
        output.line("");
        output.line("A step that was done by hand instead is reported with `tidegate sagas resolve ORDER`.");
    }
    if !failed.is_empty() {
        if !parked.is_empty() {
            output.line("");
        }
        output.table(
            &["failed saga", "age", "ended as", "mend the cause, then"],
            failed.iter().map(|execution| {
                let age = age(now - execution.ended_at_millis.unwrap_or(now));
                let command = format!("tidegate sagas retry {}", execution.name);
                vec![execution.name.clone(), age, execution.status.clone(), command]
            }),
        );
    }
    if parked.is_empty() && failed.is_empty() {
        output.line("Nothing waits for a person.");
    }
    let documents = parked.iter().map(parked_document).chain(failed.iter().map(failed_document));
    output.document(&documents.collect::<Vec<_>>())
}

async fn show(context: &Context, deployment: &Deployment, sagas: &Sagas<'_, Deployment>, id: &OrderId) -> Result<()> {
    let Some(saga) = sagas.show(id).await? else { return Err(no_order(deployment, id)) };
    let (output, order) = (context.output, &saga.order);
    let status = saga.execution.as_ref().map_or("none", |execution| execution.status.as_str());
    output.line(format!("order  {} is {}", id.as_str(), status_word(order.status)));
    output.line(format!("saga   {status}"));
    if saga.execution.is_none() && status_word(order.status) == "placed" {
        output.line("       see `tidegate dlq list --queue start-workflow` and `tidegate logs relay-outbox`");
    }
    let parked = order.parked.clone().map(|parked| ParkedOrder { order_id: id.as_str().to_owned(), parked });
    if let Some(ParkedOrder { order_id, parked }) = &parked {
        let waits = age(clock::epoch_millis() - timeline::millis(parked.at));
        output.line(format!("parked {} for {waits}, it ended with {}", parked.step, parked.error));
        output.line(format!("       mend the cause, then `tidegate sagas retry {order_id}`;"));
        output.line(format!("       or do it by hand, then `tidegate sagas resolve {order_id}`"));
    }
    output.line("");
    let since = timeline::millis(order.placed_at);
    saga.history.iter().filter_map(|step| timeline::step(step, since)).for_each(|line| output.line(line));
    output.document(&json!({
        "order_id": id,
        "status": status_word(order.status),
        "parked": parked.as_ref().map(parked_document),
        "execution": saga.execution,
        "history": saga.history,
    }))
}

async fn retry(context: &Context, deployment: &Deployment, sagas: &Sagas<'_, Deployment>, id: &OrderId) -> Result<()> {
    let order = id.as_str();
    match sagas.retry(id).await? {
        Retry::Answered(answer) => wait_for_effect(context, sagas, &answer).await,
        Retry::Redriven => {
            context
                .output
                .line(format!("The saga of {order} continues where it failed: `tidegate orders watch {order}`."));
            context.output.document(&json!({"order_id": id, "redriven": true}))
        }
        Retry::NothingFailed { status } => bail!(Hint::new(
            format!("there is nothing to try again for order {order}: its saga is {status}"),
            "see `tidegate sagas list`",
        )),
        Retry::NoSaga => {
            bail!(Hint::new(format!("order {order} has no saga"), "see `tidegate dlq list --queue start-workflow`"))
        }
        Retry::NoOrder => Err(no_order(deployment, id)),
    }
}

async fn resolve(
    context: &Context,
    deployment: &Deployment,
    sagas: &Sagas<'_, Deployment>,
    id: &OrderId,
) -> Result<()> {
    let order = id.as_str();
    match sagas.resolve(id).await? {
        Resolve::Answered(answer) => wait_for_effect(context, sagas, &answer).await,
        Resolve::AnsweredWithoutSaga(answer) => {
            wait_for_effect(context, sagas, &answer).await?;
            context.output.line("Its saga has ended for good: do by hand what would come after this step.");
            Ok(())
        }
        Resolve::SagaFailed => bail!(Hint::new(
            format!("the saga of order {order} has failed since, and waits for no answer"),
            format!("`tidegate sagas retry {order}` continues it, and it parks anew"),
        )),
        Resolve::NothingParked => {
            bail!(Hint::new(format!("nothing of order {order} is parked"), "see `tidegate sagas list`"))
        }
        Resolve::NoOrder => Err(no_order(deployment, id)),
    }
}

async fn wait_for_effect(context: &Context, sagas: &Sagas<'_, Deployment>, answer: &SentAnswer) -> Result<()> {
    let (order, step) = (answer.order_id.as_str(), answer.step);
    let progress = Progress::start();
    progress.doing(format!("Waiting until {step} is answered"));
    let effect = sagas.effect_of(answer).await;
    progress.finish();
    let see = format!("see `tidegate sagas show {order}`");
    match effect? {
        Effect::Counts => {}
        Effect::Conflict => {
            bail!(Hint::new(format!("conflict: order {order} had another answer, which arrived before this one"), see))
        }
        Effect::TooLate => {
            bail!(Hint::new(format!("the saga of order {order} continued before this answer arrived"), see))
        }
        Effect::NoneYet => bail!(Hint::new(
            format!("the answer for order {order} is in the queue, and had no effect within a minute"),
            "see `tidegate dlq list --queue orders-worker` and `tidegate logs orders-worker`",
        )),
    }
    let what = if answer.answer == ParkedAnswer::Retry { "is tried again" } else { "counts as done" };
    context.output.line(format!("{step} of order {order} {what}: `tidegate orders watch {order}`."));
    context.output.document(&json!({"order_id": answer.order_id, "step": step, "answer": answer.answer}))
}

fn no_order(deployment: &Deployment, id: &OrderId) -> anyhow::Error {
    let what = format!("deployment {} has no order {}", deployment.name, id.as_str());
    Hint::new(what, "see `tidegate sagas list`").into()
}

fn parked_document(ParkedOrder { order_id, parked }: &ParkedOrder) -> Value {
    json!({
        "kind": "parked",
        "order_id": order_id,
        "step": parked.step,
        "error": parked.error,
        "parked_at": parked.at,
        "commands": [format!("tidegate sagas retry {order_id}"), format!("tidegate sagas resolve {order_id}")],
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

#[cfg(test)]
mod tests {
    use tidegate_events::CommandName;
    use tidegate_orders::order::Parked;

    use super::*;

    #[test]
    fn the_task_token_is_not_printed() {
        let parked = Parked {
            step: CommandName::UndoPayment,
            error: "PermanentFailure".to_owned(),
            at: "2027-01-02T03:04:05.5Z".parse().unwrap(),
            token: Some("made-up-token".parse().unwrap()),
        };
        let order = ParkedOrder { order_id: "ord_1".to_owned(), parked };
        assert!(!parked_document(&order).to_string().contains("made-up-token"));
    }
}
