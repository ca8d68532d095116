//! Conversions to and from the events of the official SDK, for programs that hold those.
//!
//! The SDK keeps JSON as a tree of values and schemas as normalised URLs, and it checks little; so both directions can
//! fail, and what comes back is equal in meaning, not in spelling.

use cloudevents::event::{AttributesReader, AttributesWriter, EventBuilder as _, SpecVersion, TryIntoUrl};

use crate::data::Payload;
use crate::error::EventError;
use crate::event::Event;
use crate::extensions::ExtensionValue;
use crate::json_text::JsonText;
use crate::{attribute, media_type};

/// Why an event has no counterpart on the other side.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SdkError {
    /// The SDK's event is of version 0.3. Its `EventBuilderV10` converts it.
    #[error("the event is of CloudEvents 0.3")]
    SpecVersion,
    /// The SDK's event has an extension with a number beyond 32 bits.
    #[error("the extension `{0}` is beyond 32 bits")]
    Integer(String),
    /// The SDK's event breaks a rule of the specification, which the SDK does not check.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The JSON data is valid, but the SDK's tree cannot hold it: nested too deeply, or numbers out of range.
    #[error("the SDK cannot hold the data")]
    Data(#[source] serde_json::Error),
    /// The SDK takes no attribute like this one.
    #[error("the SDK cannot hold the attributes")]
    Attributes(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TryFrom<cloudevents::Event> for Event {
    type Error = SdkError;

    fn try_from(theirs: cloudevents::Event) -> Result<Self, SdkError> {
        if theirs.specversion() != SpecVersion::V10 {
            return Err(SdkError::SpecVersion);
        }
        let mut builder = Event::builder(theirs.id(), theirs.source().as_str(), theirs.ty());
        if let Some(subject) = theirs.subject() {
            builder = builder.subject(subject);
        }
        if let Some(time) = theirs.time() {
            builder = builder.time(attribute::parse_time(&time.to_rfc3339())?);
        }
        if let Some(schema) = theirs.dataschema() {
            builder = builder.dataschema(schema.as_str());
        }
        for (name, value) in theirs.iter_extensions() {
            builder = builder.extension(name, extension(name, value)?);
        }
        let content_type = theirs.datacontenttype();
        builder = builder.payload(payload(content_type, theirs.data()));
        if let Some(content_type) = content_type {
            builder = builder.datacontenttype(content_type);
        }
        Ok(builder.build_as_read()?)
    }
}

impl TryFrom<&Event> for cloudevents::Event {
    type Error = SdkError;

    fn try_from(ours: &Event) -> Result<Self, SdkError> {
        let mut builder = cloudevents::EventBuilderV10::new().id(ours.id()).source(ours.source()).ty(ours.ty());
        if let Some(subject) = ours.subject() {
            builder = builder.subject(subject);
        }
        if let Some(time) = ours.time() {
            builder = builder.time(time.to_string());
        }
        for (name, value) in ours.extensions() {
            builder = match value {
                ExtensionValue::String(value) => builder.extension(name, value.as_str()),
                ExtensionValue::Boolean(value) => builder.extension(name, *value),
                ExtensionValue::Integer(value) => builder.extension(name, i64::from(*value)),
            };
        }
        let mut theirs = builder.build().map_err(|error| SdkError::Attributes(error.into()))?;
        theirs.set_datacontenttype(ours.effective_content_type());
        if let Some(schema) = ours.dataschema() {
            theirs.set_dataschema(Some(schema.into_url().map_err(|error| SdkError::Attributes(error.into()))?));
        }
        let data = match &ours.data {
            Payload::None => return Ok(theirs),
            Payload::Json(json) => {
                let tree: serde_json::Value = serde_json::from_str(json.get()).map_err(SdkError::Data)?;
                cloudevents::Data::Json(tree)
            }
            Payload::Text(text) => cloudevents::Data::String(text.clone()),
            Payload::Binary(bytes) => cloudevents::Data::Binary(bytes.clone()),
        };
        theirs.set_data_unchecked(data);
        Ok(theirs)
    }
}

fn extension(name: &str, value: &cloudevents::event::ExtensionValue) -> Result<ExtensionValue, SdkError> {
    use cloudevents::event::ExtensionValue as Theirs;
    Ok(match value {
        Theirs::String(value) => ExtensionValue::String(value.clone()),
        Theirs::Boolean(value) => ExtensionValue::Boolean(*value),
        Theirs::Integer(value) => match i32::try_from(*value) {
            Ok(value) => ExtensionValue::Integer(value),
            Err(_) => return Err(SdkError::Integer(name.to_owned())),
        },
    })
}

fn payload(content_type: Option<&str>, data: Option<&cloudevents::Data>) -> Result<Payload, EventError> {
    let json = |value: &serde_json::Value| JsonText::of(value).map(Payload::Json).map_err(EventError::DataNotJson);
    match data {
        None => Ok(Payload::None),
        Some(cloudevents::Data::Json(value)) => json(value),
        // A string under a JSON type is a JSON text, as in the SDK's HTTP binding.
        Some(cloudevents::Data::String(text)) => match content_type {
            Some(content_type) if media_type::is_json(content_type) => Payload::json(text.as_bytes()),
            Some(_) => Ok(Payload::Text(text.clone())),
            None => json(&text.as_str().into()),
        },
        // Whatever came over HTTP is bytes to the SDK.
        Some(cloudevents::Data::Binary(bytes)) => Payload::from_body(content_type, bytes),
    }
}

#[cfg(test)]
mod tests {
    use cloudevents::EventBuilder as _;
    use cloudevents::EventBuilderV10 as Builder;
    use serde_json::json;

    use super::*;
    use crate::data::Data;

    fn theirs() -> Builder {
        Builder::new().id("1").source("/s").ty("t")
    }

    fn ours() -> crate::EventBuilder {
        Event::builder("1", "/s", "t")
    }

    #[test]
    fn every_attribute_goes_there_and_back() {
        let builder = ours()
            .subject("Euro €")
            .time("2018-04-05T17:31:00.123456789Z".parse().unwrap())
            .dataschema("https://example.com/schema")
            .extension("string", "a")
            .extension("flag", true)
            .extension("number", -1);
        for event in [
            builder.data_json(br#"{"a":[1,2.5,null]}"#).build().unwrap(),
            ours().data_text("text/plain", "a").build().unwrap(),
            ours().data_binary("application/octet-stream", [0, 255]).build().unwrap(),
            ours().datacontenttype("text/plain").build().unwrap(),
            ours().build().unwrap(),
        ] {
            let theirs = cloudevents::Event::try_from(&event).unwrap();
            assert_eq!(Event::try_from(theirs).unwrap(), event);
        }
    }

    #[test]
    fn both_sides_read_what_the_other_writes() {
        let event = ours().extension("number", 5).data_json(br#"{"a":1}"#).build().unwrap();
        let theirs: cloudevents::Event = serde_json::from_str(&event.to_json()).unwrap();
        assert_eq!(theirs, cloudevents::Event::try_from(&event).unwrap());
        assert_eq!(Event::from_json(&serde_json::to_vec(&theirs).unwrap()).unwrap(), event);
    }

    #[test]
    fn data_is_what_the_content_type_says() {
        let read = |theirs: Builder| Event::try_from(theirs.build().unwrap());
        let is_json = |event: Event, text| matches!(event.data(), Data::Json(json) if json.get() == text);
        assert!(is_json(read(theirs().data("application/json", json!({"a": 1}))).unwrap(), r#"{"a":1}"#));
        assert!(is_json(read(theirs().data("application/json", b"[1]".to_vec())).unwrap(), "[1]"));
        assert!(is_json(read(theirs().data("application/json", "[1]")).unwrap(), "[1]"));
        assert!(matches!(read(theirs().data("text/plain", "[1]")).unwrap().data(), Data::Text("[1]")));
        let error = read(theirs().data("application/json", "text"));
        assert!(matches!(error, Err(SdkError::Event(EventError::DataNotJson(_)))));
        let error = read(theirs().data("text/plain", json!({})));
        assert!(matches!(error, Err(SdkError::Event(EventError::DataUnlikeContentType))));
    }

    #[test]
    fn what_the_other_side_cannot_hold_is_refused() {
        let error = Event::try_from(theirs().extension("big", i64::from(i32::MAX) + 1).build().unwrap());
        assert!(matches!(error, Err(SdkError::Integer(name)) if name == "big"));
        let error = Event::try_from(theirs().extension("Big", "a").build().unwrap());
        assert!(matches!(error, Err(SdkError::Event(EventError::Name(_)))));
        let old = cloudevents::EventBuilderV03::new().id("1").source("/s").ty("t").build().unwrap();
        assert!(matches!(Event::try_from(old), Err(SdkError::SpecVersion)));
        for data in ["1e999".to_owned(), "[".repeat(1000) + &"]".repeat(1000)] {
            let event = ours().data_json(data.as_bytes()).build().unwrap();
            assert!(matches!(cloudevents::Event::try_from(&event), Err(SdkError::Data(_))));
        }
    }
}
