//! Orders that nothing happens to, and all that was asked of AWS on their way.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use bytes::Bytes;
use serde_json::json;
use tidegate_cli::clock;
use tidegate_operations::executions::{StepKind, execution_arn};
use tidegate_operations::logs;
use tidegate_operations::orders_client::Draft;
use tidegate_operations::{Executions as _, Queues as _};
use tidegate_testkit::lambda_api::Call;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::stack::Stack;

/// A machine under load takes long.
const DEADLINE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(250);
/// How long nothing must be asked for before nothing more will be: longer than a poll of the emulator's mappings, and than a
/// webhook of the Stripe server takes.
const QUIET: Duration = Duration::from_secs(4);

/// What was seen while some orders went from placed to done.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) orders: usize,
    /// Of these `calls` the first `before` are older.
    pub(crate) calls: Vec<Call>,
    pub(crate) before: usize,
    /// That were entered, by the executions' histories.
    pub(crate) states: usize,
    /// Messages and batches that queues handed to functions; records and batches of streams.
    pub(crate) messages: Tally,
    pub(crate) records: Tally,
    /// By function.
    pub(crate) invocations: BTreeMap<String, usize>,
    pub(crate) log_bytes: usize,
    /// From placing to the last callback, for all of them together.
    pub(crate) took: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) items: usize,
    pub(crate) batches: usize,
}

/// Two SKUs of its own for each order, so that none waits for another's stock.
pub(crate) fn skus(order: usize) -> [String; 2] {
    [format!("tide-table-{order}"), format!("harbour-chart-{order}")]
}

/// Places orders, one after the other or at once, and waits until each has been confirmed, called back and shipped.
pub(crate) async fn orders(stack: &Stack, count: usize, at_once: bool) -> Result<Seen> {
    settled(stack).await?;
    let before = stack.proxy.calls().len();
    let log_before = stack.emulator_log()?.len();
    let since_millis = clock::epoch_millis();
    let began = Instant::now();
    let mut ids = Vec::new();
    if at_once {
        ids = futures::future::try_join_all((0..count).map(|order| place(stack, order))).await?;
        all_called_back(stack, &ids).await?;
    } else {
        for order in 0..count {
            let id = place(stack, order).await?;
            all_called_back(stack, std::slice::from_ref(&id)).await?;
            ids.push(id);
            // So that what follows from it, the shipped stock and Stripe's webhook, shares no batch with the next order.
            settled(stack).await?;
        }
    }
    let took = began.elapsed();
    settled(stack).await?;

    let mut seen = Seen { orders: count, calls: stack.proxy.calls(), before, took, ..Seen::default() };
    let machine = stack.resources.output("OrderSagaArn")?;
    for id in &ids {
        let steps = stack.deployment.sfn.history(&execution_arn(machine, id)).await?;
        ensure!(steps.iter().any(|step| step.what == StepKind::Succeeded), "the saga of {id} did not succeed");
        seen.states += steps.iter().filter(|step| matches!(step.what, StepKind::Entered { .. })).count();
    }
    let log = stack.emulator_log()?;
    (seen.messages, seen.records) = handed_over(log.get(log_before..).unwrap_or_default());

    let query = logs::Query { functions: stack.resources.functions.clone(), since_millis, pattern: None, text: None };
    for line in logs::read(&stack.deployment.logs, &query).await? {
        // CloudWatch takes 26 bytes more for each.
        seen.log_bytes += line.text.len() + 26;
        if line.text.starts_with("REPORT RequestId:") {
            let name = line.function.strip_prefix(&format!("{}-", stack.deployment.name)).unwrap_or(&line.function);
            *seen.invocations.entry(name.to_owned()).or_default() += 1;
        }
    }
    Ok(seen)
}

async fn place(stack: &Stack, order: usize) -> Result<String> {
    let [first, second] = skus(order);
    let draft = Draft {
        sku: first,
        quantity: 1,
        price: 1_990,
        currency: "EUR".to_owned(),
        country: "DE".to_owned(),
        pay: "pm_card_visa".to_owned(),
        callback_url: Some(stack.standin.callback_url(&stack.client.customer_id)),
    };
    let mut body = draft.body();
    let mut line = body["lines"][0].clone();
    line["sku"] = json!(second);
    if let Some(lines) = body["lines"].as_array_mut() {
        lines.push(line);
    }
    let answer = stack.client.place(&Uuid::new_v4().to_string(), Bytes::from(body.to_string())).await?;
    ensure!(answer.status == 202, "the order was not taken: {} {}", answer.status, answer.text());
    Ok(answer.json().unwrap_or_default()["order_id"].as_str().unwrap_or_default().to_owned())
}

async fn all_called_back(stack: &Stack, ids: &[String]) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let callbacks = stack.standin.callbacks().await?;
        let of =
            |id: &String| callbacks.iter().find(|it| it.is_accepted() && it.body["data"]["order_id"] == id.as_str());
        let found: Vec<_> = ids.iter().map(of).collect();
        if found.iter().all(Option::is_some) {
            let confirmed =
                |body: &serde_json::Value| body["type"].as_str().is_some_and(|it| it.ends_with("confirmed"));
            let word = |it: &serde_json::Value| it["type"].as_str().unwrap_or_default().to_owned();
            let others: Vec<_> =
                found.iter().flatten().filter(|it| !confirmed(&it.body)).map(|it| word(&it.body)).collect();
            ensure!(others.is_empty(), "orders were to be confirmed, and are {others:?}");
            return Ok(());
        }
        if Instant::now() >= deadline {
            bail!("{} of {} orders were not called back", found.iter().filter(|it| it.is_none()).count(), ids.len());
        }
        sleep(POLL).await;
    }
}

/// Waits until every queue is empty and nothing has been asked for a while.
async fn settled(stack: &Stack) -> Result<()> {
    let deadline = Instant::now() + DEADLINE;
    let (mut calls, mut since) = (stack.proxy.calls().len(), Instant::now());
    while since.elapsed() < QUIET {
        if Instant::now() >= deadline {
            bail!("the functions do not come to rest");
        }
        sleep(POLL).await;
        let mut waiting = 0;
        for queue in &stack.resources.queues {
            let depth = stack.deployment.sqs.depth(&queue.url).await?;
            waiting += depth.waiting + depth.in_flight + depth.delayed;
        }
        let now = stack.proxy.calls().len();
        if waiting > 0 || now != calls {
            (calls, since) = (now, Instant::now());
        }
    }
    Ok(())
}

/// The emulator says of each batch how many messages or records it had.
fn handed_over(log: &str) -> (Tally, Tally) {
    let (mut messages, mut records) = (Tally::default(), Tally::default());
    for line in log.lines().filter(|line| line.contains("ESM: Lambda ")) {
        let Some((_, rest)) = line.split_once(" processed ") else { continue };
        let Some((count, what)) = rest.split_once(' ') else { continue };
        let tally = if what.starts_with("SQS messages") { &mut messages } else { &mut records };
        tally.items += count.parse::<usize>().unwrap_or_default();
        tally.batches += 1;
    }
    (messages, records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_read_from_the_emulators_log() {
        let log = "INFO ESM: Lambda t-orders-worker processed 2 SQS messages from t-orders-worker\n\
                   INFO ESM: Lambda t-orders-worker output:\nprocessed 7 SQS messages\n\
                   INFO ESM: Lambda t-orders-relay processed 3 DynamoDB stream records from t-orders\n\
                   INFO ESM: Lambda t-orders-worker processed 1 SQS messages from t-orders-worker (1 partial failures)\n";
        let (messages, records) = handed_over(log);
        assert_eq!(messages, Tally { items: 3, batches: 2 });
        assert_eq!(records, Tally { items: 3, batches: 1 });
    }
}
