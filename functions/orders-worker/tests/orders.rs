//! What waits for a person, over a store in memory.

#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::time::{Duration, SystemTime};

use orders_worker::Orders;
use serde_json::{Value, json};
use tidegate_batch::Failure;
use tidegate_events::{Envelope, PlaceOrder};
use tidegate_orders::{Order, order};
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, CommandId, Decision, DynamoDbAggregates, Handled, Loaded, MemoryAggregates,
    Message, Reply, SfnTasks, Write, handle,
};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::PrimingTest;
use tidegate_worker::{Service, Worker};

const NOW: SystemTime = SystemTime::UNIX_EPOCH;

fn home() -> AggregateId {
    AggregateId::new("ord_1").unwrap()
}

async fn placed() -> Orders<MemoryAggregates> {
    let store = MemoryAggregates::default();
    let body = include_bytes!("../../../crates/events/tests/fixtures/place-order.json");
    let placed = PlaceOrder::parse(body).unwrap().placed_by("customer-mona".parse().unwrap());
    let order = order::place(placed, None, jiff::Timestamp::UNIX_EPOCH).state;
    let write = Write::command(CommandId::new("ord_1/PlaceOrder").unwrap(), home());
    let decide = |_: Loaded<'_>| {
        let change = Change::new(home(), &order).unwrap().index(order.index());
        Ok::<_, String>(Decision::changes([change]).reply(Reply::success(&"placed").unwrap()))
    };
    handle(&store, &write, NOW, |_| Vec::new(), decide).await.unwrap();
    Orders { store }
}

fn command(name: &str, token: Option<&str>, data: &Value) -> Envelope {
    let body = json!({
        "command": name, "version": 1, "command_id": format!("ord_1/{name}"), "order_id": "ord_1",
        "task_token": token, "data": data
    });
    Envelope::from_json(body.to_string().as_bytes()).unwrap()
}

fn park(token: &str) -> Envelope {
    park_of("UndoPayment", token)
}

fn park_of(step: &str, token: &str) -> Envelope {
    command("ParkCompensation", Some(token), &json!({"step": step, "error": {"Error": "States.Timeout"}}))
}

fn answer(answer: &str) -> Envelope {
    command("AnswerCompensation", None, &json!({"step": "UndoPayment", "answer": answer}))
}

impl Desk for Orders<MemoryAggregates> {}

trait Desk: Service {
    async fn carried_out(&self, envelope: &Envelope) -> Handled {
        self.carry_out(envelope, &|| NOW + Duration::from_secs(60)).await.unwrap()
    }
}

/// The replies of the newest version: to which token, and what.
async fn replies(orders: &Orders<MemoryAggregates>) -> Vec<(String, Reply)> {
    let image = orders.store.load(&home()).await.unwrap();
    let replies = image.outbox().iter().filter_map(|it| match it {
        Message::Reply { token, reply, .. } => Some((token.expose().to_owned(), reply.clone())),
        Message::Event(_) => None,
    });
    replies.collect()
}

async fn is_parked(orders: &Orders<MemoryAggregates>) -> bool {
    let image = orders.store.load(&home()).await.unwrap();
    let order: Order = image.state_as().unwrap().unwrap();
    assert_eq!(order.parked.is_some(), image.index().contains_key("parked"), "the index says the same");
    order.parked.is_some()
}

#[tokio::test]
async fn what_is_parked_is_answered_to_the_token_that_was_parked_last() {
    let orders = placed().await;
    orders.carried_out(&park("t1")).await;
    assert!(is_parked(&orders).await && replies(&orders).await.is_empty());
    orders.carried_out(&park("t2")).await;
    assert!(orders.carried_out(&park("t1")).await.repeated, "a late copy does not bring the old token back");

    orders.carried_out(&answer("retry")).await;
    let [(token, Reply::Failure { error, .. })] = &replies(&orders).await[..] else { panic!() };
    assert_eq!((token.as_str(), error.as_str()), ("t2", "RetryCompensation"));
    assert!(!is_parked(&orders).await);
    assert!(orders.carried_out(&answer("retry")).await.repeated, "said twice is once");
}

#[tokio::test]
async fn a_copy_of_an_answer_is_not_for_what_was_parked_since() {
    for since in [park("t2"), park_of("ReleaseStock", "t2")] {
        let orders = placed().await;
        orders.carried_out(&park("t1")).await;
        orders.carried_out(&answer("resolved")).await;
        assert_eq!(replies(&orders).await[0].0, "t1");
        orders.carried_out(&since).await;

        assert!(orders.carried_out(&answer("resolved")).await.repeated);
        assert!(replies(&orders).await.is_empty(), "nobody has answered what waits now");
        assert!(is_parked(&orders).await);
    }
}

#[tokio::test]
async fn an_answer_to_what_is_not_parked_is_permanent() {
    let orders = placed().await;
    let failure = orders.carry_out(&answer("resolved"), &|| NOW).await.unwrap_err();
    assert!(matches!(failure, Failure::Permanent { .. }), "{failure}");
    let nobody = Orders { store: MemoryAggregates::default() };
    let failure = nobody.carry_out(&command("ConfirmOrder", Some("t"), &json!({})), &|| NOW).await.unwrap_err();
    assert_eq!(failure, Failure::permanent("there is no such order"));
}

#[tokio::test]
async fn an_order_keeps_its_place_in_the_indexes_when_it_is_confirmed() {
    let orders = placed().await;
    orders.carried_out(&command("ConfirmOrder", Some("t"), &json!({}))).await;
    let image = orders.store.load(&home()).await.unwrap();
    assert_eq!(image.index().get("customer_id").map(String::as_str), Some("customer-mona"));
    assert_eq!(replies(&orders).await, [("t".to_owned(), Reply::success(&"confirmed").unwrap())]);
}

#[tokio::test]
async fn priming_writes_nothing() {
    let primed = PrimingTest::start("").await.consumer(|function| {
        let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), "orders");
        let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
        Worker { ports: function.ports.clone(), tasks, service: Orders { store } }
    });
    let primed = primed.await;
    assert!(primed.sent.iter().all(|it| ["GetItem", "HEAD /"].contains(&it.as_str())), "{primed:?}");
    assert_eq!((primed.letters, primed.retried), (vec![], false));
    assert_eq!(primed.ports.total(Metric::CommandHandled), 1, "the sample comes to its end");
}
