//! An order from placing to its end, with everything that may come in between, and the laws that hold throughout.

use jiff::Timestamp;
use tidegate_events::{CommandName, Envelope, ErrorName, OrderCommand, OrderEvent, ParkedAnswer, TaskToken};
use tidegate_orders::{Completion, OrderStatus, Parked, order};
use tidegate_saga::World as _;
use tidegate_saga::order::OrderWorld;
use tidegate_saga::order::services::{Stepped, Temper, Worker, is_park};

use crate::saga::Saga;

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
    ProviderReports,
    Lapse,
}

pub(crate) struct World {
    pub(crate) order: OrderWorld,
    pub(crate) saga: Saga,
    waiting: Vec<Envelope>,
    queued: Vec<Envelope>,
    asleep: Vec<Worker>,
    dead: Vec<Envelope>,
    sent: Vec<Envelope>,
    workers: Vec<Worker>,
}

impl World {
    /// An order of 2 and 1 of two SKUs, of which there is so much.
    pub(crate) fn new(on_hand: [u64; 2], temper: Temper) -> Self {
        let order = OrderWorld::new(on_hand, temper);
        let (saga, first) = Saga::start(order.input.clone());
        let mut world = Self {
            order,
            saga,
            waiting: Vec::new(),
            queued: Vec::new(),
            asleep: Vec::new(),
            dead: Vec::new(),
            sent: Vec::new(),
            workers: Vec::new(),
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
                let decision = order::request_cancellation(&self.order.services.order.state);
                let (_, events) = self.order.services.write_order(decision);
                self.publish(events);
            }
            Act::Person(answer) if self.saga.state == Some(CommandName::ParkCompensation) => {
                // A person sees what is parked once it is written down.
                if let Some(Parked { step, token, .. }) = self.order.services.order.state.parked.clone() {
                    if (step, answer) == (CommandName::UndoPayment, ParkedAnswer::Resolved) {
                        let report = self.order.undo_by_hand();
                        self.send_next(report);
                    }
                    let answer = OrderCommand::Answer { step, answer };
                    let order = &self.order.services.order.state;
                    let decision = order::decide(order, &answer, None, Timestamp::UNIX_EPOCH).unwrap();
                    let (completion, events) = self.order.services.write_order(decision);
                    self.publish(events);
                    self.completion(token, completion);
                }
            }
            Act::ProviderReports => {
                let report = self.order.provider_report();
                self.send_next(report);
            }
            Act::Lapse => self.order.authorisations_lapse(),
            _ => {}
        }
        assert_eq!(self.order.imbalances(), Vec::<String>::new());
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
        let before = (self.order.state(), self.order.happened.clone());
        for envelope in self.sent.clone() {
            self.waiting.push(envelope);
        }
        self.finish();
        assert_eq!(before, (self.order.state(), self.order.happened.clone()));

        self.order.forget_proofs();
        for envelope in self.sent.clone() {
            if !is_park(&envelope) {
                self.waiting.insert(0, envelope);
            }
        }
        self.finish();
        assert_eq!(before, (self.order.state(), self.order.happened.clone()));
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

    fn step(&mut self, at: usize) {
        match self.order.services.step(&mut self.workers[at]) {
            Stepped::More => {}
            Stepped::Handled(completion, events) => {
                let worker = self.workers.swap_remove(at);
                self.publish(events);
                self.completion(worker.envelope.task_token, completion);
            }
            Stepped::Invalid(error) => panic!("{error}: {:?}", self.order.happened),
        }
    }

    fn publish(&mut self, events: Vec<OrderEvent>) {
        for event in events {
            let following = self.order.publish(event);
            self.send_next(following);
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

    /// The laws at the end; whether the order is confirmed.
    pub(crate) fn judge(&self) -> bool {
        assert_eq!(self.order.loose_ends(), Vec::<String>::new());
        self.order.services.order.state.status == OrderStatus::Confirmed
    }
}

fn permanent() -> Completion {
    Completion::Refused { error: ErrorName::PermanentFailure, cause: "made up" }
}
