//! How a response is stored: in the record while it fits, elsewhere when it does not.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::claim::{Claim, FinishError};

/// What of DynamoDB's item limit of 400 KiB is left for the rest of the record: a key of 2 KiB at most, a label, numbers.
const REST: usize = 8 * 1024;
/// The most bytes of a response that any store takes in a record.
pub(crate) const MAX_INLINE: usize = 400 * 1024 - REST;

/// Stores the responses that are too large for a record.
pub trait Overflow: Send + Sync {
    /// Stores a response under a name that is used once.
    ///
    /// # Errors
    /// [`OverflowError`] where it cannot be stored.
    fn put(&self, name: &str, response: &str) -> impl Future<Output = Result<(), OverflowError>> + Send;

    /// Reads a stored response.
    ///
    /// # Errors
    /// [`OverflowError`] where it cannot be read.
    fn get(&self, name: &str) -> impl Future<Output = Result<String, OverflowError>> + Send;
}

/// No store of large responses: they are dropped, and the record is marked so.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoOverflow;

/// The store of large responses failed, or has none of the name.
#[derive(Debug, thiserror::Error)]
#[error("the store of large responses failed to {operation} {name}")]
pub struct OverflowError {
    /// What was attempted.
    pub operation: &'static str,
    /// On which response.
    pub name: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Why the handler's work, though done, is not on record as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Unrecorded {
    /// The claim could not be completed: a successor had taken over, or the store failed. It may be done twice.
    #[error(transparent)]
    Claim(#[from] FinishError),
    /// It is on record as done, without its response, which is too large and has no store.
    #[error("the response of {bytes} bytes is too large to be stored")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is on record as done, without its response, because the store of large responses failed.
    #[error(transparent)]
    Overflow(#[from] OverflowError),
    /// It is on record as done, without its response, which cannot be written as JSON.
    #[error("the response cannot be written as JSON")]
    NotJson,
}

/// A response as it goes into the record.
#[derive(Debug)]
pub struct Sealed {
    /// For [`crate::Store::complete`], or the completion of a transaction.
    pub text: String,
    /// Why the response itself is not in it.
    pub dropped: Option<Unrecorded>,
}

/// What stands in the record.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Stored<'a> {
    #[serde(borrow)]
    #[serde(rename = "answer")]
    Response(&'a RawValue),
    At(String),
    Dropped,
}

/// Why a stored response cannot be replayed.
pub(crate) enum Unreadable {
    Dropped,
    NotAsExpected,
    Overflow(OverflowError),
}

pub(crate) async fn seal<A: Serialize>(
    claim: &Claim,
    response: &A,
    max_inline: usize,
    overflow: &impl Overflow,
) -> Sealed {
    let Ok(raw) = serde_json::value::to_raw_value(response) else { return dropped(Unrecorded::NotJson) };
    let bytes = raw.get().len();
    if bytes <= max_inline {
        return Sealed { text: text(&Stored::Response(&raw)), dropped: None };
    }
    // The fence stands in the name, so that a late owner cannot overwrite the response of its successor. Dying between here
    // and the completion leaves an object that nothing names.
    let name = format!("{}/{}", claim.key.as_str().replace('#', "/"), claim.fence);
    match overflow.put(&name, raw.get()).await {
        Ok(()) => Sealed { text: text(&Stored::At(name)), dropped: None },
        Err(error) if error.source.is::<NoOverflowStore>() => dropped(Unrecorded::TooLarge { bytes }),
        Err(error) => dropped(error.into()),
    }
}

pub(crate) async fn unseal<A: serde::de::DeserializeOwned>(
    text: Option<&str>,
    overflow: &impl Overflow,
) -> Result<A, Unreadable> {
    // A claim that was completed by hand, without a response, was done without one: `null`, as `()` is written.
    let Some(text) = text else { return read("null") };
    match serde_json::from_str(text).map_err(|_| Unreadable::NotAsExpected)? {
        Stored::Response(raw) => read(raw.get()),
        Stored::At(name) => read(&overflow.get(&name).await.map_err(Unreadable::Overflow)?),
        Stored::Dropped => Err(Unreadable::Dropped),
    }
}

fn read<A: serde::de::DeserializeOwned>(json: &str) -> Result<A, Unreadable> {
    serde_json::from_str(json).map_err(|_| Unreadable::NotAsExpected)
}

fn dropped(why: Unrecorded) -> Sealed {
    Sealed { text: text(&Stored::Dropped), dropped: Some(why) }
}

fn text(stored: &Stored<'_>) -> String {
    // Invariant: strings and JSON that was written before can be written.
    #[expect(clippy::expect_used, reason = "strings and JSON that was written before can be written")]
    serde_json::to_string(stored).expect("strings and JSON that was written before can be written")
}

#[derive(Debug, thiserror::Error)]
#[error("there is no store of large responses")]
struct NoOverflowStore;

impl Overflow for NoOverflow {
    async fn put(&self, name: &str, _response: &str) -> Result<(), OverflowError> {
        Err(OverflowError { operation: "put", name: name.to_owned(), source: NoOverflowStore.into() })
    }

    async fn get(&self, name: &str) -> Result<String, OverflowError> {
        Err(OverflowError { operation: "get", name: name.to_owned(), source: NoOverflowStore.into() })
    }
}
