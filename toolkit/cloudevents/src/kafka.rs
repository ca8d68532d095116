//! The [Kafka binding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md):
//! a record's headers and value in, an event out, and back.
//!
//! ```
//! use tidegate_cloudevents::{Event, kafka};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let event = Event::builder("1", "/gauges/north", "com.example.tide.measured")
//!     .extension("partitionkey", "north")
//!     .data_json(br#"{"height_cm": 312}"#)
//!     .build()?;
//!
//! let (headers, value) = kafka::to_binary(&event);
//! let key = event.partitionkey(); // or whatever else keeps together what has to stay in order
//! assert_eq!((key, headers[0].0.as_str()), (Some("north"), "ce_specversion"));
//! assert_eq!(kafka::read(headers, value.as_deref())?, event);
//! # Ok(())
//! # }
//! ```
//!
//! The record's key is the caller's business, as the binding wants it; [`Event::partitionkey`] is what it advises.
//! Reading leaves the key alone, so that an event is the same before and after.

use std::collections::BTreeMap;

use crate::binary;
use crate::data::Payload;
use crate::error::{EventError, KafkaError, shown};
use crate::event::Event;
use crate::{json, media_type};

/// A record's headers: names, and values that are UTF-8.
pub type Headers = Vec<(String, Vec<u8>)>;

/// Reads the event of a record, in the mode that its headers tell. Headers whose value is null are to be left out.
///
/// No value (a tombstone) is no data. An empty one is data without a byte, except where the content type says JSON, in
/// which nothing is that short: there it is no data either.
///
/// # Errors
/// [`KafkaError`] where the record carries no event, or one that breaks a rule.
pub fn read<N: AsRef<str>, V: AsRef<[u8]>>(
    headers: impl IntoIterator<Item = (N, V)>,
    value: Option<&[u8]>,
) -> Result<Event, KafkaError> {
    let mut attributes = BTreeMap::new();
    let mut content_type = None;
    for (name, value) in headers {
        let (name, value) = (name.as_ref(), value.as_ref());
        let before = if name.eq_ignore_ascii_case(CONTENT_TYPE) {
            content_type.replace(text(name, value)?.trim().to_owned())
        } else if let Some(attribute) = name.strip_prefix(PREFIX) {
            attributes.insert(attribute.to_owned(), text(name, value)?.to_owned())
        } else {
            None
        };
        if before.is_some() {
            return Err(KafkaError::Repeated(shown(name)));
        }
    }
    if content_type.as_deref().is_some_and(media_type::is_cloudevents) {
        return read_structured(content_type.as_deref().unwrap_or_default(), value);
    }
    if !attributes.contains_key("specversion") {
        return Err(KafkaError::NotACloudEvent);
    }
    // The binding has another header for it, but some senders write every attribute.
    if let Some(said) = attributes.remove("datacontenttype")
        && *content_type.get_or_insert_with(|| said.clone()) != said
    {
        return Err(KafkaError::DataContentType);
    }
    let data = payload(content_type.as_deref(), value);
    Ok(binary::event(attributes, content_type, data)?)
}

/// Writes an event in binary mode: attributes as headers, data as the value. An event without data has no value, which
/// a topic with log compaction takes for a tombstone.
pub fn to_binary(event: &Event) -> (Headers, Option<Vec<u8>>) {
    let mut headers: Headers = binary::attributes(event)
        .map(|(name, value)| (format!("{PREFIX}{name}"), value.into_owned().into_bytes()))
        .collect();
    if let Some(content_type) = event.effective_content_type() {
        headers.push((CONTENT_TYPE.to_owned(), content_type.into()));
    }
    (headers, event.data().bytes().map(<[u8]>::to_vec))
}

/// Writes an event in structured mode: the content type, and the event as JSON.
pub fn to_structured(event: &Event) -> (Headers, Vec<u8>) {
    let content_type = format!("{}; charset=utf-8", json::MEDIA_TYPE);
    (vec![(CONTENT_TYPE.to_owned(), content_type.into_bytes())], event.to_json().into_bytes())
}

const PREFIX: &str = "ce_";
const CONTENT_TYPE: &str = "content-type";

/// The binding has no batches.
fn read_structured(content_type: &str, value: Option<&[u8]>) -> Result<Event, KafkaError> {
    let is_json = media_type::essence(content_type).eq_ignore_ascii_case(json::MEDIA_TYPE);
    if !is_json || !media_type::is_utf8(content_type) {
        return Err(KafkaError::Format);
    }
    Ok(Event::from_json(value.unwrap_or_default())?)
}

fn payload(content_type: Option<&str>, value: Option<&[u8]>) -> Result<Payload, EventError> {
    match value {
        // Kept apart from no data, or whoever passes the event on would make a tombstone of it.
        Some([]) if content_type.is_some_and(media_type::is_text) => Ok(Payload::Text(String::new())),
        Some([]) if !content_type.is_some_and(media_type::is_json) => Ok(Payload::Binary(Vec::new())),
        _ => Payload::from_body(content_type, value.unwrap_or_default()),
    }
}

fn text<'a>(name: &str, value: &'a [u8]) -> Result<&'a str, KafkaError> {
    std::str::from_utf8(value).map_err(|_| KafkaError::Encoding(shown(name)))
}
