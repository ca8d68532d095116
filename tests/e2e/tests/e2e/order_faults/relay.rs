//! `relay-outbox` as a real process for each table, fed from the table's stream as Lambda does: in order for each item, and all of
//! it again after a failure. The records of one order can be held back, or kill it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use tidegate_testkit::lambda_api::{Action, Fault, Outcome, When};

use super::services::{Process, Recipe};
use crate::stack::Stack;
use crate::tables::Reader;
use crate::wait::{SOON, pause};

/// The relay of one table's stream.
pub(super) struct Relay {
    recipe: Recipe,
    orders: Mutex<Orders>,
}

/// What is different for some orders, and how far each is.
#[derive(Default)]
struct Orders {
    held: HashSet<String>,
    deadly: HashSet<String>,
    /// The last version that was relayed.
    relayed: HashMap<String, u64>,
}

impl Relay {
    pub(super) fn new(recipe: Recipe) -> Self {
        Self { recipe, orders: Mutex::default() }
    }

    /// Holds this order's next records back.
    pub(super) fn hold(&self, order: &str) {
        self.lock().held.insert(order.to_owned());
    }

    pub(super) fn release(&self, order: &str) {
        self.lock().held.remove(order);
    }

    /// Kills a relay over this order's next answer, before the saga gets it.
    pub(super) fn die_over(&self, order: &str) {
        self.lock().deadly.insert(order.to_owned());
    }

    /// The last version of this order that was relayed; 0 for none.
    pub(super) fn relayed(&self, order: &str) -> u64 {
        self.lock().relayed.get(order).copied().unwrap_or_default()
    }

    /// Relays what the stream shows, until it is dropped.
    pub(super) async fn run(&self, stack: &Stack, mut stream: Reader) -> Result<()> {
        let process = Process::start(&self.recipe).await?;
        let mut waiting: Vec<Value> = Vec::new();
        loop {
            waiting.extend(stream.read(stack).await?);
            let held = self.lock().held.clone();
            let (kept, due) = waiting.drain(..).partition(|record| held.contains(order_of(record)));
            waiting = kept;
            let due: Vec<Value> = due;
            if due.is_empty() {
                pause().await;
                continue;
            }
            self.die_where_due(&due).await?;
            let answer = process.function.invoke(json!({ "Records": due }), SOON).await;
            ensure!(
                matches!(answer, Outcome::Response(_)),
                "the relay failed: {answer:?}\n{}",
                process.function.logs()
            );
            for record in &due {
                let version = record["dynamodb"]["NewImage"]["version"]["N"].as_str().unwrap_or_default().parse()?;
                self.lock().relayed.insert(order_of(record).to_owned(), version);
            }
        }
    }

    /// Another relay takes the records of a deadly order and dies before it answers. Their events are published by then, and
    /// will be again.
    async fn die_where_due(&self, due: &[Value]) -> Result<()> {
        let deadly = self.lock().deadly.clone();
        for order in deadly.iter().filter(|order| due.iter().any(|it| order_of(it) == **order && answers(it))) {
            self.lock().deadly.remove(order);
            let process = Process::start(&self.recipe).await?;
            for operation in ["SendTaskSuccess", "SendTaskFailure"] {
                let killer = process.function.killer();
                process.proxy.inject(Fault::new(operation, When::BeforeForward, Action::kill(move || killer.kill())));
            }
            let records: Vec<&Value> = due.iter().filter(|it| order_of(it) == order).collect();
            let outcome = process.function.invoke(json!({ "Records": records }), SOON).await;
            ensure!(matches!(outcome, Outcome::Crashed(_)), "the relay was not killed: {outcome:?}");
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn order_of(record: &Value) -> &str {
    record["dynamodb"]["NewImage"]["id"]["S"].as_str().unwrap_or_default()
}

/// Whether the record has an answer to a task token.
fn answers(record: &Value) -> bool {
    let outbox = record["dynamodb"]["NewImage"]["outbox"]["S"].as_str().unwrap_or_default();
    let outbox: Vec<Value> = serde_json::from_str(outbox).unwrap_or_default();
    outbox.iter().any(|message| message.get("reply").is_some())
}
