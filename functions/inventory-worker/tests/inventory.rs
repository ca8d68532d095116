//! Stock under contention, over a store in memory.

#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::sync::Arc;
use std::time::SystemTime;

use inventory_worker::Inventory;
use serde_json::json;
use tidegate_batch::Failure;
use tidegate_events::Envelope;
use tidegate_orders::Stock;
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, CommandId, Commit, CommitError, Decision, DynamoDbAggregates, Image, Loaded,
    MemoryAggregates, Reply, SfnTasks, StoreError, Write, handle,
};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::PrimingTest;
use tidegate_worker::{Service, Worker};

/// Lets others go first at each call, as a network does.
#[derive(Debug, Default)]
struct Slow(MemoryAggregates);

impl AggregateStore for Slow {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        tokio::task::yield_now().await;
        self.0.load(aggregate).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        tokio::task::yield_now().await;
        self.0.commit(commit).await
    }
}

fn command(order: &str, name: &str, lines: &[(&str, u64)]) -> Envelope {
    let lines: Vec<_> = lines.iter().map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity})).collect();
    let data = if lines.is_empty() { json!({}) } else { json!({"lines": lines}) };
    let (id, token) = (format!("{order}/{name}"), format!("{order}-{name}"));
    let body = json!({
        "command": name, "version": 1, "command_id": id, "order_id": order, "task_token": token, "data": data
    });
    Envelope::from_json(body.to_string().as_bytes()).unwrap()
}

async fn stock(store: &impl AggregateStore, sku: &str) -> Stock {
    let image = store.load(&AggregateId::new(format!("stock/{sku}")).unwrap()).await.unwrap();
    image.state_as().unwrap().unwrap_or_default()
}

async fn receive(store: &impl AggregateStore, sku: &str, on_hand: u64) {
    let home = AggregateId::new(format!("stock/{sku}")).unwrap();
    let write = Write::command(CommandId::new(format!("receipt/{sku}")).unwrap(), home);
    let stock = Stock { on_hand, ..Stock::default() };
    let decide = |loaded: Loaded<'_>| {
        let change = Change::new(loaded.home.aggregate().clone(), &stock).unwrap();
        Ok::<_, String>(Decision::changes([change]).reply(Reply::success(&"received").unwrap()))
    };
    handle(store, &write, SystemTime::UNIX_EPOCH, |_| Vec::new(), decide).await.unwrap();
}

/// Until it is not worth trying again, as the queue does.
async fn carried_out(inventory: &Inventory<Slow>, envelope: &Envelope) -> Reply {
    loop {
        match inventory.carry_out(envelope, &|| SystemTime::UNIX_EPOCH).await {
            Ok(handled) => return handled.reply.unwrap(),
            Err(Failure::Transient { .. }) => {}
            Err(failure) => panic!("{failure}"),
        }
    }
}

#[tokio::test]
async fn of_many_orders_for_the_last_pieces_as_many_get_them_as_there_are_and_each_all_or_nothing() {
    let inventory = Arc::new(Inventory { store: Slow::default() });
    receive(&inventory.store, "tide-table", 7).await;
    receive(&inventory.store, "chart", 5).await;
    let orders = (0..20).map(|number| {
        let inventory = Arc::clone(&inventory);
        async move {
            // Every other names them the other way round.
            let mut lines = [("tide-table", 1), ("chart", 1)];
            if number % 2 == 0 {
                lines.reverse();
            }
            let envelope = command(&format!("ord_{number}"), "ReserveStock", &lines);
            matches!(carried_out(&inventory, &envelope).await, Reply::Success { .. })
        }
    });
    let tasks: Vec<_> = orders.map(tokio::spawn).collect();
    let mut reserved = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        if task.await.unwrap() {
            reserved.push(format!("ord_{number}"));
        }
    }
    assert_eq!(reserved.len(), 5);
    assert_eq!(stock(&inventory.store, "tide-table").await, Stock { on_hand: 2, reserved: 5, shipped: 0 });
    assert_eq!(stock(&inventory.store, "chart").await, Stock { on_hand: 0, reserved: 5, shipped: 0 });

    let (shipped, released) = (&reserved[0], &reserved[1]);
    for _ in 0..2 {
        carried_out(&inventory, &command(shipped, "ShipStock", &[])).await;
        carried_out(&inventory, &command(released, "ReleaseStock", &[])).await;
    }
    assert_eq!(stock(&inventory.store, "tide-table").await, Stock { on_hand: 3, reserved: 3, shipped: 1 });
}

#[tokio::test]
async fn a_release_that_comes_first_leaves_a_tombstone() {
    let inventory = Inventory { store: Slow::default() };
    receive(&inventory.store, "chart", 1).await;
    carried_out(&inventory, &command("ord_1", "ReleaseStock", &[])).await;
    let late = carried_out(&inventory, &command("ord_1", "ReserveStock", &[("chart", 1)])).await;
    assert!(matches!(late, Reply::Failure { error, .. } if error == "Compensated"));
    assert_eq!(stock(&inventory.store, "chart").await, Stock { on_hand: 1, reserved: 0, shipped: 0 });
}

#[tokio::test]
async fn what_does_not_fit_is_permanent() {
    let inventory = Inventory { store: Slow::default() };
    for envelope in [command("ord_1", "ShipStock", &[]), command("ord_1", "ConfirmOrder", &[])] {
        let failure = inventory.carry_out(&envelope, &|| SystemTime::UNIX_EPOCH).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { .. }), "{failure}");
    }
}

#[tokio::test]
async fn priming_writes_nothing() {
    let primed = PrimingTest::start("").await.consumer(|function| {
        let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), "inventory");
        let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
        Worker { ports: function.ports.clone(), tasks, service: Inventory { store } }
    });
    let primed = primed.await;
    assert!(primed.sent.iter().all(|it| ["GetItem", "HEAD /"].contains(&it.as_str())), "{primed:?}");
    assert_eq!((primed.letters, primed.retried), (vec![], false));
    assert_eq!(primed.ports.total(Metric::CommandHandled), 1, "the sample comes to its end");
}
