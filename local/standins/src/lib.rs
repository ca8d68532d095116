//! Stand-ins, on the wire, for the services that Tidegate calls: Slack ([`slack`]), Stripe in front of localstripe ([`stripe`]), and
//! the receiver of callbacks ([`callbacks`]). They serve the local stack and the tests; [`StandinClient`] asks a running one.
//!
//! What Slack received can be read at `GET /_standin/messages`. `POST /_standin/fail` programs the next answers, so that a test can
//! cause a fault; `DELETE /_standin/fail` ends all of them:
//!
//! ```json
//! {"channel": "#deploys", "times": 2, "status": 429, "retry_after": 1}
//! {"channel": "#deploys", "error": "channel_not_found"}
//! ```
//!
//! Without `channel` a fault concerns every channel; without `times` it lasts until it is cleared.
//!
//! What the crate refuses to do: it knows no AWS, no function and no command, and it listens where its caller says.
#![allow(missing_docs, reason = "nothing of this is published")]

pub mod callbacks;
pub mod client;
mod clock;
pub mod http_client;
pub mod slack;
mod standin;
pub mod stripe;

pub use callbacks::{Callback, CallbackFault};
pub use client::StandinClient;
pub use slack::{Attempt, Fault, Message};
pub use standin::{Options, Standin, serve};
pub use stripe::{Act, StripeFault, StripeRequest};
