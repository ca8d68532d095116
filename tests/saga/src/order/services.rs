//! The four services in memory, each with what is outside of it, and the workers that carry commands out. A worker takes
//! one step at a time (load, record, ask, commit), so that others may come in between, and it may die after any of them.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_events::{
    Command, CommandId, Envelope, Money, OrderCommand, OrderEvent, OrderId, PaymentId, Reason, ShipmentId,
};
use tidegate_orders::{Completion, InvalidTransition, Next, Order, Payment, Reservation, Shipment, Stock, Transition};
use tidegate_orders::{order, payment, shipment, stock};

/// What a service keeps: its state, its version, and the proofs of what it has handled.
#[derive(Debug)]
pub struct Item<S> {
    pub state: S,
    version: u64,
    proofs: HashMap<CommandId, Completion>,
}

impl<S> Item<S> {
    fn new(state: S) -> Self {
        Self { state, version: 0, proofs: HashMap::new() }
    }
}

/// Carries a command out.
#[derive(Debug)]
pub struct Worker {
    pub envelope: Envelope,
    /// The state that was loaded.
    loaded: Option<Loaded>,
    paid: Vec<payment::Answer>,
    carried: Vec<shipment::Answer>,
}

#[derive(Clone, Debug)]
struct Loaded {
    version: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Order(Order),
    Stock(Reservation, Vec<Stock>),
    Payment(Payment),
    Shipment(Shipment),
}

/// What a step came to.
#[derive(Debug)]
pub enum Stepped {
    More,
    Handled(Completion, Vec<OrderEvent>),
    Invalid(InvalidTransition),
}

/// How the provider and the carrier answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temper {
    Willing,
    Declines,
    RequiresAction,
    Refuses,
}

/// The payment's provider: what it was asked under each key, and its own books.
#[derive(Debug)]
pub struct Provider {
    pub temper: Temper,
    pub answers: HashMap<CommandId, payment::Answer>,
    pub intents: Vec<Intent>,
}

/// A payment as its provider has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Waiting,
    Authorised(Money),
    Captured(Money),
    Refunded,
    Cancelled,
}

impl Provider {
    fn answer(&mut self, request: &payment::Request) -> payment::Answer {
        match request {
            payment::Request::Authorise { key, amount, .. } => {
                if let Some(same) = self.answers.get(key) {
                    return same.clone();
                }
                let payment_id: PaymentId = format!("pi_{}", self.intents.len()).parse().unwrap();
                let reason = |word: &str| word.parse::<Reason>().unwrap();
                let answer = match self.temper {
                    Temper::Declines => payment::Answer::Declined { reason: reason("insufficient_funds") },
                    Temper::RequiresAction => {
                        self.intents.push(Intent::Waiting);
                        payment::Answer::RequiresAction { payment_id, reason: reason("requires_action") }
                    }
                    Temper::Willing | Temper::Refuses => {
                        self.intents.push(Intent::Authorised(*amount));
                        payment::Answer::Authorised { payment_id }
                    }
                };
                self.answers.insert(key.clone(), answer.clone());
                answer
            }
            payment::Request::Capture { payment_id } => {
                let intent = self.intent(payment_id);
                match *intent {
                    Intent::Authorised(amount) => *intent = Intent::Captured(amount),
                    Intent::Captured(_) | Intent::Refunded => {}
                    Intent::Cancelled | Intent::Waiting => return payment::Answer::Cancelled,
                }
                payment::Answer::Captured
            }
            payment::Request::Cancel { payment_id } => {
                let intent = self.intent(payment_id);
                if matches!(intent, Intent::Captured(_) | Intent::Refunded) {
                    return payment::Answer::Captured;
                }
                *intent = Intent::Cancelled;
                payment::Answer::Cancelled
            }
            payment::Request::Refund { payment_id } => {
                let intent = self.intent(payment_id);
                assert!(matches!(intent, Intent::Captured(_) | Intent::Refunded), "refunds what was captured");
                *intent = Intent::Refunded;
                payment::Answer::Refunded
            }
        }
    }

    fn intent(&mut self, id: &PaymentId) -> &mut Intent {
        let index: usize = id.as_str().strip_prefix("pi_").unwrap().parse().unwrap();
        &mut self.intents[index]
    }
}

/// The carrier: bookings by reference, and which are live.
#[derive(Debug)]
pub struct Carrier {
    pub temper: Temper,
    pub live: HashMap<OrderId, bool>,
}

impl Carrier {
    fn answer(&mut self, request: &shipment::Request) -> shipment::Answer {
        match request {
            shipment::Request::Book { .. } if self.temper == Temper::Refuses => {
                shipment::Answer::Refused { reason: "address_not_served".parse().unwrap() }
            }
            shipment::Request::Book { reference, .. } => {
                self.live.entry(reference.clone()).or_insert(true);
                shipment::Answer::Booked { shipment_id: format!("shp/{}", reference.as_str()).parse().unwrap() }
            }
            shipment::Request::Cancel { shipment_id } => {
                let live = self.live.get_mut(&reference(shipment_id)).unwrap();
                *live = false;
                shipment::Answer::Cancelled
            }
        }
    }
}

fn reference(id: &ShipmentId) -> OrderId {
    id.as_str().strip_prefix("shp/").unwrap().parse().unwrap()
}

/// All services, about one order.
#[derive(Debug)]
pub struct Services {
    pub order: Item<Order>,
    pub stock: Item<(Reservation, Vec<Stock>)>,
    pub payment: Item<Payment>,
    pub shipment: Item<Shipment>,
    pub provider: Provider,
    pub carrier: Carrier,
}

impl Services {
    /// An order that was placed, and nothing else.
    pub fn new(order: Order, stocks: Vec<Stock>, temper: Temper) -> Self {
        Self {
            order: Item::new(order),
            stock: Item::new((Reservation::None, stocks)),
            payment: Item::new(Payment::default()),
            shipment: Item::new(Shipment::None),
            provider: Provider { temper, answers: HashMap::new(), intents: Vec::new() },
            carrier: Carrier { temper, live: HashMap::new() },
        }
    }

    /// One step of a worker.
    pub fn step(&mut self, worker: &mut Worker) -> Stepped {
        let Some(loaded) = worker.loaded.clone() else { return self.load(worker) };
        match decide(worker, &loaded.state) {
            Ok(step) => self.carry_out(worker, loaded.version, step),
            Err(invalid) => Stepped::Invalid(invalid),
        }
    }

    /// Handles a command up to the write that would make it true.
    pub fn die(&mut self, worker: &mut Worker) {
        loop {
            match worker.loaded.clone() {
                Some(loaded) => match decide(worker, &loaded.state) {
                    Ok(Step::Write(..)) | Err(_) => return,
                    Ok(step) => {
                        self.carry_out(worker, loaded.version, step);
                    }
                },
                None => {
                    if let Stepped::Handled(..) = self.load(worker) {
                        return;
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, worker: &mut Worker, version: u64, step: Step) -> Stepped {
        match step {
            Step::AskProvider(request) => {
                worker.paid.push(self.provider.answer(&request));
                Stepped::More
            }
            Step::AskCarrier(request) => {
                worker.carried.push(self.carrier.answer(&request));
                Stepped::More
            }
            Step::Record(state) => {
                let written = self.write(version, state.clone(), None);
                worker.start_over();
                worker.loaded = written.then_some(Loaded { version: version + 1, state });
                Stepped::More
            }
            Step::Write(state, completion, events) => {
                if self.write(version, state, Some((proof_id(&worker.envelope), completion))) {
                    return Stepped::Handled(completion, events);
                }
                worker.start_over();
                Stepped::More
            }
        }
    }

    /// The answer to a command that was handled, as long as that is known.
    pub fn proof(&self, envelope: &Envelope) -> Option<Completion> {
        let proofs = match &envelope.command {
            Command::Order(_) => &self.order.proofs,
            Command::Stock(_) => &self.stock.proofs,
            Command::Payment(_) => &self.payment.proofs,
            Command::Shipment(_) => &self.shipment.proofs,
        };
        proofs.get(&proof_id(envelope)).copied()
    }

    /// The proof of a handled command ends it: the same answer, and nothing happens.
    fn load(&self, worker: &mut Worker) -> Stepped {
        if let Some(completion) = self.proof(&worker.envelope) {
            return Stepped::Handled(completion, Vec::new());
        }
        let (version, state) = match &worker.envelope.command {
            Command::Order(_) => (self.order.version, State::Order(self.order.state.clone())),
            Command::Stock(_) => {
                let (reservation, stocks) = self.stock.state.clone();
                (self.stock.version, State::Stock(reservation, stocks))
            }
            Command::Payment(_) => (self.payment.version, State::Payment(self.payment.state.clone())),
            Command::Shipment(_) => (self.shipment.version, State::Shipment(self.shipment.state.clone())),
        };
        worker.loaded = Some(Loaded { version, state });
        Stepped::More
    }

    fn write(&mut self, expected: u64, state: State, proof: Option<(CommandId, Completion)>) -> bool {
        // Through its JSON, as a table keeps it.
        fn put<S: PartialEq + Serialize + DeserializeOwned>(
            item: &mut Item<S>,
            expected: u64,
            state: S,
            proof: Option<(CommandId, Completion)>,
        ) -> bool {
            if item.version != expected {
                return false;
            }
            item.version += 1;
            if item.state != state {
                item.state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
            }
            item.proofs.extend(proof);
            true
        }
        match state {
            State::Order(state) => put(&mut self.order, expected, state, proof),
            State::Stock(reservation, stocks) => put(&mut self.stock, expected, (reservation, stocks), proof),
            State::Payment(state) => put(&mut self.payment, expected, state, proof),
            State::Shipment(state) => put(&mut self.shipment, expected, state, proof),
        }
    }

    /// A write of `orders-api`, which no other comes in between.
    pub fn write_order(&mut self, transition: Transition<Order>) -> (Completion, Vec<OrderEvent>) {
        assert!(self.write(self.order.version, State::Order(transition.state), None));
        (transition.completion, transition.events)
    }

    /// The proofs are kept for some time only.
    pub fn forget_proofs(&mut self) {
        self.order.proofs.clear();
        self.stock.proofs.clear();
        self.payment.proofs.clear();
        self.shipment.proofs.clear();
    }
}

fn decide(worker: &Worker, state: &State) -> Result<Step, InvalidTransition> {
    let id = &worker.envelope.command_id;
    match (&worker.envelope.command, state) {
        (Command::Order(command), State::Order(order)) => {
            let token = worker.envelope.task_token.as_ref();
            order::decide(order, command, token, Timestamp::UNIX_EPOCH).map(write_order)
        }
        (Command::Stock(command), State::Stock(reservation, stocks)) => decide_stock(reservation, stocks, command),
        (Command::Payment(command), State::Payment(payment)) => payment::decide(payment, command, id, &worker.paid)
            .map(|next| match next {
                Next::Record(state) => Step::Record(State::Payment(state)),
                Next::Ask(request) => Step::AskProvider(request),
                Next::Done(Transition { state, completion, events }) => {
                    Step::Write(State::Payment(state), completion, events)
                }
            }),
        (Command::Shipment(command), State::Shipment(shipment)) => {
            let next = shipment::decide(shipment, command, &worker.envelope.order_id, &worker.carried);
            next.map(|next| match next {
                Next::Record(state) => Step::Record(State::Shipment(state)),
                Next::Ask(request) => Step::AskCarrier(request),
                Next::Done(Transition { state, completion, events }) => {
                    Step::Write(State::Shipment(state), completion, events)
                }
            })
        }
        _ => unreachable!("a command is answered by its own service"),
    }
}

enum Step {
    Record(State),
    AskProvider(payment::Request),
    AskCarrier(shipment::Request),
    Write(State, Completion, Vec<OrderEvent>),
}

fn write_order(Transition { state, completion, events }: Transition<Order>) -> Step {
    Step::Write(State::Order(state), completion, events)
}

fn decide_stock(
    reservation: &Reservation,
    stocks: &[Stock],
    command: &tidegate_events::StockCommand,
) -> Result<Step, InvalidTransition> {
    let concerned = stock::concerned(reservation, command);
    let shown = if concerned.is_empty() { &[] } else { stocks };
    let decision = stock::decide(reservation, command, shown)?;
    let Transition { state, completion, events } = decision.reservation;
    let stocks = if decision.stocks.is_empty() { stocks.to_vec() } else { decision.stocks };
    Ok(Step::Write(State::Stock(state, stocks), completion, events))
}

impl Worker {
    pub fn new(envelope: Envelope) -> Self {
        Self { envelope, loaded: None, paid: Vec::new(), carried: Vec::new() }
    }

    fn start_over(&mut self) {
        self.loaded = None;
        self.paid.clear();
        self.carried.clear();
    }
}

/// Whether only the proof of a command tells a copy of it from a second one.
pub fn is_park(envelope: &Envelope) -> bool {
    matches!(envelope.command, Command::Order(OrderCommand::Park { .. }))
}

/// By which a command that was handled is recognised. A compensation may be parked again under the same name; what tells
/// that from a late copy is the token.
fn proof_id(envelope: &Envelope) -> CommandId {
    match &envelope.task_token {
        Some(token) if is_park(envelope) => {
            format!("{}/{}", envelope.command_id.as_str(), token.expose()).parse().unwrap()
        }
        _ => envelope.command_id.clone(),
    }
}
