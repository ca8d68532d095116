//! Sagas that were stopped, and go on: what is asked anew has no effect a second time.
//!
//! The emulator has no `RedriveExecution`. What AWS does then (the execution goes on under its name in the state where it
//! stopped, with the input that this state had, and each task gets a new token;
//! <https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html>) is done here by a copy of the deployed state
//! machine that starts in that state.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::{Value, json};
use tidegate_events::OrderId;
use tidegate_operations::orders_client::Draft;
use tidegate_operations::{executions, tables};
use tidegate_orders::Order;
use tidegate_orders::payment::PaymentStatus;

use crate::command::tidegate;
use crate::parked;
use crate::shop::{Customers, NOWHERE, QUANTITY, draft, goods, outside, words};
use crate::shop_books::{Books, balance, payment, told_once};
use crate::stack::Stack;
use crate::wait::{SOON, eventually};

const RECEIVED: u64 = 5;

pub(crate) async fn a_saga_that_goes_through_its_steps_again_changes_nothing(stack: Arc<Stack>) -> Result<()> {
    let confirmed = (draft(&goods(&stack, "again", RECEIVED).await?), "order.confirmed");
    let nowhere = Draft { country: NOWHERE.to_owned(), ..draft(&goods(&stack, "undone-again", RECEIVED).await?) };
    for (draft, outcome) in [confirmed, (nowhere, "order.cancelled")] {
        let customer = &Customers::of(&stack).await?.console;
        let callback_url = Some(outside(&stack)?.callback_url(&customer.id));
        let sku = draft.sku.clone();
        let id = customer.place(&stack, &Draft { callback_url, ..draft }).await?;
        let order = customer.ended(&stack, &id).await?;
        let ended = ended(&stack, &execution_arn(&stack, &id)?).await?;
        for step in entered(&stack, &id).await? {
            let again = redrive(&stack, &id, &step).await?;
            assert_eq!(self::ended(&stack, &again).await?, ended, "from {} on", step.state);
        }
        assert_eq!(words(&customer.order(&stack, &id).await?), words(&order), "nothing has happened anew");
        let (books, shipped) = match outcome {
            "order.confirmed" => (Books::new("shipped", "captured", "created", &["succeeded"]), QUANTITY),
            _ => (Books::new("released", "given back", "rejected", &["canceled"]), 0),
        };
        balance(&stack, &id, &books, &sku, (RECEIVED, shipped)).await?;
        told_once(&stack, &id, outcome).await?;
    }
    Ok(())
}

pub(crate) async fn a_saga_that_was_stopped_goes_on_with_what_was_done_meanwhile(stack: Arc<Stack>) -> Result<()> {
    let sku = goods(&stack, "stopped", RECEIVED).await?;
    let customer = &Customers::of(&stack).await?.console;
    let (id, mark) = customer.place_while_the_bank_thinks(&stack, &sku).await?;
    let at = stop_in(&stack, &id, "AuthorisePayment").await?;
    outside(&stack)?.clear_stripe_faults_of(&mark).await?;
    eventually("the payment is authorised for nobody", SOON, async || {
        Ok(matches!(payment(&stack, &id).await?.status, PaymentStatus::Authorised(_)).then_some(()))
    })
    .await?;

    let again = redrive(&stack, &id, &at).await?;
    ended(&stack, &again).await?;
    let order = customer.ended(&stack, &id).await?;
    assert_eq!(order["status"], "confirmed");
    assert_eq!(words(&order).iter().filter(|it| *it == "payment authorised").count(), 1, "{order}");
    balance(&stack, &id, &Books::new("shipped", "captured", "created", &["succeeded"]), &sku, (RECEIVED, QUANTITY))
        .await?;
    told_once(&stack, &id, "order.confirmed").await
}

pub(crate) async fn a_saga_that_was_stopped_while_parked_parks_anew_and_is_answered(stack: Arc<Stack>) -> Result<()> {
    let (id, sku) = parked::parked(&stack, "redriven").await?;
    let at = stop_in(&stack, &id, "ParkUndoPayment").await?;
    let token = async || {
        let order = tables::state::<Order>(&stack.dynamodb, stack.output("OrdersTableName")?, id.as_str()).await?;
        anyhow::Ok(order.and_then(|it| it.parked?.token))
    };
    let before = token().await?;
    for command in ["retry", "resolve"] {
        let told = tidegate(&stack, &["sagas", command, id.as_str()]).await?;
        let says = if command == "retry" { "cannot redrive" } else { "sagas retry" };
        ensure!(told.code == Some(1) && told.stderr.contains(says), "nobody waits for an answer: {told:?}");
        assert_eq!(token().await?, before, "and none is sent");
    }

    let again = redrive(&stack, &id, &at).await?;
    eventually("it is parked anew", SOON, async || Ok((token().await? != before).then_some(()))).await?;
    // As `tidegate sagas retry` answers where the execution itself goes on.
    let answer = json!({
        "command": "AnswerCompensation",
        "version": 1,
        "command_id": format!("{}/AnswerCompensation/redriven", id.as_str()),
        "order_id": id,
        "data": { "step": "UndoPayment", "answer": "retry" },
    });
    let queue = stack.output("OrdersWorkerQueueUrl")?;
    stack.deployment.sqs.send_message().queue_url(queue).message_body(answer.to_string()).send().await?;
    ended(&stack, &again).await?;
    parked::undone(&stack, &id, &sku).await
}

/// A state that an execution has entered, and with what.
#[derive(Debug)]
struct Entered {
    state: String,
    input: String,
}

fn execution_arn(stack: &Stack, id: &OrderId) -> Result<String> {
    Ok(executions::execution_arn(stack.output("OrderSagaArn")?, id.as_str()))
}

async fn entered(stack: &Stack, id: &OrderId) -> Result<Vec<Entered>> {
    let history = stack.sfn.get_execution_history().execution_arn(execution_arn(stack, id)?);
    let events = match history.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await {
        Err(error) if error.as_service_error().is_some_and(|it| it.is_execution_does_not_exist()) => Vec::new(),
        events => events?,
    };
    let details = events.into_iter().filter_map(|event| event.state_entered_event_details);
    details.map(|it| Ok(Entered { state: it.name, input: it.input.context("a state without input")? })).collect()
}

/// Ends an order's execution while it is in a state, as an operator can.
async fn stop_in(stack: &Stack, id: &OrderId, state: &str) -> Result<Entered> {
    let entered = eventually(&format!("{} is in {state}", id.as_str()), SOON, async || {
        Ok(entered(stack, id).await?.into_iter().next_back().filter(|it| it.state == state))
    })
    .await?;
    stack.sfn.stop_execution().execution_arn(execution_arn(stack, id)?).send().await?;
    Ok(entered)
}

/// Has the saga of an order go on from a state, and gives the execution that does.
async fn redrive(stack: &Stack, id: &OrderId, from: &Entered) -> Result<String> {
    let machine = stack.sfn.describe_state_machine().state_machine_arn(stack.output("OrderSagaArn")?).send().await?;
    let mut definition: Value = serde_json::from_str(&machine.definition)?;
    definition["StartAt"] = json!(from.state);
    let name = format!("{}-{}", id.as_str(), from.state);
    let copy = stack.sfn.create_state_machine().name(name).definition(definition.to_string());
    let copy = copy.role_arn(machine.role_arn).send().await?;
    let start = stack.sfn.start_execution().state_machine_arn(copy.state_machine_arn).name(id.as_str());
    Ok(start.input(&from.input).send().await?.execution_arn)
}

/// What an execution has ended with.
async fn ended(stack: &Stack, arn: &str) -> Result<Value> {
    let output = eventually("the saga has ended", SOON, async || {
        let execution = stack.sfn.describe_execution().execution_arn(arn).send().await?;
        if execution.status == ExecutionStatus::Running {
            return Ok(None);
        }
        ensure!(execution.status == ExecutionStatus::Succeeded, "{execution:?}");
        Ok(Some(execution.output.unwrap_or_default()))
    })
    .await?;
    Ok(serde_json::from_str(&output)?)
}
