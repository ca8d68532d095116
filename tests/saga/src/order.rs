//! The order saga: its services, what happens beside it, what must hold of its books, and what is broken on purpose.

mod broken;
pub mod services;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_events::{
    About, Command, CommandName, Envelope, ErrorName, ORDER_SAGA, OrderCommand, OrderEvent, OrderPlaced, ParkedAnswer,
    PaymentCommand, PaymentFact, PaymentOf, PlaceOrder, SagaInput,
};
use tidegate_orders::{Completion, Order, OrderStatus, Stock, Transition, order};

use self::services::{Intent, Services, Stepped, Temper, Worker};
use crate::{Circumstance, Table, World};

/// What it has to bear.
pub const TABLE: Table<OrderWorld> = Table {
    saga: ORDER_SAGA,
    world: || OrderWorld::new([5, 5], Temper::Willing),
    circumstances: &[
        Circumstance {
            name: "sold out",
            at: |step| step == CommandName::ReserveStock,
            too_late_at: &[],
            happens: |world| {
                world.on_hand[1] = 0;
                world.services.stock.state.1[1].on_hand = 0;
            },
        },
        Circumstance {
            name: "declined",
            at: |step| step == CommandName::AuthorisePayment,
            too_late_at: &[],
            happens: |world| world.services.provider.temper = Temper::Declines,
        },
        Circumstance {
            name: "not served",
            at: |step| step == CommandName::CreateShipment,
            too_late_at: &[],
            happens: |world| world.services.carrier.temper = Temper::Refuses,
        },
        Circumstance {
            name: "expired",
            at: |step| step == CommandName::CapturePayment,
            too_late_at: &[],
            happens: OrderWorld::authorisations_lapse,
        },
        // The payment is where the request and the capture meet: whichever is written first wins (decision 0019).
        Circumstance {
            name: "cancelled by its customer",
            at: |_| true,
            too_late_at: &[CommandName::ConfirmOrder],
            happens: |world| {
                let decision = order::request_cancellation(&world.services.order.state);
                world.write_order(decision);
            },
        },
    ],
    broken_machines: broken::MACHINES,
    broken_worlds: broken::WORLDS,
};

const BODY: &[u8] = include_bytes!("../../../crates/events/tests/fixtures/place-order.json");

/// The services with one order, of two SKUs.
#[derive(Debug)]
pub struct OrderWorld {
    pub services: Services,
    pub input: SagaInput,
    pub happened: Vec<OrderEvent>,
    /// How much there is of each SKU.
    on_hand: Vec<u64>,
    broken: Broken,
    invalid: Vec<String>,
}

/// Answers in a service's place, or spoils what it keeps.
type Broken = fn(&mut Services, &Command) -> Option<Completion>;

fn placed() -> OrderPlaced {
    PlaceOrder::parse(BODY).unwrap().placed_by("customer-mona".parse().unwrap())
}

impl OrderWorld {
    /// An order of 2 and 1 of two SKUs, of which there is so much.
    pub fn new(on_hand: [u64; 2], temper: Temper) -> Self {
        let placed = placed();
        let input = SagaInput {
            order_id: "ord_1".parse().unwrap(),
            correlation_id: Some("made-up-correlation".parse().unwrap()),
            traceparent: Some("00-0123456789abcdef0123456789abcdef-0123456789abcdef-01".to_owned()),
            lines: placed.lines.iter().map(|priced| priced.line.clone()).collect(),
            amount: placed.total,
            payment_method: placed.payment_method.clone(),
            address: placed.address.clone(),
        };
        let stocks = on_hand.iter().map(|count| Stock { on_hand: *count, ..Stock::default() }).collect();
        let placed = order::place(placed, None, Timestamp::UNIX_EPOCH);
        Self {
            services: Services::new(placed.state, stocks, temper),
            input,
            happened: placed.events,
            on_hand: on_hand.to_vec(),
            broken: |_, _| None,
            invalid: Vec::new(),
        }
    }

    fn broken(broken: Broken) -> Self {
        Self { broken, ..Self::new([5, 5], Temper::Willing) }
    }

    /// The provider lets go of what was not captured.
    pub fn authorisations_lapse(&mut self) {
        for intent in &mut self.services.provider.intents {
            if matches!(intent, Intent::Authorised(_)) {
                *intent = Intent::Cancelled;
            }
        }
    }

    /// A person gives the money back at the provider. What the provider then reports.
    pub fn undo_by_hand(&mut self) -> Option<Envelope> {
        for intent in &mut self.services.provider.intents {
            *intent = match intent {
                Intent::Authorised(_) | Intent::Waiting | Intent::Cancelled => Intent::Cancelled,
                Intent::Captured(_) | Intent::Refunded => Intent::Refunded,
            };
        }
        self.provider_report()
    }

    /// What the provider reports by itself.
    pub fn provider_report(&self) -> Option<Envelope> {
        let status = match self.services.provider.intents.first()? {
            Intent::Captured(_) => PaymentFact::Captured,
            Intent::Cancelled => PaymentFact::Cancelled,
            Intent::Refunded => PaymentFact::Refunded,
            Intent::Waiting | Intent::Authorised(_) => return None,
        };
        Some(Envelope {
            command_id: format!("/webhooks/stripe/{status:?}").parse().unwrap(),
            order_id: self.input.order_id.clone(),
            task_token: None,
            correlation_id: None,
            traceparent: None,
            command: Command::Payment(PaymentCommand::Reconcile { status }),
        })
    }

    /// Publishes an event. The command that follows from it.
    pub fn publish(&mut self, event: OrderEvent) -> Option<Envelope> {
        let about = About {
            order_id: &self.input.order_id,
            time: Timestamp::UNIX_EPOCH,
            cause: None,
            correlation_id: None,
            traceparent: None,
        };
        let published = event.to_cloudevent(&about).id(format!("ord_1/{}/0", self.happened.len())).build().unwrap();
        self.happened.push(event);
        Envelope::following(&published).unwrap()
    }

    fn write_order(&mut self, transition: Transition<Order>) -> Completion {
        let (completion, events) = self.services.write_order(transition);
        self.publish_all(events);
        completion
    }

    fn publish_all(&mut self, events: Vec<OrderEvent>) {
        for event in events {
            if let Some(following) = self.publish(event) {
                self.handle(&following);
            }
        }
    }

    fn invalid(&mut self, error: impl ToString) -> Completion {
        self.invalid.push(error.to_string());
        Completion::Refused { error: ErrorName::PermanentFailure, cause: "made up" }
    }

    fn count(&self, is_counted: fn(&OrderEvent) -> bool) -> usize {
        self.happened.iter().filter(|event| is_counted(event)).count()
    }

    fn sum(&self, payment: fn(&OrderEvent) -> Option<&PaymentOf>) -> u64 {
        self.happened.iter().filter_map(payment).map(|payment| payment.amount.minor_units).sum()
    }
}

impl World for OrderWorld {
    const ENDS: [&'static str; 2] = ["confirmed", "cancelled"];

    fn input(&self) -> Value {
        serde_json::to_value(&self.input).unwrap()
    }

    fn handle(&mut self, envelope: &Envelope) -> Completion {
        let known = self.services.proof(envelope);
        if let Some(completion) = known.or_else(|| (self.broken)(&mut self.services, &envelope.command)) {
            return completion;
        }
        let mut worker = Worker::new(envelope.clone());
        loop {
            match self.services.step(&mut worker) {
                Stepped::More => {}
                Stepped::Handled(completion, events) => {
                    self.publish_all(events);
                    return completion;
                }
                Stepped::Invalid(error) => return self.invalid(error),
            }
        }
    }

    fn die(&mut self, envelope: &Envelope) {
        self.services.die(&mut Worker::new(envelope.clone()));
    }

    fn answer_parked(&mut self, step: CommandName, answer: ParkedAnswer) -> Completion {
        if (step, answer) == (CommandName::UndoPayment, ParkedAnswer::Resolved)
            && let Some(report) = self.undo_by_hand()
        {
            self.handle(&report);
        }
        let command = OrderCommand::Answer { step, answer };
        match order::decide(&self.services.order.state, &command, None, Timestamp::UNIX_EPOCH) {
            Ok(decision) => self.write_order(decision),
            Err(error) => self.invalid(error),
        }
    }

    fn is_parked(&self) -> bool {
        self.services.order.state.parked.as_ref().is_some_and(|parked| parked.token.is_some())
    }

    fn forget_proofs(&mut self) {
        self.services.forget_proofs();
    }

    fn end(&self) -> &'static str {
        match self.services.order.state.status {
            OrderStatus::Placed => "placed",
            OrderStatus::Withdrawn => "withdrawn",
            OrderStatus::Confirmed => "confirmed",
            OrderStatus::Cancelled { .. } => "cancelled",
        }
    }

    fn imbalances(&self) -> Vec<String> {
        let mut found = self.invalid.clone();
        for (stock, on_hand) in self.services.stock.state.1.iter().zip(&self.on_hand) {
            if stock.on_hand + stock.reserved + stock.shipped != *on_hand {
                found.push(format!("stock is not conserved: {stock:?}"));
            }
        }
        let ends = self.count(|event| matches!(event, OrderEvent::OrderConfirmed(_) | OrderEvent::OrderCancelled(_)));
        if ends > 1 {
            found.push(format!("an order has one end: {:?}", self.happened));
        }
        if self.services.provider.intents.iter().filter(|intent| **intent != Intent::Cancelled).count() > 1 {
            found.push("money is asked for twice".to_owned());
        }
        found
    }

    fn loose_ends(&self) -> Vec<String> {
        let order = &self.services.order.state;
        let confirmed = match order.status {
            OrderStatus::Confirmed => true,
            OrderStatus::Cancelled { .. } => false,
            unfinished @ (OrderStatus::Placed | OrderStatus::Withdrawn) => {
                return vec![format!("the order is {unfinished:?}")];
            }
        };
        let mut found = Vec::new();
        let mut expect = |holds: bool, otherwise: &str| {
            if !holds {
                found.push(format!("{otherwise}: {:?} {:?}", self.services, self.happened));
            }
        };
        let told_confirmed = self.count(|event| matches!(event, OrderEvent::OrderConfirmed(_)));
        let told_cancelled = self.count(|event| matches!(event, OrderEvent::OrderCancelled(_)));
        let told = (told_confirmed, told_cancelled);
        expect(told == (usize::from(confirmed), usize::from(!confirmed)), "its end was published otherwise");
        expect(order.parked.is_none(), "a compensation is still parked");

        for (stock, line) in self.services.stock.state.1.iter().zip(&self.input.lines) {
            let shipped = if confirmed { line.quantity.count() } else { 0 };
            expect((stock.reserved, stock.shipped) == (0, shipped), "stock is left");
        }

        let kept = if confirmed { self.input.amount.minor_units } else { 0 };
        let authorised = self.sum(|it| if let OrderEvent::PaymentAuthorised(it) = it { Some(it) } else { None });
        let captured = self.sum(|it| if let OrderEvent::PaymentCaptured(it) = it { Some(it) } else { None });
        let voided = self.sum(|it| if let OrderEvent::PaymentVoided(it) = it { Some(it) } else { None });
        let expired = self.sum(|it| if let OrderEvent::PaymentExpired(it) = it { Some(it) } else { None });
        let refunded = self.sum(|it| if let OrderEvent::PaymentRefunded(it) = it { Some(it) } else { None });
        expect(authorised == captured + voided + expired, "an authorisation is left open");
        expect(captured == refunded + kept, "money is kept, or given back, that should not be");
        let is_open = |intent: &Intent| matches!(intent, Intent::Authorised(_) | Intent::Waiting);
        expect(!self.services.provider.intents.iter().any(is_open), "money is left waiting at the provider");
        let ours = |intent: &Intent| if let Intent::Captured(amount) = intent { amount.minor_units } else { 0 };
        expect(self.services.provider.intents.iter().map(ours).sum::<u64>() == kept, "the provider has kept otherwise");

        let live = self.services.carrier.live.values().filter(|live| **live).count();
        expect(live == usize::from(confirmed), "the carrier has other bookings");
        let created = self.count(|event| matches!(event, OrderEvent::ShipmentCreated(_)));
        let cancelled = self.count(|event| matches!(event, OrderEvent::ShipmentCancelled(_)));
        expect(created == cancelled + live, "a booking is left open");
        found
    }

    fn state(&self) -> String {
        let Services { order, stock, payment, shipment, provider, carrier } = &self.services;
        let (status, payment) = (order.state.status, &payment.state.status);
        format!("{status:?} {:?} {payment:?} {:?} {:?} {carrier:?}", stock.state, shipment.state, provider.intents)
    }
}
