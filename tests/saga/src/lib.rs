//! What breaks a saga at every step: its machine in a second interpreter, its services in memory over the real decisions, and every
//! fault and every pair of faults that its table has.
//!
//! A saga is put to the test by an instance of [`World`] and a [`Table`]: `order.rs` is that of the order saga. Its steps, what undoes
//! them and their refusals come from the table of commands, its machine from `statemachines/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, here too")]

pub mod faults;
pub mod interpreter;
pub mod matrix;
pub mod order;
pub mod run;

use serde_json::Value;
use tidegate_events::{CommandName, Envelope, ParkedAnswer, Saga};
use tidegate_orders::Completion;

/// The services of a saga in memory, about one execution.
pub trait World {
    /// How an execution ends whose steps are done, and one whose steps are undone.
    const ENDS: [&'static str; 2];

    fn input(&self) -> Value;

    /// Handles a command to its end, with the commands that follow from its events.
    fn handle(&mut self, envelope: &Envelope) -> Completion;

    /// Handles a command up to its write, and dies.
    fn die(&mut self, envelope: &Envelope);

    /// A person answers what is parked; who resolves it undoes it by hand before.
    fn answer_parked(&mut self, step: CommandName, answer: ParkedAnswer) -> Completion;

    /// Whether a compensation is parked, for a person to see.
    fn is_parked(&self) -> bool;

    /// The proofs that commands were handled are kept for some time only.
    fn forget_proofs(&mut self);

    /// One of [`ENDS`](Self::ENDS), or how far it is.
    fn end(&self) -> &'static str;

    /// What is wrong with the books, whatever is under way.
    fn imbalances(&self) -> Vec<String>;

    /// What is wrong with the books when everything is done or undone.
    fn loose_ends(&self) -> Vec<String>;

    /// Everything that must not move when a command comes again.
    fn state(&self) -> String;
}

/// What a saga has to bear beside the faults that every saga meets, and what must be noticed about it.
#[derive(Debug)]
pub struct Table<W: 'static> {
    pub saga: Saga,
    /// A world that nothing has happened in.
    pub world: fn() -> W,
    /// What happens in the world beside the saga.
    pub circumstances: &'static [Circumstance<W>],
    /// Machines that are broken on purpose.
    pub broken_machines: &'static [Broken<fn(&mut Value)>],
    /// Worlds that are broken on purpose.
    pub broken_worlds: &'static [Broken<fn() -> W>],
}

/// What is broken, in words, and how.
pub type Broken<T> = (&'static str, T);

/// Something that happens just before a command is handled, after which the saga ends undone.
#[derive(Debug)]
pub struct Circumstance<W: 'static> {
    pub name: &'static str,
    /// The steps before which it makes a difference.
    pub at: fn(CommandName) -> bool,
    /// Those of them that it comes too late for.
    pub too_late_at: &'static [CommandName],
    pub happens: fn(&mut W),
}
