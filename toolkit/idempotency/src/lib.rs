//! Idempotency for AWS Lambda in Rust: a thing that may arrive twice is done once, and whoever calls again gets the same
//! answer. Claims with fencing tokens over DynamoDB or memory, and idempotent handlers on top.
//!
//! ```
//! # #[cfg(feature = "json")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::convert::Infallible;
//! use std::time::{Duration, SystemTime};
//!
//! use serde_json::{Value, json};
//! use tidegate_idempotency::{Call, Fence, How, Idempotent, MemoryStore, Part};
//!
//! let order = Part::of(|event: &Value| json!([event["customer"], event["order"]]));
//! let idempotent = Idempotent::new(MemoryStore::default(), "charges", order, Duration::from_secs(86_400));
//!
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000); // time is passed in, never read
//! let call = |random| Call { now, deadline: now + Duration::from_secs(6), fence: Fence::new(random) };
//! let event = json!({"customer": "mona-example", "order": 17, "amount": 995});
//!
//! let first = idempotent.run(&event, call(1), || async { Ok::<_, Infallible>("receipt-9".to_owned()) }).await?;
//! assert_eq!((&*first.answer, first.how), ("receipt-9", How::Ran));
//!
//! let again = idempotent.run(&event, call(2), || async { Ok::<_, Infallible>("never made".to_owned()) }).await?;
//! assert_eq!((&*again.answer, again.how), ("receipt-9", How::Replayed));
//! # Ok(()) }
//! # #[cfg(not(feature = "json"))]
//! # fn main() {}
//! ```
//!
//! Underneath are claims, which can be used alone:
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_idempotency::{Claimed, Fence, Key, MemoryStore, Request, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::default();
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
//! let key = Key::new("charges", "order-17");
//! let request = |fence| Request {
//!     key: &key,
//!     fence: Fence::new(fence),
//!     lease_until: now + Duration::from_secs(6), // the owner is certainly dead afterwards
//!     expires_at: now + Duration::from_secs(86_400), // repeats are recognised until then
//!     label: None,
//!     fingerprint: None,
//! };
//!
//! let Claimed::Owner(claim) = store.claim(request(1), now).await? else { panic!("nobody else asked") };
//! assert!(matches!(store.claim(request(2), now).await?, Claimed::InProgress { .. }));
//! store.complete(&claim, Some("receipt-9")).await?;
//! let Claimed::Done(proof) = store.claim(request(3), now).await? else { panic!("it was done") };
//! assert_eq!(proof.answer.as_deref(), Some("receipt-9"));
//! # Ok(()) }
//! ```
//!
//! # Vocabulary
//!
//! A *claim* is the right to handle one key. Its *lease* ends at a moment by which the owner is certainly dead (on Lambda:
//! the invocation's deadline); from then on a successor may take over. Its *fence* is drawn anew by every claimant, and
//! completing or releasing is conditional on it, so that an owner presumed dead cannot overwrite its successor: it is
//! *fenced off*. A *label* is a word the first claimant leaves with the record and that every successor gets back. A
//! *fingerprint* is the hash of what the key was first used with. A *proof* is the completed record by which a repeat is
//! recognised.
//!
//! # Features
//!
//! None is on by default.
//!
//! | feature | gives |
//! |---|---|
//! | `dynamodb` | `DynamoDbStore`, and completion inside the caller's own transaction |
//! | `json` | `Idempotent`: keys and fingerprints over canonical JSON, kept answers |
//! | `jmespath` | `Part::jmespath` |
//! | `lru` | `Cached`: repeats that come back to the same process ask no store |
//! | `s3` | `S3Overflow`: answers that are too large for a record |
//! | `lambda`, `http` | `tower` layers for `lambda_runtime` and `lambda_http` |
//!
//! # What it refuses to do
//!
//! It reads no clock and draws no randomness: both are passed in. It does not run without a key unless it is told to by
//! name, nor take two payloads for one because they share a key, nor write under a claim that it lost. It does not promise
//! *exactly once*: an owner that dies between its effect and its completion is followed by one that does it again, unless
//! both are one transaction.

#[cfg(feature = "json")]
mod answer;
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
#[cfg(feature = "s3")]
mod s3;

#[cfg(feature = "json")]
pub use answer::{NoOverflow, Overflow, OverflowError, Sealed, Unkept};
#[cfg(feature = "lru")]
pub use cached::Cached;
#[cfg(feature = "json")]
pub use canonical::{Inexact, canonical};
pub use claim::{Claim, Claimed, Fence, Fingerprint, FinishError, Key, Origin, Proof, Request, Store, StoreError};
pub use counted::{Counted, Outcome};
#[cfg(feature = "dynamodb")]
pub use dynamodb::{DynamoDbStore, Verdict};
#[cfg(feature = "json")]
pub use error::Error;
#[cfg(feature = "json")]
pub use idempotent::{Answered, Begun, Call, How, Idempotent};
#[cfg(feature = "jmespath")]
pub use jmespath::ExpressionError;
#[cfg(feature = "lambda")]
pub use lambda::{LambdaLayer, LambdaService, Moment};
pub use memory::MemoryStore;
#[cfg(feature = "json")]
pub use part::{Part, PartError};
#[cfg(feature = "s3")]
pub use s3::S3Overflow;

#[cfg(all(doctest, feature = "json"))]
#[doc = include_str!("../README.md")]
struct Readme;
