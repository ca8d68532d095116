//! What a decision is.

use tidegate_events::{CommandName, ErrorName, OrderEvent};

/// What becomes of an aggregate: all of it is written at once, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition<S> {
    pub state: S,
    /// How the command ends for the saga.
    pub completion: Completion,
    /// What has happened, in order. Nothing where the command came again or late.
    pub events: Vec<OrderEvent>,
}

/// How a command ends for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Done, now or before; a word for the state.
    Done(&'static str),
    /// Refused by a business rule, which is no failure.
    Refused {
        /// What the saga's catchers match.
        error: ErrorName,
        /// For people who read the execution's history.
        cause: &'static str,
    },
    /// Not yet: the saga waits until a person answers. Keep the token.
    Deferred,
}

/// Where somebody outside has to be asked, one step of a decision. Carry it out and decide again, with what was recorded
/// as the state and what was answered added to the answers, until it is done. On a conflict with another write, start over
/// from the state that is stored, without answers: asking again is answered the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<S, Q> {
    /// Write this state before asking. If the asker dies, or another write comes first, its compensation knows what may
    /// have been asked.
    Record(S),
    /// Ask this.
    Ask(Q),
    Done(Transition<S>),
}

/// A command that the state does not allow, or an answer that does not fit the question. Trying again does not help: a
/// person has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid transition: {command} does not fit {state}")]
pub struct InvalidTransition {
    pub command: CommandName,
    /// What was found.
    pub state: &'static str,
}

impl<S> Transition<S> {
    pub(crate) fn done(state: S, word: &'static str) -> Self {
        Self { state, completion: Completion::Done(word), events: Vec::new() }
    }

    pub(crate) fn done_with(state: S, word: &'static str, event: OrderEvent) -> Self {
        Self::done(state, word).with(event)
    }

    pub(crate) fn refused(state: S, error: ErrorName, cause: &'static str) -> Self {
        Self { state, completion: Completion::Refused { error, cause }, events: Vec::new() }
    }

    /// Refused, because its compensation came first.
    pub(crate) fn compensated(state: S) -> Self {
        Self::refused(state, ErrorName::Compensated, "it was undone before it was done")
    }

    pub(crate) fn with(mut self, event: OrderEvent) -> Self {
        self.events.push(event);
        self
    }
}
