//! Making an event.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::data::Payload;
use crate::error::EventError;
use crate::event::{APPLICATION_JSON, Event};
use crate::extensions::{CAUSATIONID, CORRELATIONID, ExtensionValue, TRACEPARENT, TRACESTATE, documented};
use crate::json_text::JsonText;

/// An event in the making. Nothing is checked before [`build`](Self::build), which checks everything.
#[derive(Debug)]
#[must_use = "an event is there when `build` gives it"]
pub struct EventBuilder {
    event: Event,
    data_error: Option<EventError>,
}

impl Event {
    /// Starts an event. `source` is a URI-reference; `source` and `id` together name the event and nothing else.
    pub fn builder(id: impl Into<String>, source: impl Into<String>, ty: impl Into<String>) -> EventBuilder {
        let event = Event {
            id: id.into(),
            source: source.into(),
            ty: ty.into(),
            subject: None,
            time: None,
            datacontenttype: None,
            dataschema: None,
            extensions: BTreeMap::new(),
            data: Payload::None,
        };
        EventBuilder { event, data_error: None }
    }

    /// Starts an event whose id is not known yet. It can be built once it [has one](EventBuilder::id).
    pub fn builder_without_id(source: impl Into<String>, ty: impl Into<String>) -> EventBuilder {
        Self::builder("", source, ty)
    }
}

impl EventBuilder {
    /// The event's id, for one that was [started without](Event::builder_without_id).
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.event.id = id.into();
        self
    }

    /// What the event is about.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.event.subject = Some(subject.into());
        self
    }

    /// When it happened.
    pub fn time(mut self, time: Timestamp) -> Self {
        self.event.time = Some(time);
        self
    }

    /// The data's media type.
    pub fn datacontenttype(mut self, media_type: impl Into<String>) -> Self {
        self.event.datacontenttype = Some(media_type.into());
        self
    }

    /// The schema that the data keeps, an absolute URI.
    pub fn dataschema(mut self, uri: impl Into<String>) -> Self {
        self.event.dataschema = Some(uri.into());
        self
    }

    /// An extension attribute; the last of a name counts.
    pub fn extension(mut self, name: impl Into<String>, value: impl Into<ExtensionValue>) -> Self {
        self.event.extensions.insert(name.into(), value.into());
        self
    }

    /// Says that another event caused this one: its id is the `causationid`, and its conversation and trace go on. A
    /// conversation that has no id yet takes that of its first event.
    pub fn caused_by(mut self, cause: &Event) -> Self {
        self = self
            .extension(CAUSATIONID, cause.id())
            .extension(CORRELATIONID, cause.correlationid().unwrap_or(cause.id()));
        for (name, value) in [(TRACEPARENT, cause.traceparent()), (TRACESTATE, cause.tracestate())] {
            if let Some(value) = value {
                self = self.extension(name, value);
            }
        }
        self
    }

    /// JSON data, checked and kept as it is written. The content type is `application/json` unless another is set.
    pub fn data_json(self, json: &[u8]) -> Self {
        self.json_payload(Payload::json(json))
    }

    /// JSON data that was checked before.
    pub fn data_json_text(self, json: JsonText) -> Self {
        self.json_payload(Ok(Payload::Json(json)))
    }

    /// JSON data from a value.
    pub fn data_of(self, value: &(impl Serialize + ?Sized)) -> Self {
        self.json_payload(JsonText::of(value).map(Payload::Json).map_err(EventError::DataNotJson))
    }

    /// Text of a content type that is not JSON.
    pub fn data_text(self, content_type: impl Into<String>, text: impl Into<String>) -> Self {
        self.datacontenttype(content_type).payload(Ok(Payload::Text(text.into())))
    }

    /// Bytes of any content type.
    pub fn data_binary(self, content_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        self.datacontenttype(content_type).payload(Ok(Payload::Binary(bytes.into())))
    }

    /// Checks everything, the rules of documented extensions too, and gives the event.
    pub fn build(self) -> Result<Event, EventError> {
        let event = self.build_as_read()?;
        documented::check_all(&event.extensions)?;
        Ok(event)
    }

    /// The event of another producer, whose extensions may break the rules of their documents.
    pub(crate) fn build_as_read(self) -> Result<Event, EventError> {
        if let Some(error) = self.data_error {
            return Err(error);
        }
        self.event.check()?;
        Ok(self.event)
    }

    fn json_payload(mut self, payload: Result<Payload, EventError>) -> Self {
        self.event.datacontenttype.get_or_insert_with(|| APPLICATION_JSON.to_owned());
        self.payload(payload)
    }

    /// Data of any kind, with the content type left as it is.
    pub(crate) fn payload(mut self, payload: Result<Payload, EventError>) -> Self {
        match payload {
            Ok(payload) => {
                self.event.data = payload;
                self.data_error = None;
            }
            Err(error) => self.data_error = Some(error),
        }
        self
    }
}
