//! An order from placing to its end, with everything that may come in between, and the laws that hold throughout.

use jiff::Timestamp;
use tidegate_events::{
    Command, CommandName, Envelope, OrderCommand, OrderEvent, OrderPlaced, ParkedAnswer, PaymentCommand, PaymentFact,
    PlaceOrder, Quantity, SagaInput, TaskToken,
};
use tidegate_orders::{Completion, OrderStatus, Parked, PaymentStatus, Reservation, Shipment, Stock, order};

use crate::saga::{Saga, following};
use crate::services::{Intent, Services, Stepped, Temper, Worker, is_park};

/// Something that may happen next. The number says to which message or worker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Deliver(usize),
    DeliverTwice(usize),
    Step(usize),
    Crash(usize),
    FailForGood(usize),
    Timeout,
    Customer,
    Person(ParkedAnswer),
    ProviderTells,
    Lapse,
}

pub(crate) struct World {
    pub(crate) services: Services,
    pub(crate) saga: Saga,
    input: SagaInput,
    waiting: Vec<Envelope>,
    queued: Vec<Envelope>,
    asleep: Vec<Worker>,
    dead: Vec<Envelope>,
    sent: Vec<Envelope>,
    workers: Vec<Worker>,
    pub(crate) happened: Vec<OrderEvent>,
    on_hand: Vec<u64>,
}

const BODY: &[u8] = include_bytes!("../../../events/tests/fixtures/place-order.json");

fn placed() -> OrderPlaced {
    PlaceOrder::parse(BODY).unwrap().placed_by("customer-mona".parse().unwrap())
}

impl World {
    /// An order of 2 and 1 of two SKUs, of which there is so much.
    pub(crate) fn new(on_hand: [u64; 2], temper: Temper) -> Self {
        let placed = placed();
        let input = SagaInput {
            order_id: "ord_1".parse().unwrap(),
            correlation_id: None,
            traceparent: None,
            lines: placed.lines.iter().map(|it| it.line.clone()).collect(),
            amount: placed.total,
            payment_method: placed.payment_method.clone(),
            address: placed.address.clone(),
        };
        let stocks = on_hand.iter().map(|it| Stock { on_hand: *it, ..Stock::default() }).collect();
        let placed = order::place(placed, None, Timestamp::UNIX_EPOCH);
        let (saga, first) = Saga::start(input.clone());
        let mut world = Self {
            services: Services::new(placed.state, stocks, temper),
            saga,
            input,
            waiting: Vec::new(),
            queued: Vec::new(),
            asleep: Vec::new(),
            dead: Vec::new(),
            sent: Vec::new(),
            workers: Vec::new(),
            happened: placed.events,
            on_hand: on_hand.to_vec(),
        };
        world.send(first);
        world
    }

    /// Does what can be done of an act.
    pub(crate) fn act(&mut self, act: Act) {
        match act {
            Act::Deliver(at) if !self.waiting.is_empty() => {
                let envelope = self.waiting.swap_remove(at % self.waiting.len());
                self.workers.push(Worker::new(envelope));
            }
            Act::DeliverTwice(at) if !self.waiting.is_empty() => {
                let envelope = self.waiting[at % self.waiting.len()].clone();
                self.workers.push(Worker::new(envelope));
            }
            Act::Step(at) if !self.workers.is_empty() => self.step(at % self.workers.len()),
            Act::Crash(at) if !self.workers.is_empty() => {
                let worker = self.workers.swap_remove(at % self.workers.len());
                self.waiting.push(worker.envelope);
            }
            // To the dead letters, and the asker is told; nothing is written, so that a redriven copy really tries.
            Act::FailForGood(at) if !self.workers.is_empty() => {
                let worker = self.workers.swap_remove(at % self.workers.len());
                self.dead.push(worker.envelope.clone());
                if let Some(token) = worker.envelope.task_token.filter(|it| *it == self.saga.token())
                    && !matches!(self.saga.state, None | Some(CommandName::ParkCompensation))
                {
                    let next = self.saga.answered(&token, permanent());
                    self.send_next(next);
                }
            }
            Act::Timeout if !matches!(self.saga.state, None | Some(CommandName::ParkCompensation)) => {
                let next = self.saga.failed("States.Timeout");
                self.send_next(next);
            }
            Act::Customer => {
                let decision = order::request_cancellation(&self.services.order.state);
                let (_, events) = self.services.write_order(decision);
                self.tell(events);
            }
            Act::Person(answer) if self.saga.state == Some(CommandName::ParkCompensation) => {
                // A person sees what is parked once it is written down.
                if let Some(Parked { step, token, .. }) = self.services.order.state.parked.clone() {
                    if (step, answer) == (CommandName::UndoPayment, ParkedAnswer::Resolved) {
                        self.undo_by_hand();
                    }
                    let answer = OrderCommand::Answer { step, answer };
                    let order = &self.services.order.state;
                    let decision = order::decide(order, &answer, None, Timestamp::UNIX_EPOCH).unwrap();
                    let (completion, events) = self.services.write_order(decision);
                    self.tell(events);
                    self.completion(token, completion);
                }
            }
            Act::ProviderTells => self.provider_tells(),
            Act::Lapse => {
                for intent in &mut self.services.provider.intents {
                    if matches!(intent, Intent::Authorised(_)) {
                        *intent = Intent::Cancelled;
                    }
                }
            }
            _ => {}
        }
        self.laws_that_always_hold();
    }

    /// Nothing goes wrong any more: everything is delivered, dead letters too, until nothing is left to do.
    pub(crate) fn finish(&mut self) {
        for _ in 0..10_000 {
            match () {
                () if !self.workers.is_empty() => self.act(Act::Step(0)),
                () if !self.waiting.is_empty() => self.act(Act::Deliver(0)),
                () if !self.dead.is_empty() => self.waiting.append(&mut self.dead),
                () if self.saga.state == Some(CommandName::ParkCompensation) => {
                    self.act(Act::Person(ParkedAnswer::Retry))
                }
                () if self.saga.state.is_some() => self.act(Act::Timeout),
                () => return,
            }
        }
        panic!("the saga does not end: {:?}", self.saga.state);
    }

    /// Everything that was ever sent comes again, after the end. Nothing may change and nothing may happen.
    pub(crate) fn repeat_everything(&mut self) {
        let before = (self.states(), self.happened.clone());
        for envelope in self.sent.clone() {
            self.waiting.push(envelope);
        }
        self.finish();
        assert_eq!(before, (self.states(), self.happened.clone()));

        self.services.forget_proofs();
        for envelope in self.sent.clone() {
            if !is_park(&envelope) {
                self.waiting.insert(0, envelope);
            }
        }
        self.finish();
        assert_eq!(before, (self.states(), self.happened.clone()));
    }

    pub(crate) fn is_working(&self) -> bool {
        !self.workers.is_empty()
    }

    /// Messages stay in their queues and workers sleep, for much later.
    pub(crate) fn set_aside(&mut self) {
        self.queued.append(&mut self.waiting);
        self.asleep.append(&mut self.workers);
    }

    pub(crate) fn bring_back(&mut self) {
        self.waiting.append(&mut self.queued);
        self.workers.append(&mut self.asleep);
    }

    /// Everything that can be done without anything going wrong, but for waiting longer.
    pub(crate) fn carry_out(&mut self) {
        while self.is_working() || !self.waiting.is_empty() {
            self.act(if self.is_working() { Act::Step(0) } else { Act::Deliver(0) });
        }
    }

    /// One message from its delivery to its end.
    pub(crate) fn carry_one_out(&mut self) {
        self.act(Act::Deliver(0));
        while self.is_working() {
            self.act(Act::Step(0));
        }
    }

    /// The message that was sent last, from its delivery to its end; those before it stay where they are.
    pub(crate) fn carry_the_newest_out(&mut self) {
        let working = self.workers.len();
        self.act(Act::Deliver(self.waiting.len().saturating_sub(1)));
        while self.workers.len() > working {
            self.act(Act::Step(working));
        }
    }

    /// Every message of a command on its way is lost: to the dead letters, and never brought back.
    pub(crate) fn lose(&mut self, command: CommandName) {
        self.waiting.retain(|it| it.command.name() != command);
        self.workers.retain(|it| it.envelope.command.name() != command);
    }

    fn states(&self) -> (OrderStatus, (Reservation, Vec<Stock>), PaymentStatus, Shipment, Vec<Intent>) {
        let services = &self.services;
        (
            services.order.state.status,
            services.stock.state.clone(),
            services.payment.state.status.clone(),
            services.shipment.state.clone(),
            services.provider.intents.clone(),
        )
    }

    fn step(&mut self, at: usize) {
        match self.services.step(&mut self.workers[at]) {
            Stepped::More => {}
            Stepped::Handled(completion, events) => {
                let worker = self.workers.swap_remove(at);
                self.tell(events);
                self.completion(worker.envelope.task_token, completion);
            }
            Stepped::Unfit(invalid) => panic!("{invalid}: {:?}", self.happened),
        }
    }

    /// A person gives the money back at the provider, who tells of it.
    fn undo_by_hand(&mut self) {
        for intent in &mut self.services.provider.intents {
            *intent = match intent {
                Intent::Authorised(_) | Intent::Waiting | Intent::Cancelled => Intent::Cancelled,
                Intent::Captured(_) | Intent::Refunded => Intent::Refunded,
            };
        }
        self.provider_tells();
    }

    fn provider_tells(&mut self) {
        let status = match self.services.provider.intents.first() {
            Some(Intent::Captured(_)) => PaymentFact::Captured,
            Some(Intent::Cancelled) => PaymentFact::Cancelled,
            Some(Intent::Refunded) => PaymentFact::Refunded,
            _ => return,
        };
        let command = Command::Payment(PaymentCommand::Reconcile { status });
        let command_id = format!("/webhooks/stripe/{status:?}").parse().unwrap();
        let order_id = self.input.order_id.clone();
        self.send(Envelope {
            command_id,
            order_id,
            task_token: None,
            correlation_id: None,
            traceparent: None,
            command,
        });
    }

    fn tell(&mut self, events: Vec<OrderEvent>) {
        for event in events {
            if let Some(envelope) = following(&event, &self.input, self.happened.len()) {
                self.send(envelope);
            }
            self.happened.push(event);
        }
    }

    fn completion(&mut self, token: Option<TaskToken>, completion: Completion) {
        if let Some(token) = token {
            let next = self.saga.answered(&token, completion);
            self.send_next(next);
        }
    }

    fn send_next(&mut self, next: Option<Envelope>) {
        next.into_iter().for_each(|it| self.send(it));
    }

    fn send(&mut self, envelope: Envelope) {
        self.sent.push(envelope.clone());
        self.waiting.push(envelope);
    }

    fn laws_that_always_hold(&self) {
        for (stock, on_hand) in self.services.stock.state.1.iter().zip(&self.on_hand) {
            assert_eq!(stock.on_hand + stock.reserved + stock.shipped, *on_hand, "{stock:?}");
        }
        let ends = self.count(|it| matches!(it, OrderEvent::OrderConfirmed(_) | OrderEvent::OrderCancelled(_)));
        assert!(ends <= 1, "an order has one end: {:?}", self.happened);
        let live = self.services.provider.intents.iter().filter(|it| **it != Intent::Cancelled).count();
        assert!(live <= 1, "money is asked for once");
    }

    fn count(&self, which: impl Fn(&OrderEvent) -> bool) -> usize {
        self.happened.iter().filter(|it| which(it)).count()
    }

    fn sum(&self, which: fn(&OrderEvent) -> Option<&tidegate_events::PaymentOf>) -> u64 {
        self.happened.iter().filter_map(which).map(|it| it.amount.minor_units).sum()
    }

    /// The laws at the end; whether the order is confirmed.
    pub(crate) fn judge(&self) -> bool {
        let said = &self.happened;
        let confirmed = match self.services.order.state.status {
            OrderStatus::Confirmed => true,
            OrderStatus::Cancelled { .. } => false,
            unfinished => panic!("{unfinished:?}: {said:?}"),
        };
        assert_eq!(self.count(|it| matches!(it, OrderEvent::OrderConfirmed(_))), usize::from(confirmed));
        assert_eq!(self.count(|it| matches!(it, OrderEvent::OrderCancelled(_))), usize::from(!confirmed));
        assert_eq!(self.services.order.state.parked, None, "{said:?}");

        let quantities = self.input.lines.iter().map(|it| it.quantity);
        let shipped = |it: Quantity| if confirmed { it.count() } else { 0 };
        for (stock, quantity) in self.services.stock.state.1.iter().zip(quantities) {
            assert_eq!((stock.reserved, stock.shipped), (0, shipped(quantity)), "{said:?}");
        }

        let kept = if confirmed { self.input.amount.minor_units } else { 0 };
        let authorised = self.sum(|it| if let OrderEvent::PaymentAuthorised(it) = it { Some(it) } else { None });
        let captured = self.sum(|it| if let OrderEvent::PaymentCaptured(it) = it { Some(it) } else { None });
        let voided = self.sum(|it| if let OrderEvent::PaymentVoided(it) = it { Some(it) } else { None });
        let expired = self.sum(|it| if let OrderEvent::PaymentExpired(it) = it { Some(it) } else { None });
        let refunded = self.sum(|it| if let OrderEvent::PaymentRefunded(it) = it { Some(it) } else { None });
        assert_eq!(authorised, captured + voided + expired, "{said:?}");
        assert_eq!(captured, refunded + kept, "{said:?}");
        let ours = |it: &Intent| match it {
            Intent::Captured(amount) => amount.minor_units,
            Intent::Refunded | Intent::Cancelled => 0,
            Intent::Authorised(_) | Intent::Waiting => panic!("money is left waiting: {said:?}"),
        };
        assert_eq!(self.services.provider.intents.iter().map(ours).sum::<u64>(), kept, "{said:?}");

        let live = self.services.carrier.live.values().filter(|it| **it).count();
        assert_eq!(live, usize::from(confirmed), "{said:?}");
        let created = self.count(|it| matches!(it, OrderEvent::ShipmentCreated(_)));
        let cancelled = self.count(|it| matches!(it, OrderEvent::ShipmentCancelled(_)));
        assert_eq!(created, cancelled + live, "{said:?}");
        confirmed
    }
}

fn permanent() -> Completion {
    Completion::Refused { error: tidegate_events::ErrorName::PermanentFailure, cause: "made up" }
}
