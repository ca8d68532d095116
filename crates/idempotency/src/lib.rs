//! Claims with fencing tokens: decide who handles a thing that may arrive twice, and prove that it was handled.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use tidegate_idempotency::{Claimed, Fence, Key, MemoryStore, Request, Store};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::default();
//! let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000); // time is passed in, never read
//! let key = Key::new("charges", "order-17");
//! let request = |fence| Request {
//!     key: &key,
//!     fence: Fence::new(fence),
//!     lease_until: now + Duration::from_secs(6), // the owner is certainly dead afterwards
//!     expires_at: now + Duration::from_secs(86_400), // repeats are recognised until then
//!     label: None,
//! };
//!
//! let Claimed::Owner(claim) = store.claim(request(1), now).await? else { panic!("nobody else asked") };
//! assert!(matches!(store.claim(request(2), now).await?, Claimed::InProgress { .. }));
//! store.complete(&claim, Some("receipt-9"), now).await?;
//! assert!(matches!(store.claim(request(3), now).await?, Claimed::Done { answer: Some(a), .. } if a == "receipt-9"));
//! # Ok(()) }
//! ```
//!
//! Vocabulary. A *claim* is the right to handle one key. Its *lease* ends at a moment by which the owner is certainly
//! dead (on Lambda: the invocation's deadline); from then on a successor may take over. Its *fence* is drawn anew by
//! every claimant, and completing or releasing is conditional on it, so that an owner presumed dead cannot overwrite its
//! successor. A *label* is a word the first claimant leaves with the record and that every successor gets back.
//!
//! This crate refuses to read a clock, to draw randomness, and to run without a key.

mod claim;
#[cfg(feature = "dynamodb")]
mod dynamodb;
mod memory;

pub use claim::{Claim, Claimed, Fence, FinishError, Key, Request, Store, StoreError};
#[cfg(feature = "dynamodb")]
pub use dynamodb::DynamoDbStore;
pub use memory::MemoryStore;
