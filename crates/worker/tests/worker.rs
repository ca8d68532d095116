//! The worker over a queue, a saga and a store in memory, with a service that asks somebody outside.

#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::sync::Mutex;
use std::time::SystemTime;

use serde_json::json;
use tidegate_batch::{Failure, Reason};
use tidegate_events::{Command, Envelope, ErrorName, ShipmentId};
use tidegate_orders::shipment::{self, Answer, Request};
use tidegate_outbox::{AggregateId, AggregateStore, Handled, MemoryAggregates, Message, Reply};
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::Sample;
use tidegate_testkit::{RecordingSaga, TestConsumer, TestPorts};
use tidegate_worker::{Service, Worker, ask_and_commit};

/// Shipments with a carrier that answers as the test says, each time it is asked.
#[derive(Debug, Default)]
struct Shipments {
    store: MemoryAggregates,
    answers: Mutex<Vec<Result<Answer, Failure>>>,
    asked: Mutex<Vec<Request>>,
    /// What is handled by somebody else while the carrier is asked.
    meanwhile: Mutex<Option<Envelope>>,
}

impl Shipments {
    async fn ask(&self, request: Request, clock: &impl Fn() -> SystemTime) -> Result<Answer, Failure> {
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(envelope) = meanwhile {
            Box::pin(self.carry_out(&envelope, clock)).await.unwrap();
        }
        self.asked.lock().unwrap().push(request.clone());
        let told = self.answers.lock().unwrap().pop();
        told.unwrap_or_else(|| {
            Ok(match request {
                Request::Book { .. } => Answer::Booked { shipment_id: "shp_1".parse::<ShipmentId>().unwrap() },
                Request::Cancel { .. } => Answer::Cancelled,
            })
        })
    }
}

impl Service for Shipments {
    const SAMPLE: Sample = Sample { event: "", answers: &[] };

    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Shipment(_))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Shipment(wanted) = &envelope.command else { return Err(Failure::permanent("not a shipment's")) };
        let decide = |shipment: &_, answers: &[_]| shipment::decide(shipment, wanted, &envelope.order_id, answers);
        ask_and_commit(&self.store, envelope, clock, decide, async |request| self.ask(request, clock).await).await
    }
}

struct Desk(TestConsumer<Worker<Shipments, RecordingSaga>>);

impl Desk {
    fn new() -> Self {
        let (tasks, service) = (RecordingSaga::default(), Shipments::default());
        Self(TestConsumer::new(TestPorts::at(1_790_000_000), |ports| Worker { ports, tasks, service }))
    }

    async fn handle(&self, body: String) -> usize {
        self.0.handle([body]).await.len()
    }

    fn fails_next(&self, failure: Failure) {
        self.0.service.answers.lock().unwrap().push(Err(failure));
    }

    fn asked(&self) -> usize {
        self.0.service.asked.lock().unwrap().len()
    }

    /// Everything that was said of the order, in order: events by their last word, replies by theirs.
    async fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        for record in self.0.service.store.records_from(0) {
            for message in record.image().unwrap().unwrap().outbox() {
                said.push(match message {
                    Message::Event(event) => event.ty().rsplit('.').nth(1).unwrap().to_owned(),
                    Message::Reply { token, reply: Reply::Success { output }, .. } => {
                        format!("{} to {}", output.get(), token.expose())
                    }
                    Message::Reply { token, reply: Reply::Failure { error, .. }, .. } => {
                        format!("{error} to {}", token.expose())
                    }
                });
            }
        }
        said
    }
}

fn create(token: &str) -> String {
    let address = json!({"name": "Mona Example", "line1": "1 Harbour Street", "city": "Exampleton", "country": "DE"});
    command("CreateShipment", token, &json!({"lines": [{"sku": "tide-table", "quantity": 2}], "address": address}))
}

fn cancel(token: &str) -> String {
    command("CancelShipment", token, &json!({}))
}

fn command(name: &str, token: &str, data: &serde_json::Value) -> String {
    let id = format!("ord_1/{name}");
    let head = json!({"command": name, "version": 1, "command_id": id, "order_id": "ord_1", "task_token": token});
    let mut body = head;
    body["data"] = data.clone();
    body.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_command_is_asked_about_once_and_its_copies_are_answered_the_same() {
    let desk = Desk::new();
    assert_eq!(desk.handle(create("t1")).await, 0);
    assert_eq!(desk.handle(create("t1")).await, 0);
    assert_eq!(desk.handle(create("t2")).await, 0, "a redriven saga asks with another token");
    assert_eq!(desk.asked(), 1);
    assert_eq!(desk.said().await, ["shipment-created", "\"created\" to t1", "\"created\" to t2"]);
    let home = desk.0.service.store.load(&AggregateId::new("ord_1").unwrap()).await.unwrap();
    assert_eq!(home.version().0, 3, "what will be asked, what came of it, the second answer");
    let counted = |metric| desk.0.count(metric);
    assert_eq!((counted(Metric::CommandHandled), counted(Metric::CommandDuplicate)), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_buys_time_from_the_saga_and_comes_back() {
    let desk = Desk::new();
    desk.fails_next(Failure::transient("the carrier is busy"));
    assert_eq!(desk.handle(create("t1")).await, 1);
    assert_eq!(desk.0.tasks.heartbeats(), ["t1"]);
    assert_eq!(desk.0.delays().len(), 1);
    assert!(desk.said().await.is_empty(), "that it will be asked is written, and nothing is said");

    assert_eq!(desk.handle(create("t1")).await, 0);
    assert_eq!(desk.said().await, ["shipment-created", "\"created\" to t1"]);
}

#[tokio::test(start_paused = true)]
async fn a_saga_that_cannot_be_reached_does_not_hold_up_the_back_off() {
    let desk = Desk::new();
    desk.0.tasks.is_away(true);
    desk.fails_next(Failure::transient("the carrier is busy"));
    assert_eq!(desk.handle(create("t1")).await, 1);
    assert_eq!(desk.0.delays().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_told_to_the_saga_and_leaves_no_proof() {
    let desk = Desk::new();
    desk.fails_next(Failure::permanent("the carrier does not know us"));
    assert_eq!(desk.handle(create("t1")).await, 0);
    let failed = ("t1".to_owned(), ErrorName::PermanentFailure, "the carrier does not know us".to_owned());
    assert_eq!(desk.0.tasks.failures(), [failed]);
    let letters = desk.0.letters();
    assert_eq!(letters, [("m0".to_owned(), Reason::Permanent, "the carrier does not know us".to_owned())]);

    assert_eq!(desk.handle(create("t2")).await, 0, "brought back, it is really tried again");
    assert_eq!(desk.said().await, ["shipment-created", "\"created\" to t2"]);
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_that_the_saga_does_not_hear_of_is_not_set_aside_yet() {
    let desk = Desk::new();
    desk.0.tasks.is_away(true);
    desk.fails_next(Failure::permanent("the carrier does not know us"));
    assert_eq!(desk.handle(create("t1")).await, 1);
    assert!(desk.0.letters().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_compensation_that_comes_in_between_wins_and_the_action_learns_of_it() {
    let desk = Desk::new();
    let envelope = Envelope::from_json(cancel("t2").as_bytes()).unwrap();
    *desk.0.service.meanwhile.lock().unwrap() = Some(envelope);
    assert_eq!(desk.handle(create("t1")).await, 0);
    assert_eq!(
        desk.said().await,
        ["shipment-created", "shipment-cancelled", "\"cancelled\" to t2", "Compensated to t1"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fits_only_what_came_in_between_is_no_reason_to_give_up() {
    let desk = Desk::new();
    let envelope = Envelope::from_json(cancel("t2").as_bytes()).unwrap();
    *desk.0.service.meanwhile.lock().unwrap() = Some(envelope);
    let booked = Answer::Booked { shipment_id: "shp_1".parse().unwrap() };
    // The last first: the compensation books and cancels, and the carrier tells the action of that.
    desk.0.service.answers.lock().unwrap().extend([Ok(Answer::Cancelled), Ok(Answer::Cancelled), Ok(booked)]);
    assert_eq!(desk.handle(create("t1")).await, 0);
    assert_eq!(desk.asked(), 3);
    assert_eq!(desk.said().await.last().unwrap(), "Compensated to t1");
    assert!(desk.0.letters().is_empty() && desk.0.tasks.failures().is_empty());

    desk.0.service.answers.lock().unwrap().push(Ok(Answer::HandedOver));
    assert_eq!(desk.handle(create("t1").replace("ord_1", "ord_2")).await, 0);
    assert_eq!(desk.0.letters()[0].1, Reason::Permanent, "nobody came in between: a person has to look");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_command_is_set_aside_and_another_services_is_told_to_the_saga() {
    let desk = Desk::new();
    for body in ["", "{}", "[]", "not JSON", r#"{"command": "DanceAround"}"#] {
        assert_eq!(desk.handle(body.to_owned()).await, 0);
        assert_eq!(desk.0.letters()[0].1, Reason::Undecodable, "{body}");
    }
    assert_eq!(desk.handle(command("ConfirmOrder", "t1", &json!({}))).await, 0);
    assert_eq!(desk.0.letters()[0].1, Reason::Permanent);
    assert_eq!(desk.0.tasks.failures()[0].1, ErrorName::PermanentFailure);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_says_nothing_to_the_service_is_passed_over() {
    let desk = Desk::new();
    let nothing_follows = include_str!("../../events/tests/fixtures/events/stock-reserved.json");
    let another_services = include_str!("../../events/tests/fixtures/events/order-confirmed.json");
    for event in [nothing_follows, another_services] {
        assert_eq!(desk.handle(event.to_owned()).await, 0);
        assert!(desk.0.letters().is_empty() && desk.said().await.is_empty());
    }
}
