//! The [HTTP binding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md):
//! headers and a body in, events out, and back. The same for requests and responses.

mod value;

use std::collections::BTreeMap;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::binary;
use crate::data::Payload;
use crate::error::{EventError, HttpError, shown};
use crate::event::Event;
use crate::json;
use crate::media_type;

/// How events lie in an HTTP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The body is the data, the attributes are headers.
    Binary,
    /// The body is one event in JSON.
    Structured,
    /// The body is an array of events in JSON.
    Batched,
}

/// What an HTTP message carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// How it was carried.
    pub mode: Mode,
    /// One event, or those of the batch, which may be none.
    pub events: Vec<Event>,
}

/// Reads the events of an HTTP message, in the mode that its headers tell.
pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Received, HttpError> {
    let mode = mode(headers)?;
    let events = match mode {
        Mode::Binary => vec![read_binary(headers, body)?],
        Mode::Structured => vec![Event::from_json(body)?],
        Mode::Batched => json::batch_from_json(body)?,
    };
    Ok(Received { mode, events })
}

/// Tells from the headers how events lie in the message, or that it carries none.
pub fn mode(headers: &HeaderMap) -> Result<Mode, HttpError> {
    let content_type = content_type(headers)?.unwrap_or_default();
    if !media_type::is_cloudevents(&content_type) {
        return if headers.contains_key("ce-specversion") { Ok(Mode::Binary) } else { Err(HttpError::NotACloudEvent) };
    }
    match media_type::essence(&content_type).to_ascii_lowercase().as_str() {
        json::MEDIA_TYPE if media_type::is_utf8(&content_type) => Ok(Mode::Structured),
        json::BATCH_MEDIA_TYPE if media_type::is_utf8(&content_type) => Ok(Mode::Batched),
        _ => Err(HttpError::Format),
    }
}

/// Writes an event in binary mode: attributes as headers, data as it is.
pub fn to_binary(event: &Event) -> (HeaderMap, Vec<u8>) {
    let mut headers = HeaderMap::with_capacity(8 + event.extensions.len());
    for (name, attribute) in binary::attributes(event) {
        headers.insert(header_name(name), value::encode(&attribute));
    }
    if let Some(content_type) = event.effective_content_type() {
        headers.insert(CONTENT_TYPE, header_value(content_type));
    }
    (headers, event.data().bytes().unwrap_or_default().to_vec())
}

/// Writes an event in structured mode: the content type, and the event as JSON.
pub fn to_structured(event: &Event) -> (HeaderMap, Vec<u8>) {
    (json_headers(json::MEDIA_TYPE), event.to_json().into_bytes())
}

/// Writes events in batched mode, which a receiver has to have asked for.
pub fn to_batched<'a>(events: impl IntoIterator<Item = &'a Event>) -> (HeaderMap, Vec<u8>) {
    (json_headers(json::BATCH_MEDIA_TYPE), json::batch_to_json(events).into_bytes())
}

fn read_binary(headers: &HeaderMap, body: &[u8]) -> Result<Event, HttpError> {
    let mut attributes = BTreeMap::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else { continue };
        if attribute == "datacontenttype" {
            return Err(HttpError::DataContentType);
        }
        if attributes.insert(attribute.to_owned(), decode(attribute, value)?).is_some() {
            return Err(HttpError::Repeated(shown(name.as_str())));
        }
    }
    let content_type = content_type(headers)?;
    let data = Payload::from_body(content_type.as_deref(), body);
    Ok(binary::event(attributes, content_type, data)?)
}

const PREFIX: &str = "ce-";

fn decode(attribute: &str, value: &HeaderValue) -> Result<String, HttpError> {
    value::decode(value.as_bytes()).ok_or_else(|| HttpError::Encoding(format!("{PREFIX}{}", shown(attribute))))
}

fn content_type(headers: &HeaderMap) -> Result<Option<String>, HttpError> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    match (values.next(), values.next()) {
        // Of two neither can be trusted.
        (_, Some(_)) => Err(HttpError::Repeated(CONTENT_TYPE.to_string())),
        (Some(value), None) => Ok(Some(value.to_str().map_err(|_| EventError::MediaType)?.trim().to_owned())),
        (None, None) => Ok(None),
    }
}

fn json_headers(media_type: &str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, header_value(&format!("{media_type}; charset=utf-8")))])
}

#[expect(clippy::expect_used, reason = "an event's attribute names are valid in a header's name")]
fn header_name(attribute: &str) -> HeaderName {
    // Invariant: `check_name` allows 1 to 128 letters and digits, and header names may have 65,535.
    HeaderName::try_from(format!("{PREFIX}{attribute}")).expect("letters and digits")
}

#[expect(clippy::expect_used, reason = "an event's media type is printable ASCII")]
fn header_value(media_type: &str) -> HeaderValue {
    // Invariant: `media_type::check` lets only printable ASCII pass.
    HeaderValue::from_str(media_type).expect("printable ASCII")
}
