//! One execution with the faults of a plan, and everything that was wrong about it.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;
use tidegate_events::{Command, CommandName, Envelope, ErrorName, OrderCommand, ParkedAnswer};
use tidegate_orders::Completion;

use crate::faults::{Fault, Person, Strike, is_of_the_first_attempt};
use crate::interpreter::{Answer, Failure, Line};
use crate::{Table, World};

// Both mean that no answer came, and the documentation and recordings disagree which of them a missed heartbeat is.
const NO_ANSWER: &str = "States.Timeout";
const NO_HEARTBEAT: &str = "States.HeartbeatTimeout";
const NOT_SENT: &str = "SQS.SdkClientException";
/// Halts an execution at a compensation that waits for a person.
const PARKED: &str = "Parked";

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) plan: Vec<Strike>,
    pub(crate) end: &'static str,
    /// The commands that were sent, each once, in order.
    pub(crate) visited: Vec<CommandName>,
    pub(crate) wrong: BTreeSet<String>,
    /// The refusals that commands were answered with.
    pub(crate) refused: BTreeSet<(CommandName, ErrorName)>,
}

pub(crate) struct Run<'t, W: 'static> {
    table: &'t Table<W>,
    plan: Vec<Strike>,
    world: W,
    input: Value,
    tokens: HashSet<String>,
    sent: Vec<Envelope>,
    /// What arrives when its compensation has been done.
    lost: Vec<Envelope>,
    /// The states, as often as they were entered.
    states: Vec<String>,
    visited: Vec<CommandName>,
    attempt: u32,
    wrong: BTreeSet<String>,
    refused: BTreeSet<(CommandName, ErrorName)>,
}

impl<'t, W: World> Run<'t, W> {
    pub(crate) fn new(table: &'t Table<W>, world: W, plan: Vec<Strike>) -> Self {
        let input = world.input();
        Self {
            table,
            plan,
            world,
            input,
            tokens: HashSet::new(),
            sent: Vec::new(),
            lost: Vec::new(),
            states: Vec::new(),
            visited: Vec::new(),
            attempt: 0,
            wrong: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    pub(crate) fn input(&self) -> &Value {
        &self.input
    }

    /// The answer of a task, for each attempt at each state.
    pub(crate) fn answer(&mut self, state: &str, queue: &str, message: &Value) -> Answer {
        // A state comes back without another in between only as its own retry.
        let is_retry = self.states.last().is_some_and(|last| last == state);
        self.attempt = if is_retry { self.attempt + 1 } else { 1 };
        let envelope = match Envelope::from_json(message.to_string().as_bytes()) {
            Ok(envelope) => envelope,
            Err(error) => {
                self.wrong.insert(format!("{state}: {error}"));
                return Answer::Error("PermanentFailure".to_owned());
            }
        };
        let name = envelope.command.name();
        if !is_retry {
            self.states.push(state.to_owned());
        }
        self.judge_message(state, queue, message, name);
        if let Command::Order(OrderCommand::Park { step, .. }) = &envelope.command {
            return self.park(&envelope, *step);
        }
        if !is_retry {
            self.visited.push(name);
        }
        self.sent.push(envelope.clone());
        // Where a compensation is entered again after a person had it tried again, the cause is mended.
        let entered = self.states.iter().filter(|visited| *visited == state).count();
        match self.plan.iter().find(|strike| strike.at == name).copied() {
            Some(strike) if entered == 1 => self.struck(strike.fault, &envelope),
            _ => self.deliver(&envelope),
        }
    }

    fn struck(&mut self, fault: Fault, envelope: &Envelope) -> Answer {
        if is_of_the_first_attempt(fault) && self.attempt > 1 {
            return self.deliver(envelope);
        }
        match fault {
            Fault::Circumstance(index) => {
                (self.table.circumstances[index].happens)(&mut self.world);
                self.deliver(envelope)
            }
            Fault::Transient => {
                self.world.die(envelope);
                self.world.die(envelope);
                self.deliver(envelope)
            }
            Fault::CrashBefore => {
                self.world.die(envelope);
                self.deliver(envelope)
            }
            Fault::CrashAfter => {
                self.deliver(envelope);
                self.deliver(envelope)
            }
            Fault::Duplicate => {
                let answer = self.deliver(envelope);
                self.handle(envelope);
                answer
            }
            Fault::OneTimeoutDone | Fault::TimeoutDone => match self.deliver(envelope) {
                Answer::Success => Answer::Error(NO_ANSWER.to_owned()),
                // Nothing was done.
                refused @ (Answer::Error(_) | Answer::Halt(_)) => refused,
            },
            Fault::OneTimeoutLost | Fault::TimeoutLost => Answer::Error(NO_HEARTBEAT.to_owned()),
            Fault::Late => {
                self.lost.push(envelope.clone());
                Answer::Error(NO_HEARTBEAT.to_owned())
            }
            Fault::Permanent => Answer::Error("PermanentFailure".to_owned()),
            Fault::SentAtSecondTry | Fault::NeverSent => Answer::Error(NOT_SENT.to_owned()),
        }
    }

    fn deliver(&mut self, envelope: &Envelope) -> Answer {
        answer(self.handle(envelope))
    }

    fn handle(&mut self, envelope: &Envelope) -> Completion {
        let completion = self.world.handle(envelope);
        self.wrong.extend(self.world.imbalances());
        let name = envelope.command.name();
        if let Completion::Refused { error, .. } = completion {
            self.refused.insert((name, error));
        }
        let is_due = |lost: &Envelope| {
            let lost = lost.command.name();
            name == lost.undone_by().unwrap_or(lost)
        };
        let (due, lost) = std::mem::take(&mut self.lost).into_iter().partition(is_due);
        self.lost = lost;
        let due: Vec<_> = due;
        for late in due {
            self.handle(&late);
        }
        completion
    }

    fn park(&mut self, envelope: &Envelope, step: CommandName) -> Answer {
        self.world.handle(envelope);
        let Some(person) = self.plan.iter().find(|strike| strike.at == step).and_then(|strike| strike.person) else {
            self.wrong.insert(format!("{step} is parked for no reason"));
            return Answer::Halt(PARKED);
        };
        match person {
            Person::StaysAway => Answer::Halt(PARKED),
            Person::AnswersTheNextDay if self.attempt == 1 => Answer::Error(NO_HEARTBEAT.to_owned()),
            Person::Retries | Person::AnswersTheNextDay => answer(self.world.answer_parked(step, ParkedAnswer::Retry)),
            Person::Resolves => answer(self.world.answer_parked(step, ParkedAnswer::Resolved)),
        }
    }

    fn judge_message(&mut self, state: &str, queue: &str, message: &Value, name: CommandName) {
        let mut expect = |holds: bool, otherwise: &str| {
            if !holds {
                self.wrong.insert(format!("{state}: {otherwise}"));
            }
        };
        expect(queue == format!("${{{}QueueUrl}}", name.service()), "goes to another service's queue");
        let order_id = self.input["order_id"].as_str().unwrap_or_default();
        expect(message["command_id"] == format!("{order_id}/{state}"), "its command id is another's");
        for member in ["order_id", "correlation_id", "traceparent"] {
            expect(message[member] == self.input[member], &format!("{member} is lost"));
        }
        let token = message["task_token"].as_str().unwrap_or_default().to_owned();
        expect(self.tokens.insert(token), "its token was used before");
    }

    pub(crate) fn ended(mut self, failure: Option<Failure>) -> Outcome {
        let mut end = self.world.end();
        match failure {
            Some(Failure { name, .. }) if name == PARKED => {
                end = "parked";
                if !self.world.is_parked() {
                    self.wrong.insert("it is parked, and no row shows it".to_owned());
                }
            }
            Some(Failure { name, message }) => {
                self.wrong.insert(format!("the execution failed: {name}: {message}"));
            }
            None => {
                self.wrong.extend(self.world.loose_ends());
                self.judge_repeats();
            }
        }
        Outcome { plan: self.plan, end, visited: self.visited, wrong: self.wrong, refused: self.refused }
    }

    /// Queues deliver at least once, also when all is over and the proofs have expired: nothing may move any more.
    fn judge_repeats(&mut self) {
        let before = self.world.state();
        let mut sent = std::mem::take(&mut self.sent);
        for _ in 0..2 {
            for keeps_proofs in [true, false] {
                if !keeps_proofs {
                    self.world.forget_proofs();
                }
                for envelope in &sent {
                    self.handle(envelope);
                }
            }
            sent.reverse();
        }
        if self.world.state() != before {
            self.wrong.insert("a command that came again changed the books".to_owned());
        }
    }
}

fn answer(completion: Completion) -> Answer {
    match completion {
        Completion::Done(_) => Answer::Success,
        Completion::Refused { error, .. } => Answer::Error(error.as_str().to_owned()),
        Completion::Deferred => Answer::Halt("an answer that is none"),
    }
}

/// The line of a task, in parts.
pub(crate) fn task(line: &Line) -> Option<(&str, &str, &Value)> {
    Some((line.state.as_deref()?, &line.queue, &line.message))
}
