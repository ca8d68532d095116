//! Verify and sign webhooks: pure functions over headers and raw bytes.
//!
//! ```
//! use tidegate_webhooks::{Rejection, Source, UnixTime};
//!
//! let source = Source::from_json(br#"{"scheme": "github", "secrets": ["It's a Secret to Everybody"]}"#)?;
//!
//! // What the sender does ...
//! let body = b"Hello, World!";
//! let now = UnixTime(1_700_000_000);
//! let mut headers = source.sign("72d3162e-cc78-11e3-81ab-4c9367dc0958", now, body)?;
//! assert_eq!(
//!     headers["x-hub-signature-256"],
//!     "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
//! );
//!
//! // ... and what the receiver does with the bytes as they arrived.
//! let delivery = source.verify(&headers, body, now)?;
//! assert_eq!(delivery.delivery_id.as_deref(), Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"));
//!
//! let rejection = source.verify(&headers, b"Hello, World?", now).unwrap_err();
//! assert_eq!(rejection, Rejection::BadSignature);
//! assert!(rejection.is_unauthenticated()); // answer 401
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Vocabulary
//!
//! - A **source** is one sender as the receiver knows it: a scheme, the active secrets, a tolerance, options.
//! - A **scheme** is how a sender proves that a request is its own: what is signed, how, and in which headers.
//! - An **active secret** is one that is accepted now. During a rotation there are several; the first one signs.
//! - A **delivery** is one request. A sender repeats it until it is answered; its **delivery id** stays the same.
//! - A **replay** is a delivery that was captured and is sent again. The **tolerance** bounds for how long it passes
//!   where the scheme signs a timestamp, and the **replay key** is the same for every copy.
//!
//! - An **issuer** signs a sender's tokens (Google, Microsoft Entra) and publishes a **key set** to check them with.
//!
//! # Where to find what
//!
//! Every scheme has its module (`github`, `stripe`, `slack`, `shopify`, `standard_webhooks`, `cloudevents`, `pubsub`,
//! `event_grid`, `hmac`), which names its headers, its signed bytes and its specification. `source` reads the document
//! that configures a sender and hands to the scheme; `mac`, `shared_secret` and `jwt` compare; `headers` takes headers out
//! of a request; `verification` is the result. [`outbound`] is the other direction.
//!
//! # Features
//!
//! | feature | brings | compiles |
//! |---|---|---|
//! | none | every scheme but those below, signing, [`outbound`] | |
//! | `jwt` | `pubsub`, and `event-grid` with Entra: `Jwks`, `Source::with_keys` | `ring` |
//! | `tower` | `layer`: verifies in front of axum, lambda_http or any other service | `tower`, `http-body-util` |
//! | `connect` | `outbound::connect`: connections to public addresses only | `hyper-util`, `tokio` |
//!
//! # What it refuses to do
//!
//! - **I/O, clocks, async.** The caller passes in the time, where the document and an issuer's keys came from and what to
//!   answer. What the features `tower` and `connect` bring is async because its callers are, and reads no clock either.
//! - **Remember deliveries.** It returns the id and key by which a repeated one is known; storing them is the caller's work.
//! - **Parse payloads**, but for what belongs to the protocols: Slack's and Event Grid's checks of an address, GitHub's form
//!   encoding, Pub/Sub's envelope.
//! - **Be lenient.** A header that is missing, repeated (also when a gateway joined the copies with commas) or written
//!   otherwise than the sender writes it fails, and a timestamp is held to the tolerance in both directions, also where
//!   a sender's own library is laxer.
//! - **Weak secrets.** No SHA-1, no plain token in a query string, no secrets below 8 bytes, no token whose algorithm is
//!   its own choice, no audience without a sender.
//! - **Follow strangers.** No redirection counts as delivered, and no address outside the public internet as an endpoint.
//! - **Talk.** No error and no `Debug` output contains a secret, a token or a signature.

#![warn(missing_docs)]

mod cloudevents;
mod document;
pub mod event_grid;
pub mod github;
mod headers;
mod hmac;
#[cfg(feature = "jwt")]
mod jwt;
#[cfg(feature = "tower")]
pub mod layer;
mod mac;
pub mod outbound;
pub mod pubsub;
mod scheme;
mod secret;
mod shared_secret;
mod shopify;
mod signed_content;
pub mod slack;
mod source;
mod standard_webhooks;
mod stripe;
mod time;
mod verification;

pub use cloudevents::{AllowedOrigins, Handshake, HandshakeError, handshake};
pub use document::SourceError;
#[cfg(feature = "jwt")]
pub use jwt::{Jwks, JwksError};
pub use scheme::{Scheme, UnknownScheme};
pub use source::Source;
pub use time::UnixTime;
pub use verification::{Rejection, SignError, Verified};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
