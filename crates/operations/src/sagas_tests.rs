use std::time::UNIX_EPOCH;

use tidegate_outbox::{AggregateId, AggregateStore as _, Change, Decision, Loaded, MemoryAggregates, Write, handle};

use super::*;
use crate::services::MemoryServices;

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:t-order-saga";

fn parked() -> Parked {
    Parked {
        step: CommandName::UndoPayment,
        error: "PermanentFailure".to_owned(),
        at: "2027-01-02T03:04:05.5Z".parse().unwrap(),
        token: Some("made-up-token".parse().unwrap()),
    }
}

fn execution(status: &str, is_final: bool) -> Execution {
    Execution {
        name: "ord_1".to_owned(),
        status: status.to_owned(),
        started_at_millis: 0,
        ended_at_millis: None,
        is_final,
    }
}

fn id() -> OrderId {
    "ord_1".parse().unwrap()
}

fn resources() -> Resources {
    let outputs =
        [("OrdersTableName", "orders"), ("OrderSagaArn", MACHINE), ("OrdersWorkerQueueUrl", "q/orders-worker")];
    Resources { outputs: outputs.map(|(key, value)| (key.to_owned(), value.to_owned())).into(), ..Resources::default() }
}

#[test]
fn an_answer_is_the_same_command_for_what_was_parked_then_and_another_for_what_is_parked_anew() {
    let first = answer_command(&id(), &parked(), ParkedAnswer::Retry).unwrap();
    assert_eq!(first.command_id.as_str(), "ord_1/AnswerCompensation/UndoPayment/2027-01-02T03:04:05.500000000Z");
    let read = Envelope::from_json(first.to_json().as_bytes()).unwrap();
    assert_eq!(read, first);
    let anew = Parked { at: "2027-01-03T03:04:05.5Z".parse().unwrap(), ..parked() };
    assert_ne!(answer_command(&id(), &anew, ParkedAnswer::Retry).unwrap().command_id, first.command_id);
}

#[test]
fn what_an_execution_parked_that_has_failed_waits_for_no_answer() {
    let parked = parked();
    for (status, waits) in [("RUNNING", true), ("FAILED", false), ("TIMED_OUT", false), ("ABORTED", false)] {
        assert_eq!(awaited(Some(&parked), Some(&execution(status, false))).is_some(), waits, "{status}");
    }
    assert!(awaited(Some(&parked), None).is_some(), "the order is parked, whatever became of the execution");
    assert!(awaited(None, Some(&execution("RUNNING", false))).is_none());
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
        let write = Write::command(first.clone(), order.clone());
        let decide = |_: Loaded<'_>| Ok::<_, String>(Decision::default().reply(reply.clone()));
        handle(&store, &write, UNIX_EPOCH, |_| Vec::new(), decide).await.unwrap();
        assert_eq!(counted(&store.load(&order).await.unwrap(), &first), Some(counts));
    }
}

/// Writes an order, as the worker does that carried out `command`.
async fn write(services: &MemoryServices, command: &str, order: &Order, reply: Reply) {
    let home = AggregateId::new("ord_1").unwrap();
    let write = Write::command(CommandId::new(command).unwrap(), home.clone());
    let decide = |_: Loaded<'_>| {
        let change = Change { index: order.index(), ..Change::new(home.clone(), order).unwrap() };
        Ok::<_, String>(Decision::changes([change]).reply(reply.clone()))
    };
    handle(&services.tables.aggregates("orders"), &write, UNIX_EPOCH, |_| Vec::new(), decide).await.unwrap();
}

fn order() -> Order {
    Order {
        customer_id: "customer".parse().unwrap(),
        lines: Vec::new(),
        total: tidegate_events::Money { minor_units: 500, currency: "EUR".parse().unwrap() },
        callback_url: None,
        placed_at: "2027-01-02T03:04:04Z".parse().unwrap(),
        status: tidegate_orders::OrderStatus::Placed,
        cancellation_requested: false,
        parked: Some(parked()),
        request_digest: None,
    }
}

async fn with_parked_order(execution: Execution) -> MemoryServices {
    let services = MemoryServices::default();
    services.executions.put(&execution_arn(MACHINE, "ord_1"), execution);
    write(&services, "park", &order(), Reply::success(&"parked").unwrap()).await;
    services
}

#[tokio::test(start_paused = true)]
async fn a_parked_compensation_is_answered_once_and_the_answer_that_arrives_first_counts() {
    let services = with_parked_order(execution("RUNNING", false)).await;
    let resources = resources();
    let sagas = Sagas::new(&services, &resources);
    assert_eq!(sagas.parked().await.unwrap()[0].parked, parked());

    let Retry::Answered(retried) = sagas.retry(&id()).await.unwrap() else { panic!("not answered") };
    let Resolve::Answered(resolved) = sagas.resolve(&id()).await.unwrap() else { panic!("not answered") };
    assert_eq!(services.queues.messages("q/orders-worker").len(), 2);
    assert_eq!(sagas.effect_of(&retried).await.unwrap(), Effect::NoneYet);

    let worked = Order { parked: None, ..order() };
    write(&services, resolved.command_id.as_str(), &worked, Reply::success(&"resolved").unwrap()).await;
    assert_eq!(sagas.effect_of(&resolved).await.unwrap(), Effect::Counts);
    assert_eq!(sagas.effect_of(&retried).await.unwrap(), Effect::Conflict);
    assert!(sagas.parked().await.unwrap().is_empty());
    assert!(matches!(sagas.resolve(&id()).await.unwrap(), Resolve::NothingParked));
}

#[tokio::test]
async fn an_answer_is_too_late_when_the_saga_continued_before_it() {
    let services = with_parked_order(execution("RUNNING", false)).await;
    let resources = resources();
    let sagas = Sagas::new(&services, &resources);
    let Retry::Answered(answer) = sagas.retry(&id()).await.unwrap() else { panic!("not answered") };
    write(&services, "another", &Order { parked: None, ..order() }, Reply::success(&"on").unwrap()).await;
    assert_eq!(sagas.effect_of(&answer).await.unwrap(), Effect::TooLate);
}

#[tokio::test]
async fn a_failed_execution_is_redriven_instead_of_answered() {
    let services = with_parked_order(execution("FAILED", false)).await;
    let resources = resources();
    let sagas = Sagas::new(&services, &resources);
    assert_eq!(sagas.failed().await.unwrap().len(), 1);
    assert!(matches!(sagas.resolve(&id()).await.unwrap(), Resolve::SagaFailed));
    assert!(matches!(sagas.retry(&id()).await.unwrap(), Retry::Redriven));
    assert!(sagas.failed().await.unwrap().is_empty());
    assert!(services.queues.messages("q/orders-worker").is_empty());
}

#[tokio::test]
async fn what_an_execution_parked_that_has_ended_for_good_is_resolved_without_it() {
    let services = with_parked_order(execution("FAILED", true)).await;
    let resources = resources();
    let resolved = Sagas::new(&services, &resources).resolve(&id()).await.unwrap();
    assert!(matches!(resolved, Resolve::AnsweredWithoutSaga(_)));
}

#[tokio::test]
async fn an_order_that_is_not_there_is_no_failure() {
    let (services, resources) = (MemoryServices::default(), resources());
    let sagas = Sagas::new(&services, &resources);
    assert!(matches!(sagas.retry(&id()).await.unwrap(), Retry::NoOrder));
    assert!(matches!(sagas.resolve(&id()).await.unwrap(), Resolve::NoOrder));
    assert!(sagas.show(&id()).await.unwrap().is_none());
}
