//! What a decision is.

use tidegate_events::{CommandName, ErrorName, OrderEvent};

/// What is to become of a command: all of it is written at once, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<S> {
    /// The aggregate's new state.
    pub state: S,
    /// The answer.
    pub reply: Reply,
    /// What has happened, in order. Nothing where the command came again or late.
    pub events: Vec<OrderEvent>,
}

/// The answer to whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is so now, or was already: a word for it.
    Done(&'static str),
    /// No. That is an answer, not a failure.
    No {
        /// What the saga's catchers match.
        error: ErrorName,
        /// For people who read the execution's history.
        cause: &'static str,
    },
    /// Not yet: a person will say. Keep the token.
    Later,
}

/// Where somebody outside has to be asked, one step of a decision. Carry it out and decide again, with what was recorded
/// as the state and what was answered added to the answers, until it is done. When a write is refused because somebody
/// else was quicker, start over from the state that is stored, without answers: asking again is answered the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next<S, Q> {
    /// Write this state down before asking. If the asker dies or is overtaken, whoever undoes it knows what may have
    /// been asked.
    Record(S),
    /// Ask this.
    Ask(Q),
    /// Decided.
    Done(Decision<S>),
}

/// A command that cannot be meant in this state, or an answer that does not fit the question. Trying again does not
/// help: a person has to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{command} does not fit what is {state}")]
pub struct InvalidTransition {
    /// What was asked.
    pub command: CommandName,
    /// What was found.
    pub state: &'static str,
}

impl<S> Decision<S> {
    /// Something happened.
    pub(crate) fn now(state: S, word: &'static str, event: OrderEvent) -> Self {
        Self { state, reply: Reply::Done(word), events: vec![event] }
    }

    /// It is so, and there is nothing to tell.
    pub(crate) fn so(state: S, word: &'static str) -> Self {
        Self { state, reply: Reply::Done(word), events: Vec::new() }
    }

    /// No.
    pub(crate) fn no(state: S, error: ErrorName, cause: &'static str) -> Self {
        Self { state, reply: Reply::No { error, cause }, events: Vec::new() }
    }

    /// No, because it was compensated.
    pub(crate) fn too_late(state: S) -> Self {
        Self::no(state, ErrorName::Compensated, "it was undone before it was done")
    }

    pub(crate) fn with(mut self, event: OrderEvent) -> Self {
        self.events.push(event);
        self
    }
}
