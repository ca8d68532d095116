//! How an answer is kept: in the record while it fits, elsewhere when it does not.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Claim, FinishError};

/// What of DynamoDB's item limit of 400 KiB is kept for the rest of the record: a key of 2 KiB at most, a label, numbers.
const REST: usize = 8 * 1024;
/// The most bytes of an answer that any store takes in a record.
pub(crate) const MOST_INLINE: usize = 400 * 1024 - REST;

/// Keeps the answers that are too large for a record.
pub trait Overflow: Send + Sync {
    /// Keeps an answer under a name that is used once.
    ///
    /// # Errors
    /// [`OverflowError`] where it cannot be kept.
    fn keep(&self, name: &str, answer: &str) -> impl Future<Output = Result<(), OverflowError>> + Send;

    /// Brings an answer back.
    ///
    /// # Errors
    /// [`OverflowError`] where it cannot be had.
    fn fetch(&self, name: &str) -> impl Future<Output = Result<String, OverflowError>> + Send;
}

/// There is no place for answers that are too large: they are not kept, and the record says so.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOverflow;

/// The place for large answers could not be asked, or has none of the name.
#[derive(Debug, thiserror::Error)]
#[error("the store of large answers failed to {operation} {name}")]
pub struct OverflowError {
    /// What was attempted.
    pub operation: &'static str,
    /// On which answer.
    pub name: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Why the handler's work, though done, is not on record as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Unkept {
    /// The claim could not be completed: a successor had taken over, or the store failed. It may be done twice.
    #[error(transparent)]
    Claim(#[from] FinishError),
    /// It is on record as done, without its answer, which is too large and has no place to go.
    #[error("the answer of {bytes} bytes is too large to be kept")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is on record as done, without its answer, which could not be put where large answers go.
    #[error(transparent)]
    Overflow(#[from] OverflowError),
    /// It is on record as done, without its answer, which cannot be written as JSON.
    #[error("the answer cannot be written as JSON")]
    NotJson,
}

/// An answer as it goes into the record.
#[derive(Debug)]
pub struct Sealed {
    /// For [`crate::Store::complete`], or the completion of a transaction.
    pub text: String,
    /// Why the answer itself is not in it.
    pub dropped: Option<Unkept>,
}

/// What stands in the record.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kept<'a> {
    #[serde(borrow)]
    Answer(&'a RawValue),
    At(String),
    Dropped,
}

/// Why a kept answer cannot be given again.
pub(crate) enum Unreadable {
    Dropped,
    NotAsExpected,
    Overflow(OverflowError),
}

pub(crate) async fn seal<A: Serialize>(
    claim: &Claim,
    answer: &A,
    most_inline: usize,
    overflow: &impl Overflow,
) -> Sealed {
    let Ok(raw) = serde_json::value::to_raw_value(answer) else { return dropped(Unkept::NotJson) };
    let bytes = raw.get().len();
    if bytes <= most_inline {
        return Sealed { text: text(&Kept::Answer(&raw)), dropped: None };
    }
    // The fence stands in the name, so that a late owner cannot overwrite the answer of its successor. Dying between here
    // and the completion leaves an object that nothing names.
    let name = format!("{}/{}", claim.key.as_str().replace('#', "/"), claim.fence);
    match overflow.keep(&name, raw.get()).await {
        Ok(()) => Sealed { text: text(&Kept::At(name)), dropped: None },
        Err(error) if error.source.is::<NoPlace>() => dropped(Unkept::TooLarge { bytes }),
        Err(error) => dropped(error.into()),
    }
}

pub(crate) async fn unseal<A: serde::de::DeserializeOwned>(
    text: Option<&str>,
    overflow: &impl Overflow,
) -> Result<A, Unreadable> {
    // A claim that was completed by hand, without an answer, was done without one: `null`, as `()` is written.
    let Some(text) = text else { return read("null") };
    match serde_json::from_str(text).map_err(|_| Unreadable::NotAsExpected)? {
        Kept::Answer(raw) => read(raw.get()),
        Kept::At(name) => read(&overflow.fetch(&name).await.map_err(Unreadable::Overflow)?),
        Kept::Dropped => Err(Unreadable::Dropped),
    }
}

fn read<A: serde::de::DeserializeOwned>(json: &str) -> Result<A, Unreadable> {
    serde_json::from_str(json).map_err(|_| Unreadable::NotAsExpected)
}

fn dropped(why: Unkept) -> Sealed {
    Sealed { text: text(&Kept::Dropped), dropped: Some(why) }
}

fn text(kept: &Kept<'_>) -> String {
    // Invariant: strings and JSON that was written before can be written.
    #[expect(clippy::expect_used, reason = "strings and JSON that was written before can be written")]
    serde_json::to_string(kept).expect("strings and JSON that was written before can be written")
}

#[derive(Debug, thiserror::Error)]
#[error("there is no store of large answers")]
struct NoPlace;

impl Overflow for NoOverflow {
    async fn keep(&self, name: &str, _answer: &str) -> Result<(), OverflowError> {
        Err(OverflowError { operation: "keep", name: name.to_owned(), source: NoPlace.into() })
    }

    async fn fetch(&self, name: &str) -> Result<String, OverflowError> {
        Err(OverflowError { operation: "fetch", name: name.to_owned(), source: NoPlace.into() })
    }
}
