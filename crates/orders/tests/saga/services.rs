//! The four services in memory, each with what is outside of it, and the workers that carry commands out. A worker takes
//! one step at a time (load, record, ask, commit), so that others may come in between and it may die after any of them.

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
pub(crate) struct Item<S> {
    pub(crate) state: S,
    version: u64,
    proofs: HashMap<CommandId, Completion>,
}

impl<S> Item<S> {
    pub(crate) fn new(state: S) -> Self {
        Self { state, version: 0, proofs: HashMap::new() }
    }
}

/// Somebody who carries a command out.
pub(crate) struct Worker {
    pub(crate) envelope: Envelope,
    /// The state that was loaded.
    loaded: Option<Loaded>,
    paid: Vec<payment::Answer>,
    carried: Vec<shipment::Answer>,
}

#[derive(Clone)]
struct Loaded {
    version: u64,
    state: State,
}

#[derive(Clone)]
enum State {
    Order(Order),
    Stock(Reservation, Vec<Stock>),
    Payment(Payment),
    Shipment(Shipment),
}

/// What a step came to.
pub(crate) enum Stepped {
    /// There is more to do.
    More,
    /// It is written: the answer, and what happened.
    Handled(Completion, Vec<OrderEvent>),
    /// It cannot be meant.
    Unfit(InvalidTransition),
}

/// How the world outside is disposed in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temper {
    Willing,
    Declines,
    RequiresAction,
    Refuses,
}

/// The payment's provider: what it was asked under each key, and its own books.
pub(crate) struct Provider {
    temper: Temper,
    answers: HashMap<CommandId, payment::Answer>,
    pub(crate) intents: Vec<Intent>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
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
                    _ => {
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
pub(crate) struct Carrier {
    temper: Temper,
    pub(crate) live: HashMap<OrderId, bool>,
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
pub(crate) struct Services {
    pub(crate) order: Item<Order>,
    pub(crate) stock: Item<(Reservation, Vec<Stock>)>,
    pub(crate) payment: Item<Payment>,
    pub(crate) shipment: Item<Shipment>,
    pub(crate) provider: Provider,
    pub(crate) carrier: Carrier,
}

impl Services {
    pub(crate) fn new(order: Order, stocks: Vec<Stock>, temper: Temper) -> Self {
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
    pub(crate) fn step(&mut self, worker: &mut Worker) -> Stepped {
        let Some(Loaded { version, state }) = worker.loaded.clone() else { return self.load(worker) };
        let id = &worker.envelope.command_id;
        let decided = match (&worker.envelope.command, &state) {
            (Command::Order(command), State::Order(it)) => {
                let token = worker.envelope.task_token.as_ref();
                order::decide(it, command, token, Timestamp::UNIX_EPOCH).map(write_order)
            }
            (Command::Stock(command), State::Stock(reservation, stocks)) => decide_stock(reservation, stocks, command),
            (Command::Payment(command), State::Payment(it)) => {
                payment::decide(it, command, id, &worker.paid).map(|next| match next {
                    Next::Record(state) => Step::Record(State::Payment(state)),
                    Next::Ask(request) => Step::AskProvider(request),
                    Next::Done(Transition { state, completion, events }) => {
                        Step::Write(State::Payment(state), completion, events)
                    }
                })
            }
            (Command::Shipment(command), State::Shipment(it)) => {
                let next = shipment::decide(it, command, &worker.envelope.order_id, &worker.carried);
                next.map(|next| match next {
                    Next::Record(state) => Step::Record(State::Shipment(state)),
                    Next::Ask(request) => Step::AskCarrier(request),
                    Next::Done(Transition { state, completion, events }) => {
                        Step::Write(State::Shipment(state), completion, events)
                    }
                })
            }
            _ => unreachable!("a command is answered by its own service"),
        };
        match decided {
            Err(invalid) => Stepped::Unfit(invalid),
            Ok(Step::AskProvider(request)) => {
                worker.paid.push(self.provider.answer(&request));
                Stepped::More
            }
            Ok(Step::AskCarrier(request)) => {
                worker.carried.push(self.carrier.answer(&request));
                Stepped::More
            }
            Ok(Step::Record(state)) => {
                let written = self.write(version, state.clone(), None);
                worker.start_over();
                worker.loaded = written.then_some(Loaded { version: version + 1, state });
                Stepped::More
            }
            Ok(Step::Write(state, completion, events)) => {
                if self.write(version, state, Some((proof_id(&worker.envelope), completion))) {
                    return Stepped::Handled(completion, events);
                }
                worker.start_over();
                Stepped::More
            }
        }
    }

    /// The proof of a handled command ends it: the same answer, and nothing happens.
    fn load(&self, worker: &mut Worker) -> Stepped {
        let id = &proof_id(&worker.envelope);
        let (version, state, proof) = match &worker.envelope.command {
            Command::Order(_) => {
                (self.order.version, State::Order(self.order.state.clone()), self.order.proofs.get(id))
            }
            Command::Stock(_) => {
                let (reservation, stocks) = self.stock.state.clone();
                (self.stock.version, State::Stock(reservation, stocks), self.stock.proofs.get(id))
            }
            Command::Payment(_) => {
                (self.payment.version, State::Payment(self.payment.state.clone()), self.payment.proofs.get(id))
            }
            Command::Shipment(_) => {
                (self.shipment.version, State::Shipment(self.shipment.state.clone()), self.shipment.proofs.get(id))
            }
        };
        if let Some(completion) = proof {
            return Stepped::Handled(*completion, Vec::new());
        }
        worker.loaded = Some(Loaded { version, state });
        Stepped::More
    }

    fn write(&mut self, expected: u64, state: State, proof: Option<(CommandId, Completion)>) -> bool {
        // Through its JSON, as a table keeps it.
        fn put<S: Serialize + DeserializeOwned>(
            item: &mut Item<S>,
            expected: u64,
            state: S,
            proof: Option<(CommandId, Completion)>,
        ) -> bool {
            if item.version != expected {
                return false;
            }
            item.version += 1;
            item.state = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
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

    /// A write of `orders-api`, which nobody comes in between.
    pub(crate) fn write_order(&mut self, decision: Transition<Order>) -> (Completion, Vec<OrderEvent>) {
        assert!(self.write(self.order.version, State::Order(decision.state), None));
        (decision.completion, decision.events)
    }

    /// The proofs are kept for some time only.
    pub(crate) fn forget_proofs(&mut self) {
        self.order.proofs.clear();
        self.stock.proofs.clear();
        self.payment.proofs.clear();
        self.shipment.proofs.clear();
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
    pub(crate) fn new(envelope: Envelope) -> Self {
        Self { envelope, loaded: None, paid: Vec::new(), carried: Vec::new() }
    }

    fn start_over(&mut self) {
        self.loaded = None;
        self.paid.clear();
        self.carried.clear();
    }
}

/// Whether a command is one that its own proof alone tells from a second time.
pub(crate) fn is_park(envelope: &Envelope) -> bool {
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
