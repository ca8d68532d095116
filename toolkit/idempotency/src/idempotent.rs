//! Runs a handler once for each key, and replays its response to repeats.
//!
//! ```text
//! A  claim .... handler .... complete(response)           -> response, Ran
//! B     claim: in progress                                -> Error::InProgress
//! C                              claim: done              -> response, Replayed
//! ```
//!
//! And what happens if the owner dies:
//!
//! | right after | the next call, once the lease is over |
//! |---|---|
//! | the claim | takes over and runs the handler for the first time |
//! | the handler | takes over and **runs the handler again**: make its effect idempotent too, or complete in its transaction |
//! | the completion | is given the response |

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::claim::{Claim, ClaimRequest, Claimed, CompletedClaim, Fence, Key, Store};
use crate::error::Error;
use crate::part::Part;
use crate::response::{self, MAX_INLINE, NoOverflow, Overflow, Sealed, Unrecorded};

type Hook<A> = dyn Fn(A, &CompletedClaim) -> A + Send + Sync;
type Notice = dyn Fn(&Unrecorded) + Send + Sync;

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

/// A response, and how it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled<A> {
    /// The response.
    pub response: A,
    /// How it was made.
    pub execution: Execution,
}

/// How a response was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execution {
    /// The handler ran, and its response is on record.
    Ran,
    /// The handler ran, but is not on record as it should be: fenced off, the store failed, or the response was too large.
    /// Its effect has happened, so its response is given all the same. [`Idempotent::on_unrecorded`] gets the reason.
    RanUnrecorded,
    /// The handler ran without a claim: switched off, or without a key.
    RanUnguarded,
    /// The response on record; the handler did not run.
    Replayed,
}

/// How a call goes on.
#[derive(Debug)]
pub enum Admission<A> {
    /// Run it, then complete or release the claim.
    Owner(Claim),
    /// Run it without a claim.
    Unguarded,
    /// Do not run it: this is its response.
    Replay(A),
}

/// Idempotency for events `E` with responses `A`, over a store and, for large responses, another.
pub struct Idempotent<E, A, S, O = NoOverflow> {
    store: S,
    scope: String,
    key: Part<E>,
    recognised_for: Duration,
    payload: Option<Part<E>>,
    without_key: bool,
    off: bool,
    on_replay: Option<Box<Hook<A>>>,
    on_unrecorded: Option<Box<Notice>>,
    max_inline: usize,
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
            on_unrecorded: None,
            max_inline: MAX_INLINE,
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

    /// The switch: while `off`, every event runs unguarded, without the store.
    #[must_use]
    pub fn disabled(self, off: bool) -> Self {
        Self { off, ..self }
    }

    /// Passes each response that is given again through `hook`, for instance to mark it as a repeat.
    #[must_use]
    pub fn on_replay(self, hook: impl Fn(A, &CompletedClaim) -> A + Send + Sync + 'static) -> Self {
        Self { on_replay: Some(Box::new(hook)), ..self }
    }

    /// Calls `notice` with the reason why a response is not on record as it should be, for a log.
    #[must_use]
    pub fn on_unrecorded(self, notice: impl Fn(&Unrecorded) + Send + Sync + 'static) -> Self {
        Self { on_unrecorded: Some(Box::new(notice)), ..self }
    }

    /// Stores responses of more than `max_inline` bytes in `overflow`. Without this, responses that do not fit into a record
    /// are not stored, and a repeat is [`Error::ResponseNotStored`]. At most 392 KiB stay in the record; less is
    /// cheaper, because DynamoDB bills every repeat by the record's size.
    #[must_use]
    pub fn overflow<P>(self, max_inline: usize, overflow: P) -> Idempotent<E, A, S, P> {
        let Self { store, scope, key, recognised_for, payload, without_key, off, on_replay, on_unrecorded, .. } = self;
        let max_inline = max_inline.min(MAX_INLINE);
        Idempotent {
            store,
            scope,
            key,
            recognised_for,
            payload,
            without_key,
            off,
            on_replay,
            on_unrecorded,
            max_inline,
            overflow,
        }
    }
}

impl<E, A: Serialize + DeserializeOwned, S: Store, O: Overflow> Idempotent<E, A, S, O> {
    /// Runs `handler` once for the event's key, and replays its response to repeats.
    ///
    /// A response of the handler is never withheld: where it could not be recorded, the call is [`Execution::RanUnrecorded`]. An
    /// error of the handler releases the claim. A handler that panics, or whose invocation ends, leaves the claim to its lease.
    ///
    /// # Errors
    /// [`Error`]: the handler's own, or why it did not run.
    pub async fn run<F, H>(&self, event: &E, call: Call, handler: impl FnOnce() -> F) -> Result<Handled<A>, Error<H>>
    where
        F: Future<Output = Result<A, H>>,
    {
        let admission = self.begin(event, call).await?;
        self.proceed(admission, handler).await
    }

    /// As [`Idempotent::run`], for a handler that completes the claim itself, in a transaction with its own writes. It gets
    /// the claim (none where it runs unguarded), makes the record's text with [`Idempotent::seal`] and the transaction's
    /// item with `DynamoDbStore::completion`.
    ///
    /// # Errors
    /// As [`Idempotent::run`]. A handler that was fenced off returns an error of its own.
    pub async fn run_in_transaction<F, H>(
        &self,
        event: &E,
        call: Call,
        handler: impl FnOnce(Option<Claim>) -> F,
    ) -> Result<Handled<A>, Error<H>>
    where
        F: Future<Output = Result<A, H>>,
    {
        let (claim, execution) = match self.begin(event, call).await? {
            Admission::Replay(response) => return Ok(Handled { response, execution: Execution::Replayed }),
            Admission::Unguarded => (None, Execution::RanUnguarded),
            Admission::Owner(claim) => (Some(claim), Execution::Ran),
        };
        match handler(claim.clone()).await {
            Ok(response) => Ok(Handled { response, execution }),
            Err(error) => Err(self.release(claim.as_ref(), error).await),
        }
    }

    /// Claims the event's key, for a caller that runs, completes and releases by itself.
    ///
    /// # Errors
    /// [`Error`]: why it is not to run, and has no response.
    pub async fn begin<H>(&self, event: &E, call: Call) -> Result<Admission<A>, Error<H>> {
        if self.off {
            return Ok(Admission::Unguarded);
        }
        let Some(key) = self.key.key(&self.scope, event)? else {
            return if self.without_key { Ok(Admission::Unguarded) } else { Err(Error::MissingKey) };
        };
        let fingerprint = self.payload.as_ref().map(|payload| payload.fingerprint(event)).transpose()?;
        let request = ClaimRequest {
            key: &key,
            fence: call.fence,
            lease_until: call.deadline,
            expires_at: call.now + self.recognised_for,
            label: None,
            fingerprint: fingerprint.as_ref(),
        };
        match self.store.claim(request, call.now).await? {
            Claimed::Owner(claim) => Ok(Admission::Owner(claim)),
            Claimed::InProgress { lease_until } => Err(Error::InProgress { key, lease_until }),
            Claimed::Mismatch => Err(Error::Mismatch { key }),
            Claimed::Done(completed) => self.replay(key, &completed).await.map(Admission::Replay),
        }
    }

    /// Records that a claim's work is done, with its response.
    ///
    /// # Errors
    /// [`Unrecorded`]: what of it is not on record.
    pub async fn complete(&self, claim: &Claim, response: &A) -> Result<(), Unrecorded> {
        let Sealed { text, dropped } = self.seal(claim, response).await;
        self.store.complete(claim, Some(&text)).await?;
        dropped.map_or(Ok(()), Err)
    }

    /// The response as it goes into the record; one that is too large is then in its store.
    pub async fn seal(&self, claim: &Claim, response: &A) -> Sealed {
        response::seal(claim, response, self.max_inline, &self.overflow).await
    }

    /// Runs an admitted call, and completes or releases its claim.
    pub(crate) async fn proceed<F, H>(
        &self,
        admission: Admission<A>,
        handler: impl FnOnce() -> F,
    ) -> Result<Handled<A>, Error<H>>
    where
        F: Future<Output = Result<A, H>>,
    {
        let claim = match admission {
            Admission::Replay(response) => return Ok(Handled { response, execution: Execution::Replayed }),
            Admission::Unguarded => {
                return match handler().await {
                    Ok(response) => Ok(Handled { response, execution: Execution::RanUnguarded }),
                    Err(error) => Err(Error::Handler(error)),
                };
            }
            Admission::Owner(claim) => claim,
        };
        let response = match handler().await {
            Ok(response) => response,
            Err(error) => return Err(self.release(Some(&claim), error).await),
        };
        let Err(unrecorded) = self.complete(&claim, &response).await else {
            return Ok(Handled { response, execution: Execution::Ran });
        };
        if let Some(notice) = &self.on_unrecorded {
            notice(&unrecorded);
        }
        Ok(Handled { response, execution: Execution::RanUnrecorded })
    }

    /// Releases a claim, so that the next try need not wait for the lease. Where that fails, the lease ends it.
    async fn release<H>(&self, claim: Option<&Claim>, error: H) -> Error<H> {
        if let Some(claim) = claim {
            let _ = self.store.release(claim).await;
        }
        Error::Handler(error)
    }

    async fn replay<H>(&self, key: Key, completed: &CompletedClaim) -> Result<A, Error<H>> {
        let stored = response::unseal(completed.response.as_deref(), &self.overflow).await;
        let response = stored.map_err(|why| Error::unreadable(key, why))?;
        Ok(match &self.on_replay {
            Some(hook) => hook(response, completed),
            None => response,
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
