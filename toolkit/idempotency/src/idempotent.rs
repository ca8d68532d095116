//! Runs a handler once for each key, and gives its answer to whoever calls again.
//!
//! ```text
//! A  claim .... handler .... complete(answer)             -> answer, Ran
//! B     claim: in progress                                -> Error::InProgress
//! C                              claim: done              -> answer, Replayed
//! ```
//!
//! And what happens if the owner dies:
//!
//! | right after | the next call, once the lease is over |
//! |---|---|
//! | the claim | takes over and runs the handler for the first time |
//! | the handler | takes over and **runs the handler again**: make its effect idempotent too, or complete in its transaction |
//! | the completion | is given the answer |

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{self, MOST_INLINE, NoOverflow, Overflow, Sealed, Unkept};
use crate::error::Error;
use crate::{Claim, Claimed, Fence, Key, Part, Proof, Request, Store};

type Hook<A> = dyn Fn(A, &Proof) -> A + Send + Sync;
type Notice = dyn Fn(&Unkept) + Send + Sync;

/// No record has to last longer. Durations like [`Duration::MAX`] would leave the calendar.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The time and the randomness of one call, which the caller knows.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Now.
    pub now: SystemTime,
    /// When the caller is certainly dead: on Lambda, the invocation's deadline.
    pub deadline: SystemTime,
    /// Drawn for this call alone. Two records of a batch that share a fence can both own one key: draw one for each.
    pub fence: Fence,
}

/// An answer, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<A> {
    /// The answer.
    pub answer: A,
    /// Where it comes from.
    pub how: How,
}

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The handler ran, and its answer is on record.
    Ran,
    /// The handler ran, but is not on record as it should be: fenced off, the store failed, or the answer was too large.
    /// Its effect has happened, so its answer is given all the same. [`Idempotent::on_unkept`] is told why.
    RanUnkept,
    /// The handler ran without a claim: switched off, or without a key.
    RanUnguarded,
    /// The answer on record; the handler did not run.
    Replayed,
}

/// What to do with a call.
#[derive(Debug)]
pub enum Begun<A> {
    /// Run it, then complete or release the claim.
    Owner(Claim),
    /// Run it without a claim.
    Unguarded,
    /// Do not run it: this is its answer.
    Replay(A),
}

/// Idempotency for events `E` with answers `A`, over a store and, for large answers, a place where they go.
pub struct Idempotent<E, A, S, O = NoOverflow> {
    store: S,
    scope: String,
    key: Part<E>,
    recognised_for: Duration,
    payload: Option<Part<E>>,
    without_key: bool,
    off: bool,
    on_replay: Option<Box<Hook<A>>>,
    on_unkept: Option<Box<Notice>>,
    most_inline: usize,
    overflow: O,
}

impl<E, A, S> Idempotent<E, A, S> {
    /// Events of one `scope` (the key prefix: a function, a kind of command) with the same `key` are one, for as long as
    /// they are `recognised_for` (a hundred years at most).
    pub fn new(store: S, scope: impl Into<String>, key: Part<E>, recognised_for: Duration) -> Self {
        Self {
            store,
            scope: scope.into(),
            key,
            recognised_for: recognised_for.min(LONGEST),
            payload: None,
            without_key: false,
            off: false,
            on_replay: None,
            on_unkept: None,
            most_inline: MOST_INLINE,
            overflow: NoOverflow,
        }
    }
}

impl<E, A, S, O> Idempotent<E, A, S, O> {
    /// Refuses a key that was used before while this part of the event was another ([`Error::Mismatch`]).
    #[must_use]
    pub fn checking(self, payload: Part<E>) -> Self {
        Self { payload: Some(payload), ..self }
    }

    /// Runs events without a key, unguarded. Otherwise they are refused ([`Error::MissingKey`]).
    #[must_use]
    pub fn allow_missing_key(self) -> Self {
        Self { without_key: true, ..self }
    }

    /// The switch: while `off`, every event runs unguarded, and the store is not asked.
    #[must_use]
    pub fn disabled(self, off: bool) -> Self {
        Self { off, ..self }
    }

    /// Passes each answer that is given again through `hook`, for instance to mark it as a repeat.
    #[must_use]
    pub fn on_replay(self, hook: impl Fn(A, &Proof) -> A + Send + Sync + 'static) -> Self {
        Self { on_replay: Some(Box::new(hook)), ..self }
    }

    /// Tells `notice` why something that was done is not on record as it should be, for a log.
    #[must_use]
    pub fn on_unkept(self, notice: impl Fn(&Unkept) + Send + Sync + 'static) -> Self {
        Self { on_unkept: Some(Box::new(notice)), ..self }
    }

    /// Keeps answers of more than `most_inline` bytes in `overflow`. Without this, answers that do not fit into a record
    /// are not kept, and a repeat is [`Error::AnswerNotKept`]. At most 392 KiB stay in the record, whatever is asked; less is
    /// cheaper, because DynamoDB bills every repeat by the record's size.
    #[must_use]
    pub fn overflow<P>(self, most_inline: usize, overflow: P) -> Idempotent<E, A, S, P> {
        let Self { store, scope, key, recognised_for, payload, without_key, off, on_replay, on_unkept, .. } = self;
        let most_inline = most_inline.min(MOST_INLINE);
        Idempotent {
            store,
            scope,
            key,
            recognised_for,
            payload,
            without_key,
            off,
            on_replay,
            on_unkept,
            most_inline,
            overflow,
        }
    }
}

impl<E, A: Serialize + DeserializeOwned, S: Store, O: Overflow> Idempotent<E, A, S, O> {
    /// Runs `handler` once for the event's key, and answers repeats with what it answered.
    ///
    /// An answer of the handler is never withheld: where it could not be recorded, [`How::RanUnkept`] says so. An error
    /// of the handler lets the claim go. A handler that panics, or whose invocation ends, leaves the claim to its lease.
    ///
    /// # Errors
    /// [`Error`]: the handler's own, or why it did not run.
    pub async fn run<F, H>(&self, event: &E, call: Call, handler: impl FnOnce() -> F) -> Result<Answered<A>, Error<H>>
    where
        F: Future<Output = Result<A, H>>,
    {
        let begun = self.begin(event, call).await?;
        self.proceed(begun, handler).await
    }

    /// As [`Idempotent::run`], for a handler that completes the claim itself, in a transaction with its own writes. It gets
    /// the claim (none where it runs unguarded), makes the record's text with [`Idempotent::seal`] and the transaction's
    /// item with `DynamoDbStore::completion`.
    ///
    /// # Errors
    /// As [`Idempotent::run`]. A handler that was fenced off says so in an error of its own.
    pub async fn run_in_transaction<F, H>(
        &self,
        event: &E,
        call: Call,
        handler: impl FnOnce(Option<Claim>) -> F,
    ) -> Result<Answered<A>, Error<H>>
    where
        F: Future<Output = Result<A, H>>,
    {
        let (claim, how) = match self.begin(event, call).await? {
            Begun::Replay(answer) => return Ok(Answered { answer, how: How::Replayed }),
            Begun::Unguarded => (None, How::RanUnguarded),
            Begun::Owner(claim) => (Some(claim), How::Ran),
        };
        match handler(claim.clone()).await {
            Ok(answer) => Ok(Answered { answer, how }),
            Err(error) => Err(self.let_go(claim.as_ref(), error).await),
        }
    }

    /// Claims the event's key, for a caller that runs, completes and releases by itself.
    ///
    /// # Errors
    /// [`Error`]: why it is not to run, and has no answer.
    pub async fn begin<H>(&self, event: &E, call: Call) -> Result<Begun<A>, Error<H>> {
        if self.off {
            return Ok(Begun::Unguarded);
        }
        let Some(key) = self.key.key(&self.scope, event)? else {
            return if self.without_key { Ok(Begun::Unguarded) } else { Err(Error::MissingKey) };
        };
        let fingerprint = self.payload.as_ref().map(|payload| payload.fingerprint(event)).transpose()?;
        let request = Request {
            key: &key,
            fence: call.fence,
            lease_until: call.deadline,
            expires_at: call.now + self.recognised_for,
            label: None,
            fingerprint: fingerprint.as_ref(),
        };
        match self.store.claim(request, call.now).await? {
            Claimed::Owner(claim) => Ok(Begun::Owner(claim)),
            Claimed::InProgress { lease_until } => Err(Error::InProgress { key, lease_until }),
            Claimed::Mismatch => Err(Error::Mismatch { key }),
            Claimed::Done(proof) => self.replay(key, &proof).await.map(Begun::Replay),
        }
    }

    /// Records that a claim's work is done, with its answer.
    ///
    /// # Errors
    /// [`Unkept`]: what of it is not on record.
    pub async fn complete(&self, claim: &Claim, answer: &A) -> Result<(), Unkept> {
        let Sealed { text, dropped } = self.seal(claim, answer).await;
        self.store.complete(claim, Some(&text)).await?;
        dropped.map_or(Ok(()), Err)
    }

    /// The answer as it goes into the record; one that is too large has then gone to its place.
    pub async fn seal(&self, claim: &Claim, answer: &A) -> Sealed {
        answer::seal(claim, answer, self.most_inline, &self.overflow).await
    }

    /// Runs what was begun, and completes or releases it.
    pub(crate) async fn proceed<F, H>(
        &self,
        begun: Begun<A>,
        handler: impl FnOnce() -> F,
    ) -> Result<Answered<A>, Error<H>>
    where
        F: Future<Output = Result<A, H>>,
    {
        let claim = match begun {
            Begun::Replay(answer) => return Ok(Answered { answer, how: How::Replayed }),
            Begun::Unguarded => {
                return match handler().await {
                    Ok(answer) => Ok(Answered { answer, how: How::RanUnguarded }),
                    Err(error) => Err(Error::Handler(error)),
                };
            }
            Begun::Owner(claim) => claim,
        };
        let answer = match handler().await {
            Ok(answer) => answer,
            Err(error) => return Err(self.let_go(Some(&claim), error).await),
        };
        let Err(unkept) = self.complete(&claim, &answer).await else { return Ok(Answered { answer, how: How::Ran }) };
        if let Some(notice) = &self.on_unkept {
            notice(&unkept);
        }
        Ok(Answered { answer, how: How::RanUnkept })
    }

    /// Lets a claim go, so that the next try need not wait for the lease. Where that fails, the lease ends it.
    async fn let_go<H>(&self, claim: Option<&Claim>, error: H) -> Error<H> {
        if let Some(claim) = claim {
            let _ = self.store.release(claim).await;
        }
        Error::Handler(error)
    }

    async fn replay<H>(&self, key: Key, proof: &Proof) -> Result<A, Error<H>> {
        let kept = answer::unseal(proof.answer.as_deref(), &self.overflow).await;
        let answer = kept.map_err(|why| Error::unreadable(key, why))?;
        Ok(match &self.on_replay {
            Some(hook) => hook(answer, proof),
            None => answer,
        })
    }
}

impl<E, A, S: fmt::Debug, O: fmt::Debug> fmt::Debug for Idempotent<E, A, S, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent")
            .field("scope", &self.scope)
            .field("store", &self.store)
            .field("overflow", &self.overflow)
            .finish_non_exhaustive()
    }
}
