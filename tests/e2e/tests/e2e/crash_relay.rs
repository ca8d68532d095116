//! `relay-outbox` killed before and after each of its AWS calls, then given the same records of the stream again, as
//! Lambda does.
//!
//! ```text
//! committed:  order/1: event, event, reply   sku/1: event   order/2: event, reply
//! said:       Publish(order/1/0, sku/1/0) . Publish(order/1/1) . answer 1 . Publish(order/2/0) . answer 2
//! killed:     before or after each
//! again:      all of it from the start; an answer that was taken is expired now, and is passed over
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tidegate_cloudevents::Event;
use tidegate_outbox::{
    AggregateId, Change, CommandId, Decision, DynamoDbAggregates, Image, Loaded, Reply, TaskToken, Write, handle,
};
use tidegate_testkit::lambda_api::When;

use crate::killable::{Kill, Killable, at_each, environment, survive_all};
use crate::stack::Stack;
use crate::tables::{Table, now};
use crate::wait::{SOON, eventually};
use crate::watch::Watch;
use crate::workflows::{Ended, Waiting, Workflows};

const SOURCE: &str = "/e2e/crash-relay";
/// While it initialises, the function opens a connection (`HEAD /`); the rest is the batch.
const CALLS: [&str; 6] =
    ["HEAD /", "PublishBatch", "PublishBatch", "SendTaskSuccess", "PublishBatch", "SendTaskFailure"];

/// Two commands of one order, the first of which changes a SKU too, and the workflows that wait for their answers.
struct Case {
    name: String,
    kill: Option<Kill>,
    workflows: [Waiting; 2],
}

pub(crate) async fn a_crash_of_relay_outbox_at_any_call_loses_nothing_and_keeps_the_order(
    stack: Arc<Stack>,
) -> Result<()> {
    let table = Table::create(&stack, "crash-relay").await?;
    let watch = Watch::start(&stack, "crash-relay", SOURCE).await?;
    let workflows = Workflows::create(&stack, "crash-relay").await?;
    let kills = [None].into_iter().chain(at_each(&CALLS.map(str::to_owned)).into_iter().map(Some));
    let kills: Vec<_> = kills.collect();
    let mut waiting = workflows.waiting(&stack, 2 * kills.len()).await?.into_iter();
    let mut cases = Vec::new();
    for (number, kill) in kills.into_iter().enumerate() {
        let workflows = [waiting.next().context("too few wait")?, waiting.next().context("too few wait")?];
        let case = Case { name: format!("crash-relay-{number}"), kill, workflows };
        commit(&table.store(&stack), &case).await?;
        cases.push(case);
    }
    let stream = table.stream(&stack).await?;

    let run = cases.iter().map(async |case| {
        let outcome = survive(&stack, &watch, case, &stream).await;
        outcome.with_context(|| format!("{}, {:?}", case.name, case.kill))
    });
    survive_all(run).await?;
    workflows.delete(&stack).await?;
    table.delete(&stack).await
}

impl Case {
    fn order(&self) -> String {
        format!("{}/order", self.name)
    }

    fn sku(&self) -> String {
        format!("{}/sku", self.name)
    }

    /// What was committed, by aggregate and in order.
    fn committed(&self) -> BTreeMap<String, Vec<String>> {
        let (order, sku) = (self.order(), self.sku());
        let of_order = ["1/0", "1/1", "2/0"].map(|it| format!("{order}/{it}")).to_vec();
        let of_sku = vec![format!("{sku}/1/0")];
        BTreeMap::from([(order, of_order), (sku, of_sku)])
    }

    /// Which workflows have their answer when the process is killed.
    fn answered(&self) -> &[Waiting] {
        let Some(kill) = &self.kill else { return &[] };
        let mut same = CALLS.iter().enumerate().filter(|(_, operation)| **operation == kill.operation);
        let at = same.nth(kill.nth - 1).map_or(0, |(at, _)| at) + usize::from(kill.when == When::AfterForward);
        &self.workflows[..CALLS[..at].iter().filter(|operation| operation.starts_with("SendTask")).count()]
    }
}

async fn commit(store: &DynamoDbAggregates, case: &Case) -> Result<()> {
    let (order, sku) = (AggregateId::new(case.order())?, AggregateId::new(case.sku())?);
    let write = |step, waiting: &Waiting| -> Result<Write> {
        let id = CommandId::of_step(&case.name, step)?;
        Ok(Write::command(id, order.clone()).answering(TaskToken::new(&waiting.token)?))
    };
    let change = |image: &Image, events: usize| -> Result<Change, serde_json::Error> {
        let event = |at| Event::builder_without_id(SOURCE, "Changed").subject(&case.name).data_of(&json!({ "at": at }));
        Ok(Change::new(image.aggregate().clone(), &"changed")?.events((0..events).map(event)))
    };

    let reserve = |Loaded { home, others, .. }: Loaded<'_>| {
        let reply = Reply::success(&json!({ "reserved": case.name }))?;
        Ok::<_, serde_json::Error>(Decision::changes([change(home, 2)?, change(&others[0], 1)?]).reply(reply))
    };
    handle(store, &write("Reserve", &case.workflows[0])?, now(), |_| vec![sku.clone()], reserve).await?;

    let refuse = |loaded: Loaded<'_>| {
        let reply = Reply::failure("PaymentDeclined", "made up");
        Ok::<_, serde_json::Error>(Decision::changes([change(loaded.home, 1)?]).reply(reply))
    };
    handle(store, &write("Authorise", &case.workflows[1])?, now(), |_| vec![], refuse).await?;
    Ok(())
}

async fn survive(stack: &Stack, watch: &Watch, case: &Case, stream: &[Value]) -> Result<()> {
    let of_case = |record: &&Value| {
        let id = record["dynamodb"]["NewImage"]["id"]["S"].as_str().unwrap_or_default();
        id == case.order() || id == case.sku()
    };
    let records: Vec<&Value> = stream.iter().filter(of_case).collect();
    ensure!(records.len() == 3, "the stream shows {} versions", records.len());
    let batch = json!({ "Records": records });

    let environment = environment(stack, "relay-outbox", &[("EVENTS_TOPIC_ARN", stack.output("EventsTopicArn")?)])?;
    let bootstrap = stack.bootstrap("relay-outbox");
    if let Some(kill) = &case.kill {
        let killed = Killable::start(stack, &bootstrap, &environment, Some(kill)).await?;
        killed.dies(&batch).await?;
        for waiting in case.answered() {
            eventually("the answered workflow has ended", SOON, || waiting.ended(stack)).await?;
        }
    }
    let again = Killable::start(stack, &bootstrap, &environment, None).await?;
    ensure!(again.answers(&batch).await?.is_null());
    // Which is also what says at which calls a process is killed.
    ensure!(
        again.calls() == CALLS,
        "the function calls AWS otherwise than this test was written for: {:?}",
        again.calls()
    );

    again.function.kill().await?; // its log is whole then
    let logs = again.function.logs();
    let expired = case.answered().len();
    ensure!(logs.contains(&format!("\"RelayExpired\":{expired}")) == (expired > 0), "{expired} expired: {logs}");
    ensure!(case.workflows.iter().all(|it| !logs.contains(&it.token)), "a token is logged");
    everything_was_said(stack, watch, case).await
}

async fn everything_was_said(stack: &Stack, watch: &Watch, case: &Case) -> Result<()> {
    let mut first: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut copies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for event in watch.events(stack).await?.iter().filter(|event| event["subject"] == case.name.as_str()) {
        let id = event["id"].as_str().context("an event without an id")?;
        let aggregate = id.rsplitn(3, '/').nth(2).context("an id of no aggregate")?;
        let copies = copies.entry(id.to_owned()).or_default();
        if copies.is_empty() {
            first.entry(aggregate.to_owned()).or_default().push(id.to_owned());
        }
        copies.insert(event.to_string());
    }
    ensure!(first == case.committed(), "published first, by aggregate: {first:?}");
    ensure!(copies.values().all(|copies| copies.len() == 1), "two events have one id: {copies:?}");

    let [reserved, refused] = &case.workflows;
    let ended = eventually("the first workflow has ended", SOON, || reserved.ended(stack)).await?;
    let Ended::Succeeded(output) = ended else { anyhow::bail!("the first workflow ended as {ended:?}") };
    ensure!(serde_json::from_str::<Value>(&output)? == json!({ "reserved": case.name }), "{output}");
    let ended = eventually("the second workflow has ended", SOON, || refused.ended(stack)).await?;
    ensure!(ended == Ended::Failed("PaymentDeclined".to_owned()), "{ended:?}");
    Ok(())
}
