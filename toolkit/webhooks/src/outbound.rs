//! The other direction: signing what you send, when to try again, and where a delivery may go.
//!
//! Nothing here sends. A sender asks [`check_url`] when a client registers an endpoint, signs each attempt with a
//! [`Signer`], connects through an address check ([`is_public`], or the ready-made connector of the feature `connect`),
//! reads the [`Verdict`] off the answer, and asks the [`RetrySchedule`] when to come back.
//!
//! ```
//! use std::time::Duration;
//!
//! use http::{HeaderMap, StatusCode};
//! use tidegate_webhooks::UnixTime;
//! use tidegate_webhooks::outbound::{Allow, RetrySchedule, Signer, Verdict, check_url};
//!
//! let url = "https://hooks.harbour.example/tides".parse()?;
//! check_url(&url, Allow::default())?;
//!
//! // While a secret is being rotated, a delivery carries a signature of each.
//! let signer = Signer::new(&["whsec_bWFkZSB1cCBhbmQgbmV3IHNpZ25pbmcga2V5", "whsec_bWFkZSB1cCBhbmQgb2xkIHNpZ25pbmcga2V5"])?;
//! let headers = signer.sign("msg_1", UnixTime(1_700_000_000), b"{}")?;
//! assert_eq!(headers["webhook-signature"].to_str()?.split(' ').count(), 2);
//!
//! // The endpoint was busy: the third attempt comes five minutes after the second, give or take a fifth
//! // (the random number of this example lies in the middle).
//! let verdict = Verdict::of_answer(StatusCode::SERVICE_UNAVAILABLE, &HeaderMap::new());
//! let Verdict::Retry { retry_after } = verdict else { panic!("{verdict:?}") };
//! let delay = RetrySchedule::default().delay_before(2, 1 << 63, retry_after);
//! assert_eq!(delay, Some(Duration::from_secs(300)));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod address;
mod retry;
mod signer;
mod url;

#[cfg(feature = "connect")]
pub mod connect;

pub use address::is_public;
pub use retry::{RetrySchedule, Verdict};
pub use signer::Signer;
pub use url::{Allow, UrlError, check_url};
