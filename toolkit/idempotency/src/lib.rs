//! Idempotency for AWS Lambda in Rust: an event that arrives twice is handled once, and a repeat gets the same
//! response. Claims with fencing tokens over DynamoDB or memory, and idempotent handlers on top.
//!
//! ```
//! # #[cfg(feature = "json")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::convert::Infallible;
//! use std::time::{Duration, SystemTime};
//!
//! use serde_json::{Value, json};
//! use tidegate_idempotency::{Call, Fence, Execution, Idempotent, MemoryStore, Part};
//!
//! let order = Part::of(|event: &Value| json!([event["customer"], event["order"]]));
//! let idempotent = Idempotent::new(MemoryStore::default(), "charges", order, Duration::from_secs(86_400));
//!
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000); // time is passed in, never read
//! let call = |random| Call { now, deadline: now + Duration::from_secs(6), fence: Fence::new(random) };
//! let event = json!({"customer": "mona-example", "order": 17, "amount": 995});
//!
//! let first = idempotent.run(&event, call(1), || async { Ok::<_, Infallible>("receipt-9".to_owned()) }).await?;
//! assert_eq!((&*first.response, first.execution), ("receipt-9", Execution::Ran));
//!
//! let again = idempotent.run(&event, call(2), || async { Ok::<_, Infallible>("never made".to_owned()) }).await?;
//! assert_eq!((&*again.response, again.execution), ("receipt-9", Execution::Replayed));
//! # Ok(()) }
//! # #[cfg(not(feature = "json"))]
//! # fn main() {}
//! ```
//!
//! Underneath are claims, which can be used alone:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_idempotency::{Claimed, Fence, Key, MemoryStore, ClaimRequest, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::default();
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
//! let key = Key::new("charges", "order-17");
//! let request = |fence| ClaimRequest {
//!     key: &key,
//!     fence: Fence::new(fence),
//!     lease_until: now + Duration::from_secs(6), // the owner is certainly dead afterwards
//!     expires_at: now + Duration::from_secs(86_400), // repeats are recognised until then
//!     label: None,
//!     fingerprint: None,
//! };
//!
//! let Claimed::Owner(claim) = store.claim(request(1), now).await? else { panic!("the first to claim") };
//! assert!(matches!(store.claim(request(2), now).await?, Claimed::InProgress { .. }));
//! store.complete(&claim, Some("receipt-9")).await?;
//! let Claimed::Done(completed) = store.claim(request(3), now).await? else { panic!("it was done") };
//! assert_eq!(completed.response.as_deref(), Some("receipt-9"));
//! # Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! A *claim* is the right to handle one key. Its *lease* ends at a moment by which the owner is certainly dead (on Lambda:
//! the invocation's deadline); from then on a successor may take over. Its *fence* is drawn anew by every claimant, and
//! completing or releasing is conditional on it, so that an owner presumed dead cannot overwrite its successor: it is
//! *fenced off*. A *label* is a word the first claimant leaves with the record and that every successor gets. A
//! *fingerprint* is the hash of what the key was first used with. A *completed claim* is the
//! record by which a repeat is recognised.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | gives |
//! |---|---|
//! | `dynamodb` | `DynamoDbStore`, and completion inside the caller's own transaction |
//! | `json` | `Idempotent`: keys and fingerprints over canonical JSON, stored responses |
//! | `jmespath` | `Part::jmespath` |
//! | `lru` | `Cached`: repeats that come back to the same process ask no store |
//! | `s3` | `S3Overflow`: responses that are too large for a record |
//! | `lambda`, `http` | `tower` layers for `lambda_runtime` and `lambda_http` |
//!
//! # What it refuses to do
//!
//! It reads no clock and draws no randomness: both are passed in. It does not run without a key unless that is allowed by
//! name, nor take two payloads for one because they share a key, nor write under a claim that it lost. It does not promise
//! *exactly once*: an owner that dies between its effect and its completion is followed by one that does it again, unless
//! both are one transaction.

#![warn(missing_docs)]

#[cfg(feature = "lru")]
mod cached;
#[cfg(feature = "json")]
mod canonical;
mod claim;
mod counted;
#[cfg(feature = "dynamodb")]
mod dynamodb;
#[cfg(feature = "json")]
mod error;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "json")]
mod idempotent;
#[cfg(feature = "jmespath")]
mod jmespath;
#[cfg(feature = "lambda")]
mod lambda;
mod memory;
#[cfg(feature = "json")]
mod part;
#[cfg(feature = "json")]
mod response;
#[cfg(feature = "s3")]
mod s3;

#[cfg(feature = "lru")]
pub use cached::Cached;
#[cfg(feature = "json")]
pub use canonical::{Inexact, canonical};
pub use claim::{
    Claim, ClaimRequest, Claimed, CompletedClaim, Fence, Fingerprint, FinishError, Key, Origin, Store, StoreError,
};
pub use counted::{ClaimOutcome, Counted};
#[cfg(feature = "dynamodb")]
pub use dynamodb::{DynamoDbStore, TransactionFailure};
#[cfg(feature = "json")]
pub use error::Error;
#[cfg(feature = "json")]
pub use idempotent::{Admission, Call, Execution, Handled, Idempotent};
#[cfg(feature = "jmespath")]
pub use jmespath::ExpressionError;
#[cfg(feature = "lambda")]
pub use lambda::{LambdaLayer, LambdaService, Moment};
pub use memory::MemoryStore;
#[cfg(feature = "json")]
pub use part::{Part, PartError};
#[cfg(feature = "json")]
pub use response::{NoOverflow, Overflow, OverflowError, Sealed, Unrecorded};
#[cfg(feature = "s3")]
pub use s3::S3Overflow;

#[cfg(all(doctest, feature = "json"))]
#[doc = include_str!("../README.md")]
struct Readme;
