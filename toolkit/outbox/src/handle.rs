//! The engine: one write, from load to commit, by whoever races for it.
//!
//! **Round**: load home and what the decision concerns, recognise the proof, decide, ask who has to be asked, decide again,
//! write once. A round whose write is refused, because another write came first, is followed by a new one.
//!
//! # Timelines
//!
//! With *home* at version 4. The condition of every write is the version that was loaded.
//!
//! ```text
//! the answer of a write is lost, and the client repeats it
//!   A  load 4, decide, write 5 ok (answer lost) . again: refused, 5 is there . load 5: finds its own proof -> done
//!
//! the same message is delivered to two
//!   A  load 4, decide, write 5 ok
//!   B  load 4, decide, ........... write 5: refused . load 5: finds A's proof -> repeated, A's reply
//!
//! the process dies after the write, and a third write follows before the message comes back
//!   A  load 4, decide, write 5 ok, dies
//!   C                               load 5, write 6 ok (keeps A's proof)
//!   A' (same message)                                   load 6: finds the proof -> repeated
//!
//! two that are no repeats want the last of something
//!   A  load 4, SKU at 7, decide, write 5 and 8 ok
//!   B  load its own home, SKU at 7, decide, ..... write: refused . load SKU at 8: none left, decide: no
//!
//! several aggregates are loaded one after the other, and a twin commits in between: they do not fit together
//!   A  load home 4, .......................... load SKU 8, decide: it does not fit . home is at 5 by now: start over
//!   B                load 4 and 7, write 5 and 8 ok
//!
//! a redriven workflow asks again with another token
//!   A  load 4, decide, write 5 ok, answers token 1
//!   A' (token 2)  load 5: proof for token 1 -> write 6: the same reply to token 2
//!
//! somebody outside is asked, and the process dies meanwhile: what will be asked is recorded first
//!   A  load 4, record 5, load 5, ask ....... dies
//!   A' (same message)                        load 5, ask the same: the same answer, write 6
//!
//! a compensation comes while its action asks
//!   A  load 4, record 5, load 5, ask .................. write 6: refused . load 6, decide on what U left
//!   U  (its compensation)       load 5, ask the same, undo it, write 6
//!
//! a lease: an attempt is begun by one write and ended by another, over the image that the first one left
//!   A  load 4, begin: write 5 ok . works ........... end over 5: write 6 ok
//!   B  load 4, begin: write 5 refused . load 5: A works until its deadline -> comes back then
//!
//! an owner that was taken for dead comes back
//!   A  begin: write 5 ok . works ........................ end over 5: refused . load 7: no proof of its own -> taken over
//!   B           (deadline over)  begin: write 6 ok . works . end over 6: write 7 ok
//!
//! what is created is not loaded first
//!   A  write 1 over "absent" ok
//!   B  write 1 over "absent": refused . load 1: the same request -> as A; another one -> its own error
//! ```

use std::convert::Infallible;
use std::error::Error;
use std::time::SystemTime;

use futures::future::try_join_all;

use crate::commit::{AggregateStore, Commit, CommitError, Refused, StoreError};
use crate::decision::{Change, Decision, Write};
use crate::ids::AggregateId;
use crate::image::Image;
use crate::message::Reply;

/// What a decision is made from.
#[derive(Debug)]
pub struct Loaded<'a, A = Infallible> {
    /// The aggregate that is written to.
    pub home: &'a Image,
    /// What the decision concerns beside home, in the order in which it was named.
    pub others: &'a [Image],
    /// The answers to what was asked in this round, in order.
    pub answers: &'a [A],
    /// The time of the write, if it is made now.
    pub now: SystemTime,
}

/// One step of a decision that has to ask.
#[derive(Debug)]
pub enum Step<Q> {
    /// Write these changes before anything is asked: whoever undoes it then knows what may have been asked. The next
    /// round decides on them. No proof is kept of it and no reply given; that it was done shows in the state.
    Record(Vec<Change>),
    /// Ask this, then decide again with the answer. In a later round, or by another process, the same is asked again: it
    /// has to be answered the same.
    Ask(Q),
    /// Decided.
    Done(Decision),
}

/// A write that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// Home as the decision, or the proof, found it.
    pub found: Image,
    /// Home as this call wrote it; `None` where there was nothing to write.
    pub written: Option<Image>,
    /// The reply, the same however often a command arrives.
    pub reply: Option<Reply>,
    /// Whether the command had been handled before this call.
    pub repeated: bool,
}

impl Handled {
    /// Home as it is now.
    #[must_use]
    pub fn home(&self) -> &Image {
        self.written.as_ref().unwrap_or(&self.found)
    }
}

/// A write that was not made, or is not known to be. `E` is the caller's own error.
#[derive(Debug, thiserror::Error)]
pub enum HandleError<E> {
    /// `decide` or `ask` failed, on what is stored. Whether that is worth trying again is the caller's to know.
    #[error("no decision was reached")]
    Decision(#[source] E),
    /// The decision can never be carried out. Permanent.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Other writes came first, every time. Transient.
    #[error("conflict: {rounds} times another write to {home} came first")]
    Conflict {
        /// The aggregate that was to be written to.
        home: AggregateId,
        /// How often it was tried.
        rounds: usize,
    },
    /// The store failed; whether the commit was written is unknown, and the next call will find it. Transient.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<E: Into<Box<dyn Error + Send + Sync>>> HandleError<E> {
    /// For callers to whom all errors are one.
    #[must_use]
    pub fn into_boxed(self) -> Box<dyn Error + Send + Sync> {
        match self {
            Self::Decision(error) => error.into(),
            Self::Refused(error) => error.into(),
            Self::Conflict { home, rounds } => HandleError::<Infallible>::Conflict { home, rounds }.into(),
            Self::Store(error) => error.into(),
        }
    }
}

/// Makes one atomic write of what `decide` decides, once however often it is called.
///
/// `concerns` names, seeing home, the aggregates that the decision needs beside it. `decide` is pure; it is called again
/// when another write came first. A decision without changes and without a reply writes nothing. What was loaded but does
/// not change is not guarded: it may have changed meanwhile.
///
/// Once this is `Ok` everything is written; the relay publishes and replies. The timelines stand in `handle.rs`.
///
/// # Errors
/// [`HandleError`] tells which are worth trying again.
pub async fn handle<S: AggregateStore, E>(
    store: &S,
    write: &Write,
    now: SystemTime,
    concerns: impl Fn(&Image) -> Vec<AggregateId>,
    decide: impl Fn(Loaded<'_>) -> Result<Decision, E>,
) -> Result<Handled, HandleError<E>> {
    let decide = |loaded: Loaded<'_>| decide(loaded).map(Step::<Infallible>::Done);
    handle_asking(store, write, || now, concerns, decide, async |never| match never {}).await
}

/// As [`handle`], for a decision that has to ask somebody outside: `decide` goes by [`Step`]s, and `ask` asks. `clock` tells
/// the time, which goes on meanwhile: what happened, happened when all is answered.
///
/// # Errors
/// As [`handle`], and what `ask` fails with.
pub async fn handle_asking<S: AggregateStore, Q, A, E>(
    store: &S,
    write: &Write,
    clock: impl Fn() -> SystemTime,
    concerns: impl Fn(&Image) -> Vec<AggregateId>,
    decide: impl Fn(Loaded<'_, A>) -> Result<Step<Q>, E>,
    ask: impl AsyncFn(Q) -> Result<A, E>,
) -> Result<Handled, HandleError<E>> {
    let mut known = write.known.clone();
    let mut has_tried = false;
    // One round more than writes: the last one looks whether the proof, or what another write left, settles it.
    'rounds: for round in 0..=write.rounds {
        let is_last = round == write.rounds;
        let home = match known.take() {
            Some(home) => home,
            None => store.load(&write.home).await?,
        };
        let (commit, handled) = if let Some(proof) = write.id.as_ref().and_then(|id| home.proof(id)) {
            // After a write of this call the proof may be its own, whose answer was lost.
            let (reply, repeated) = (proof.reply.clone(), !has_tried);
            if proof.answers(write.token.as_ref()) {
                return Ok(Handled { found: home, written: None, reply, repeated });
            }
            let commit = Commit::repeated(write, &home, proof, clock())?;
            (commit, Some(Handled { found: home, written: None, reply, repeated }))
        } else {
            let others = try_join_all(concerns(&home).iter().map(|id| store.load(id))).await?;
            let mut answers = Vec::new();
            let (step, now) = loop {
                let now = clock();
                match decide(Loaded { home: &home, others: &others, answers: &answers, now }) {
                    Ok(Step::Ask(question)) if !is_last => {
                        answers.push(ask(question).await.map_err(HandleError::Decision)?);
                    }
                    Ok(step) => break (step, now),
                    // A decision that is written is guarded by the versions of what it changes; one that gives up is not.
                    Err(error) => {
                        let is_at_once = others.is_empty() && answers.is_empty();
                        if !is_at_once && has_changed(store, &home, &others).await? {
                            continue 'rounds;
                        }
                        return Err(HandleError::Decision(error));
                    }
                }
            };
            match step {
                Step::Ask(_) => break,
                Step::Record(changes) => (Commit::recorded(&home, &others, changes)?, None),
                Step::Done(decision) => {
                    let reply = decision.reply.clone();
                    if decision.is_empty() {
                        return Ok(Handled { found: home, written: None, reply, repeated: false });
                    }
                    has_tried = true;
                    let commit = Commit::decided(write, &home, &others, decision, now)?;
                    (commit, Some(Handled { found: home, written: None, reply, repeated: false }))
                }
            }
        };
        if is_last {
            break;
        }
        match (store.commit(&commit).await, handled) {
            (Ok(()), Some(handled)) => return Ok(Handled { written: commit.into_home(), ..handled }),
            (Ok(()), None) | (Err(CommitError::Conflict), _) => {}
            (Err(CommitError::Store(error)), _) => return Err(error.into()),
        }
    }
    Err(HandleError::Conflict { home: write.home.clone(), rounds: write.rounds })
}

/// Whether anything of what was loaded has changed since: then it may never have stood beside each other.
async fn has_changed<S: AggregateStore>(store: &S, home: &Image, others: &[Image]) -> Result<bool, StoreError> {
    let then = || std::iter::once(home).chain(others);
    let now = try_join_all(then().map(|image| store.load(image.aggregate()))).await?;
    Ok(now.iter().zip(then()).any(|(now, then)| now.version() != then.version()))
}

#[cfg(test)]
#[path = "handle_tests.rs"]
mod tests;
