//! The [CloudEvents](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) 1.0.2 envelope, and how it
//! travels over HTTP, Kafka, SNS and SQS.
//!
//! ```
//! use tidegate_cloudevents::{Data, Event, http, messaging};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let event = Event::builder("72d3162e", "/webhooks/github", "com.github.push")
//!     .subject("octo-harbour/tide-tables")
//!     .data_json(br#"{"ref": "refs/heads/main"}"#)
//!     .build()?;
//!
//! let body = messaging::to_body(&event); // what SNS is given
//! let arrived = messaging::from_message(body.as_bytes())?; // what SQS delivers
//! assert!(matches!(arrived.data(), Data::Json(json) if json.get() == r#"{"ref": "refs/heads/main"}"#));
//!
//! let (headers, body) = http::to_binary(&arrived);
//! assert_eq!(http::read(&headers, &body)?.events, [event]);
//! # Ok(())
//! # }
//! ```
//!
//! # Vocabulary
//!
//! - **Attribute**: what tells of an event without its data: `id`, `source`, `type`, `specversion` and four optional
//!   ones; any other is an **extension**. [`Event`] checks them all when it is made.
//! - **Data**: what happened, in JSON, as text or as bytes ([`Data`]). JSON is validated once and kept as its text.
//! - **Mode**: how events lie in a message: *binary* (attributes as headers, data as the body), *structured* (one JSON
//!   text), *batched* (an array of them).
//! - **Documented extensions**: those with a document of the project's own, for traces, keys, sequences and causes. What
//!   is made here keeps their rules; what is read may not, and [`Event::traceparent`] and its like then give nothing.
//! - **Claim check**: data too large to travel is kept elsewhere, and `dataref` says where ([`Event::with_dataref`],
//!   [`Event::dataref_to_fetch`], [`Event::with_data`]). The feature `s3` does both ends.
//!
//! # What this crate refuses to do
//!
//! - Clocks, random ids, and I/O but for the feature `s3`: times and ids are given to it, and it connects to nothing.
//! - To hold an event that breaks the specification, or to read one leniently where the specification says MUST. Two
//!   limits are its own: [256 extensions](extensions::MAX_EXTENSIONS) with names of
//!   [128 characters](extensions::MAX_NAME_LEN), so that whatever was read can be written as HTTP headers.
//! - To judge JSON data beyond its syntax. `1e999`, repeated keys, deep nesting and unpaired surrogates in escapes are
//!   carried unchanged; [`Event::data_as`] meets them where they are read, and gives an error.
//! - Versions before 1.0, formats other than JSON, and batches in Kafka, which its binding does not have.
//! - To choose a Kafka record's key, or to make an attribute of it: the binding leaves the key to the sender.
//! - To fetch a `dataref` from anywhere but the bucket it was given.

#![warn(missing_docs)]

mod attribute;
mod binary;
mod builder;
mod data;
mod error;
mod event;
pub mod extensions;
pub mod http;
pub mod json;
mod json_text;
pub mod kafka;
mod media_type;
pub mod messaging;
#[cfg(feature = "s3")]
pub mod s3;
#[cfg(feature = "sdk")]
mod sdk;

pub use builder::EventBuilder;
pub use data::Data;
pub use error::{DataError, EventError, HttpError, JsonError, KafkaError};
pub use event::Event;
pub use extensions::ExtensionValue;
pub use json_text::JsonText;
#[cfg(feature = "sdk")]
pub use sdk::SdkError;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeIsTested;
