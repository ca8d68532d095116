//! Commands as the saga sends them, and the worker with everything it stands on. All ids and tokens are made up.

use std::sync::Arc;
use std::time::Duration;

use payments_worker::Payments;
use payments_worker::stripe::StripeClient;
use serde_json::json;
use tidegate_cloudevents::{Event, messaging};
use tidegate_events::{
    About, Command, CommandName, CompensationAnswered, Envelope, Money, Nothing, OrderEvent, OrderId, ParkedAnswer,
    PaymentCommand,
};
use tidegate_orders::{Payment, PaymentStatus};
use tidegate_outbox::{AggregateId, AggregateStore, MemoryAggregates, Message, Reply as Answer};
use tidegate_runtime::priming::Priming;
use tidegate_testkit::{MemorySecrets, RecordingSaga, TestConsumer, TestPorts};
use tidegate_worker::Worker;

use crate::stub::{KEY, Stub};

pub(crate) const VISA: &str = "pm_card_visa";

/// The body of a command's message: `token` is what waits for its answer.
pub(crate) fn command(name: &str, token: &str, command: PaymentCommand) -> String {
    let envelope = Envelope {
        command_id: format!("ord_17/{name}").parse().unwrap(),
        order_id: order(),
        task_token: Some(token.parse().unwrap()),
        correlation_id: Some("ord_17".parse().unwrap()),
        traceparent: None,
        command: Command::Payment(command),
    };
    envelope.to_json()
}

pub(crate) fn authorise(method: &str, token: &str) -> String {
    let amount = Money { minor_units: 6500, currency: "EUR".parse().unwrap() };
    command("AuthorisePayment", token, PaymentCommand::Authorise { amount, payment_method: method.parse().unwrap() })
}

pub(crate) fn capture(token: &str) -> String {
    command("CapturePayment", token, PaymentCommand::Capture {})
}

pub(crate) fn undo(token: &str) -> String {
    command("UndoPayment", token, PaymentCommand::Undo {})
}

/// The customer's wish, as `orders-api` tells it.
pub(crate) fn cancellation_requested() -> String {
    happened(&OrderEvent::OrderCancellationRequested(Nothing {}))
}

/// A person has undone a step by hand, as `orders-worker` tells it.
pub(crate) fn resolved(step: CommandName) -> String {
    let answer = ParkedAnswer::Resolved;
    happened(&OrderEvent::CompensationAnswered(CompensationAnswered { step, answer }))
}

fn happened(event: &OrderEvent) -> String {
    let time = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    let about = About { order_id: &order(), time, cause: None, correlation_id: None, traceparent: None };
    messaging::to_body(&event.to_cloudevent(&about).id("ord_17/2/0").build().unwrap())
}

/// What Stripe tells by itself, as `receive-webhook` publishes it.
pub(crate) fn told(source: &str, ty: &str, order: &str) -> String {
    let object = json!({"id": "pi_1", "metadata": {"order_id": order}, "captured": true, "refunded": true});
    let told = json!({"id": "evt_1", "type": ty, "data": {"object": object}});
    let event = Event::builder("evt_1", source, format!("com.stripe.{ty}")).subject("pi_1").data_of(&told);
    messaging::to_body(&event.build().unwrap())
}

fn order() -> OrderId {
    "ord_17".parse().unwrap()
}

fn home() -> AggregateId {
    AggregateId::new("ord_17").unwrap()
}

/// The worker, and Stripe.
pub(crate) struct Desk {
    pub(crate) worker: TestConsumer<Worker<Payments<MemoryAggregates>, RecordingSaga>>,
    pub(crate) secrets: MemorySecrets,
    pub(crate) stripe: Stub,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let stripe = Stub::start().await;
        let secrets = MemorySecrets::default();
        let service = Payments {
            store: MemoryAggregates::default(),
            account: payments_worker::document(Arc::new(secrets.clone()), "tidegate"),
            stripe: StripeClient::new(Duration::from_millis(500), &Priming::default()),
        };
        let (ports, tasks) = (TestPorts::at(1_790_000_000), RecordingSaga::default());
        let worker = TestConsumer::new(ports, |ports| Worker { ports, tasks, service });
        let desk = Self { worker, secrets, stripe };
        desk.configure(KEY);
        desk
    }

    pub(crate) fn configure(&self, key: &str) {
        let document = json!({"api_key": key, "api_url": self.stripe.api_url.to_string()});
        self.secrets.put("tidegate/stripe", document.to_string());
    }

    /// Handles a batch and returns the ids of the messages that stay in the queue.
    pub(crate) async fn handle<const N: usize>(&self, bodies: [String; N]) -> Vec<String> {
        self.worker.handle(bodies).await
    }

    /// Handles one message that is acknowledged, and returns what its commits say: the words of events, and answers.
    pub(crate) async fn says(&self, body: String) -> Vec<String> {
        let before = self.worker.service.store.records_from(0).len();
        assert_eq!(self.handle([body]).await, [""; 0], "{:?}", self.worker.delays());
        assert_eq!(self.worker.letters(), []);
        self.said_since(before)
    }

    pub(crate) fn said_since(&self, position: usize) -> Vec<String> {
        let records = self.worker.service.store.records_from(position);
        let images = records.iter().map(|it| it.image().unwrap().unwrap());
        images.flat_map(|it| it.outbox().iter().map(word).collect::<Vec<_>>()).collect()
    }

    pub(crate) async fn status(&self) -> PaymentStatus {
        let image = self.worker.service.store.load(&home()).await.unwrap();
        image.state_as::<Payment>().unwrap().unwrap_or_default().status
    }

    /// What Stripe was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.stripe.requests().into_iter().map(|it| it.line).collect()
    }
}

/// `payment-authorised`, or `t1: "authorised"`, or `t1: PaymentDeclined`.
fn word(message: &Message) -> String {
    match message {
        Message::Event(event) => {
            let word = event.ty().strip_prefix("com.tidegate.orders.").and_then(|it| it.strip_suffix(".v1"));
            assert_eq!(event.subject(), Some("ord_17"));
            word.unwrap().to_owned()
        }
        Message::Reply { token, reply: Answer::Success { output }, .. } => {
            format!("{}: {}", token.expose(), output.get())
        }
        Message::Reply { token, reply: Answer::Failure { error, .. }, .. } => format!("{}: {error}", token.expose()),
    }
}
