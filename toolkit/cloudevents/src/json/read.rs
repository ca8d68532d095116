//! Events out of JSON text.

use std::borrow::Cow;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::attribute;
use crate::data::Payload;
use crate::error::{EventError, JsonError};
use crate::event::Event;
use crate::extensions::{ExtensionValue, MAX_EXTENSIONS};
use crate::json_text::JsonText;
use crate::media_type;

impl Event {
    /// Reads one event in the JSON format. JSON data is kept as it is written; its nesting costs no stack.
    pub fn from_json(json: &[u8]) -> Result<Self, JsonError> {
        let mut members = Members::default();
        members.read(json)?;
        members.into_event()
    }
}

/// Reads a batch: an array of events in the JSON format, perhaps empty. One wrong event makes the whole batch wrong.
pub fn batch_from_json(json: &[u8]) -> Result<Vec<Event>, JsonError> {
    if first_byte(json) != Some(b'[') {
        return Err(unlike(json, JsonError::NotAnArray));
    }
    let mut batch = Batch::default();
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let outcome = batch.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (batch.error, outcome) {
        (Some(error), _) => Err(JsonError::InBatch { index: batch.events.len(), source: Box::new(error) }),
        (None, Err(error)) => Err(JsonError::Syntax(error)),
        (None, Ok(())) => Ok(batch.events),
    }
}

/// An event's members, each still as it is written.
#[derive(Default)]
struct Members<'a> {
    known: [Option<&'a RawValue>; KNOWN.len()],
    extensions: BTreeMap<Cow<'a, str>, &'a RawValue>,
    /// What stopped the reading, beside what serde can say.
    error: Option<JsonError>,
}

/// The members that are not extensions; constants below are places in this list.
const KNOWN: [&str; 10] =
    ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data", "data_base64"];
const SPECVERSION: usize = 0;
const ID: usize = 1;
const SOURCE: usize = 2;
const TYPE: usize = 3;
const SUBJECT: usize = 4;
const TIME: usize = 5;
const DATACONTENTTYPE: usize = 6;
const DATASCHEMA: usize = 7;
const DATA: usize = 8;
const DATA_BASE64: usize = 9;

impl<'a> Members<'a> {
    fn read(&mut self, json: &'a [u8]) -> Result<(), JsonError> {
        if first_byte(json) != Some(b'{') {
            return Err(unlike(json, JsonError::NotAnObject));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let outcome = (&mut *self).deserialize(&mut deserializer).and_then(|()| deserializer.end());
        match self.error.take() {
            Some(error) => Err(error),
            None => outcome.map_err(JsonError::Syntax),
        }
    }

    fn insert(&mut self, name: Cow<'a, str>, value: &'a RawValue) -> Result<(), JsonError> {
        if let Some(place) = KNOWN.iter().position(|known| *known == name) {
            return match self.known[place].replace(value) {
                Some(_) => Err(JsonError::Duplicate(name.into_owned())),
                None => Ok(()),
            };
        }
        attribute::check_name(&name)?;
        match self.extensions.entry(name) {
            Entry::Occupied(earlier) => return Err(JsonError::Duplicate(earlier.key().to_string())),
            Entry::Vacant(vacant) => vacant.insert(value),
        };
        // Here already, before a hostile body fills the map. Absent ones (`null`) count too.
        if self.extensions.len() > MAX_EXTENSIONS { Err(EventError::TooManyExtensions.into()) } else { Ok(()) }
    }

    fn into_event(self) -> Result<Event, JsonError> {
        match self.string(SPECVERSION)? {
            Some(version) if version == "1.0" => {}
            Some(_) => return Err(EventError::SpecVersion.into()),
            None => return Err(EventError::Missing("specversion").into()),
        }
        let mut builder = Event::builder(self.required(ID)?, self.required(SOURCE)?, self.required(TYPE)?);
        if let Some(subject) = self.string(SUBJECT)? {
            builder = builder.subject(subject);
        }
        if let Some(time) = self.string(TIME)? {
            builder = builder.time(attribute::parse_time(&time)?);
        }
        if let Some(schema) = self.string(DATASCHEMA)? {
            builder = builder.dataschema(schema);
        }
        let content_type = self.string(DATACONTENTTYPE)?;
        builder = builder.payload(Ok(self.payload(content_type.as_deref())?));
        if let Some(content_type) = content_type {
            builder = builder.datacontenttype(content_type);
        }
        for (name, value) in self.extensions {
            if let Some(value) = extension_value(&name, value)? {
                builder = builder.extension(name, value);
            }
        }
        Ok(builder.build_as_read()?)
    }

    fn required(&self, place: usize) -> Result<String, JsonError> {
        self.string(place)?.ok_or(EventError::Missing(KNOWN[place]).into())
    }

    fn string(&self, place: usize) -> Result<Option<String>, JsonError> {
        let Some(value) = self.known[place].filter(|value| !is_null(value)) else { return Ok(None) };
        let wrong =
            || JsonError::Type { attribute: KNOWN[place].to_owned(), expected: "a string of Unicode characters" };
        string(value).map(Some).ok_or_else(wrong)
    }

    fn payload(&self, content_type: Option<&str>) -> Result<Payload, JsonError> {
        let is_json = content_type.is_none_or(media_type::is_json);
        match (self.known[DATA], self.known[DATA_BASE64].filter(|value| !is_null(value))) {
            (None, None) => Ok(Payload::None),
            (Some(_), Some(_)) => Err(JsonError::DataTwice),
            (None, Some(base64)) => {
                let base64 = string(base64).ok_or(JsonError::Base64)?;
                STANDARD.decode(base64).map(Payload::Binary).map_err(|_| JsonError::Base64)
            }
            (Some(data), None) if is_json => Ok(Payload::Json(JsonText::of_raw(data))),
            // `null` is a JSON value, but no text: the sender's way to say that there is none.
            (Some(data), None) if is_null(data) => Ok(Payload::None),
            (Some(data), None) => string(data).map(Payload::Text).ok_or(JsonError::DataNotText),
        }
    }
}

/// The value of an extension; `null` is an absent attribute.
fn extension_value(name: &str, value: &RawValue) -> Result<Option<ExtensionValue>, JsonError> {
    let value = match value.get() {
        "null" => return Ok(None),
        "true" => Some(ExtensionValue::Boolean(true)),
        "false" => Some(ExtensionValue::Boolean(false)),
        text if text.starts_with('"') => string(value).map(ExtensionValue::String),
        text => text.parse().ok().map(ExtensionValue::Integer),
    };
    let wrong = || JsonError::Type { attribute: name.to_owned(), expected: "a string, a boolean or a 32-bit integer" };
    value.map(Some).ok_or_else(wrong)
}

/// A JSON string's content; `None` for another kind of value and for unpaired surrogates.
fn string(value: &RawValue) -> Option<String> {
    let inner = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if !inner.contains('\\') {
        return Some(inner.to_owned());
    }
    serde_json::from_str(value.get()).ok()
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// The first byte that is not white space, which tells a JSON value's kind.
fn first_byte(json: &[u8]) -> Option<u8> {
    json.iter().copied().find(|byte| !b" \t\r\n".contains(byte))
}

/// The error for a document of another kind than wanted: what is wrong with it as JSON, or else its kind.
fn unlike(json: &[u8], kind: JsonError) -> JsonError {
    serde_json::from_slice::<&RawValue>(json).map_or_else(JsonError::Syntax, |_| kind)
}

impl<'de> DeserializeSeed<'de> for &mut Members<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Members<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CloudEvent")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &RawValue>()? {
            if let Err(error) = self.insert(name, value) {
                self.error = Some(error);
                return Err(de::Error::custom("not a CloudEvent"));
            }
        }
        Ok(())
    }
}

/// A member's name, borrowed unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The events of a batch read so far. They are made one by one: a list of all the raw ones first would let a body of
/// zeros and commas take eight times its size.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    error: Option<JsonError>,
}

impl<'de> DeserializeSeed<'de> for &mut Batch {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Batch {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a batch of CloudEvents")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&RawValue>()? {
            match Event::from_json(raw.get().as_bytes()) {
                Ok(event) => self.events.push(event),
                Err(error) => {
                    self.error = Some(error);
                    return Err(de::Error::custom("not a CloudEvent"));
                }
            }
        }
        Ok(())
    }
}
