//! The outbox's example worker killed before and after each of its AWS calls, in both forms of a commit: a transaction,
//! and the write of a single item. Its message comes again after another command has changed what it decides by.
//!
//! ```text
//! killed:   load order . load SKU . write        (before or after each)
//! rival:    changes the SKU
//! repeat:   written before: the same reply, nothing is written. Not written: decided by what is there now
//! ```

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tidegate_outbox::{
    AggregateId, AggregateStore as _, Change, CommandId, Decision, DynamoDbAggregates, Loaded, Message, Reply, Version,
    Write, handle,
};
use tidegate_testkit::lambda_api::When;

use crate::killable::{Kill, Killable, at_each, environment, survive_all};
use crate::stack::Stack;
use crate::tables::{Table, now};

const TOKEN: &str = "made-up-token";
const IN_STOCK: u64 = 10;
/// The order's: written once, however often its command arrives.
const ONCE: Version = Version(1);

/// What is asked for, and what there is when it is asked for again.
#[derive(Clone, Copy, Debug)]
struct Ask {
    name: &'static str,
    quantity: u64,
    in_stock_later: u64,
    calls: [&'static str; 3],
}

const ASKS: [Ask; 2] = [
    // There is enough both times, and what is left differs.
    Ask { name: "enough", quantity: 2, in_stock_later: 9, calls: ["GetItem", "GetItem", "TransactWriteItems"] },
    // It was refused, and would not be any more.
    Ask { name: "too-much", quantity: 11, in_stock_later: 20, calls: ["GetItem", "GetItem", "PutItem"] },
];

struct Case {
    name: String,
    ask: Ask,
    kill: Option<Kill>,
}

pub(crate) async fn a_crash_of_a_worker_at_any_call_leaves_one_version_and_one_reply(stack: Arc<Stack>) -> Result<()> {
    let table = Table::create(&stack, "crash-worker").await?;
    let mut cases = Vec::new();
    for ask in ASKS {
        let kills = at_each(&ask.calls.map(str::to_owned)).into_iter().map(Some).chain([None]);
        let case = |(number, kill)| Case { name: format!("{}-{number}", ask.name), ask, kill };
        cases.extend(kills.enumerate().map(case));
    }
    let run = cases.iter().map(async |case| {
        let outcome = survive(&stack, &table, case).await;
        outcome.with_context(|| format!("{}, {:?}", case.name, case.kill))
    });
    survive_all(run).await?;
    table.delete(&stack).await
}

async fn survive(stack: &Stack, table: &Table, case: &Case) -> Result<()> {
    let store = table.store(stack);
    let (order, sku) = (case.aggregate("order")?, case.aggregate("sku")?);
    stock(&store, &sku, "Restock", IN_STOCK).await?;
    let environment = environment(stack, "worker", &[("TABLE", &table.name)])?;
    let bootstrap = Path::new(env!("CARGO_BIN_EXE_outbox-worker"));
    let first = Killable::start(stack, bootstrap, &environment, case.kill.as_ref()).await?;
    let written = match &case.kill {
        Some(kill) => {
            first.dies(&case.message()).await?;
            kill.operation == case.ask.calls[2] && kill.when == When::AfterForward
        }
        None => {
            ensure!(first.answers(&case.message()).await? == json!({ "batchItemFailures": [] }));
            ensure!(first.calls() == case.ask.calls, "the worker calls AWS otherwise: {:?}", first.calls());
            true
        }
    };
    ensure!(store.load(&order).await?.version() == if written { ONCE } else { Version::ABSENT });

    let later = case.ask.in_stock_later;
    stock(&store, &sku, "Rival", later).await?;
    let decided_by = if written { IN_STOCK } else { later };
    let reply = match decided_by.checked_sub(case.ask.quantity) {
        Some(left) => Reply::success(&json!({ "left": left }))?,
        None => Reply::failure("OutOfStock", "there is less than was asked for"),
    };
    for _ in 0..2 {
        let again = Killable::start(stack, bootstrap, &environment, None).await?;
        ensure!(again.answers(&case.message()).await? == json!({ "batchItemFailures": [] }));
        let image = store.load(&order).await?;
        ensure!(image.version() == ONCE, "version {}", image.version());
        let proof = image.proof(&case.command()?).context("no proof")?;
        ensure!(proof.reply() == Some(&reply), "{:?} instead of {reply:?}", proof.reply());
        let Some(Message::Reply { token, reply: sent, .. }) = image.outbox().last() else {
            anyhow::bail!("no reply is in the outbox: {image:?}")
        };
        ensure!((token.expose(), sent) == (TOKEN, &reply), "{sent:?} is to be sent");
        let taken = if !written && matches!(reply, Reply::Success { .. }) { case.ask.quantity } else { 0 };
        let in_stock = store.load(&sku).await?.state_as::<u64>()?;
        ensure!(in_stock == Some(later - taken), "{in_stock:?} in stock after {later}");
    }
    Ok(())
}

impl Case {
    fn aggregate(&self, what: &str) -> Result<AggregateId> {
        Ok(AggregateId::new(format!("{}/{what}", self.name))?)
    }

    fn command(&self) -> Result<CommandId> {
        Ok(CommandId::of_step(&self.name, "ReserveStock")?)
    }

    /// The batch with its one message.
    fn message(&self) -> Value {
        let body = json!({
            "command": format!("{}/ReserveStock", self.name),
            "token": TOKEN,
            "order": format!("{}/order", self.name),
            "sku": format!("{}/sku", self.name),
            "quantity": self.ask.quantity,
        });
        json!({"Records": [{
            "messageId": self.name,
            "receiptHandle": "made-up",
            "body": body.to_string(),
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:crash-worker",
            "awsRegion": "us-east-1",
        }]})
    }
}

/// Sets what is in stock, as another command.
async fn stock(store: &DynamoDbAggregates, sku: &AggregateId, step: &str, quantity: u64) -> Result<()> {
    let write = Write::command(CommandId::of_step(sku.as_str(), step)?, sku.clone());
    let decide = |_: Loaded<'_>| {
        let change = Change::new(sku.clone(), &quantity)?;
        Ok::<_, serde_json::Error>(Decision::changes([change]).reply(Reply::success(&quantity)?))
    };
    handle(store, &write, now(), |_| vec![], decide).await?;
    Ok(())
}
