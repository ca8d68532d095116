//! The faults, as data: where each can strike, and how a saga ends that meets no other.

use std::fmt;

use serde_json::Value;
use tidegate_events::{CommandName, Role};

use crate::{Table, World};

/// What goes wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// What the table of the saga has at this place.
    Circumstance(usize),
    /// The worker fails twice before its write: the queue hands the command out again.
    Transient,
    /// The worker dies before its write.
    CrashBefore,
    /// The worker dies after its write.
    CrashAfter,
    /// The command arrives twice.
    Duplicate,
    /// Step Functions cannot send it, once.
    SentAtSecondTry,
    /// It is done, and its answer does not arrive, once.
    OneTimeoutDone,
    /// It does not arrive, once.
    OneTimeoutLost,
    /// It cannot be done.
    Permanent,
    /// It is done, and no answer arrives.
    TimeoutDone,
    /// It never arrives.
    TimeoutLost,
    /// It arrives when its compensation has been done.
    Late,
    /// Step Functions cannot send it.
    NeverSent,
}

/// Those that a saga gets over by itself.
pub const PASSING: [Fault; 7] = [
    Fault::Transient,
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::Duplicate,
    Fault::SentAtSecondTry,
    Fault::OneTimeoutDone,
    Fault::OneTimeoutLost,
];
/// Those that outlast every retry. At a compensation they end with a person.
pub const LASTING: [Fault; 5] =
    [Fault::Permanent, Fault::TimeoutDone, Fault::TimeoutLost, Fault::Late, Fault::NeverSent];

/// What a person does about a compensation that waits. By then the cause is mended: the next attempt meets no fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    Retries,
    Resolves,
    /// Has it tried again when it was parked a second time.
    AnswersTheNextDay,
    StaysAway,
}

pub const PEOPLE: [Person; 4] = [Person::Retries, Person::Resolves, Person::AnswersTheNextDay, Person::StaysAway];

/// A fault, the state that it strikes at, and what a person does where one is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    pub at: CommandName,
    pub fault: Fault,
    /// Needed where a compensation keeps failing.
    pub person: Option<Person>,
}

/// Every fault that can strike at a state.
pub fn strikes_at<W: World>(table: &Table<W>, at: CommandName) -> Vec<Strike> {
    let circumstances =
        (0..table.circumstances.len()).filter(|index| is_step(at) && (table.circumstances[*index].at)(at));
    let passing = circumstances.map(Fault::Circumstance).chain(PASSING);
    let mut strikes: Vec<_> = passing.map(|fault| Strike { at, fault, person: None }).collect();
    let people = if is_step(at) { vec![None] } else { PEOPLE.map(Some).to_vec() };
    strikes.extend(
        LASTING.iter().flat_map(|fault| people.iter().map(|person| Strike { at, fault: *fault, person: *person })),
    );
    strikes
}

/// Whether a fault strikes at the first attempt alone.
pub(crate) fn is_of_the_first_attempt(fault: Fault) -> bool {
    matches!(fault, Fault::SentAtSecondTry | Fault::OneTimeoutDone | Fault::OneTimeoutLost)
}

/// Whether a saga is done that meets this at one of its steps and nothing else.
pub(crate) fn is_done_after<W: World>(table: &Table<W>, machine: &Value, strike: Strike) -> bool {
    let step = strike.at;
    // Behind the point of no return it is tried again like a compensation.
    let retries = machine["States"][step.as_str()]["Retry"].as_array().is_some_and(|retriers| {
        retriers.iter().any(|retrier| retrier["ErrorEquals"] == serde_json::json!(["States.ALL"]))
    });
    // Undoing a step that was done may be refused, and then it stands.
    let stands = step.undone_by().is_some_and(|undone_by| !undone_by.refusals().is_empty());
    match strike.fault {
        Fault::Circumstance(index) => table.circumstances[index].too_late_at.contains(&step),
        Fault::Transient | Fault::CrashBefore | Fault::CrashAfter | Fault::Duplicate | Fault::SentAtSecondTry => true,
        Fault::OneTimeoutDone | Fault::OneTimeoutLost => retries,
        Fault::TimeoutDone => stands,
        Fault::Permanent | Fault::TimeoutLost | Fault::Late | Fault::NeverSent => false,
    }
}

fn is_step(name: CommandName) -> bool {
    matches!(name.role(), Role::Step { .. })
}

/// In the words of the printed table.
pub(crate) fn title<W: World>(table: &Table<W>, fault: Fault, person: Option<Person>) -> String {
    let name = match fault {
        Fault::Circumstance(index) => table.circumstances[index].name,
        Fault::Transient => "transient error",
        Fault::CrashBefore => "crash before commit",
        Fault::CrashAfter => "crash after commit",
        Fault::Duplicate => "duplicate command",
        Fault::SentAtSecondTry => "sent at the second try",
        Fault::OneTimeoutDone => "one timeout, effect done",
        Fault::OneTimeoutLost => "one timeout, effect not done",
        Fault::Permanent => "permanent error",
        Fault::TimeoutDone => "timeout, effect done",
        Fault::TimeoutLost => "timeout, effect not done",
        Fault::Late => "late command",
        Fault::NeverSent => "never sent",
    };
    person.map_or_else(|| name.to_owned(), |person| format!("{name}, a person {person}"))
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retries => "retries",
            Self::Resolves => "resolves",
            Self::AnswersTheNextDay => "answers the next day",
            Self::StaysAway => "stays away",
        })
    }
}
