//! The event: its attributes, its data, and the claim check.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::attribute;
use crate::data::{Data, Payload};
use crate::error::{DataError, EventError};
use crate::extensions::{DATAREF, ExtensionValue, MAX_EXTENSIONS, documented};
use crate::media_type;

pub(crate) const APPLICATION_JSON: &str = "application/json";

/// A [CloudEvent](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md) of version 1.0 that keeps the
/// specification's rules; there is no way to make one that breaks them.
///
/// `Debug` shows the attributes, and of the data just its kind and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub(crate) id: String,
    pub(crate) source: String,
    pub(crate) ty: String,
    pub(crate) subject: Option<String>,
    pub(crate) time: Option<Timestamp>,
    pub(crate) datacontenttype: Option<String>,
    pub(crate) dataschema: Option<String>,
    pub(crate) extensions: BTreeMap<String, ExtensionValue>,
    pub(crate) data: Payload,
}

impl Event {
    /// The event's id, unique within its source.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The context in which the event happened, a URI-reference.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The attribute `type`: what kind of thing happened.
    pub fn ty(&self) -> &str {
        &self.ty
    }

    /// What the event is about, within its source.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// When it happened.
    pub fn time(&self) -> Option<Timestamp> {
        self.time
    }

    /// The data's media type. In JSON an event without one has JSON data.
    pub fn datacontenttype(&self) -> Option<&str> {
        self.datacontenttype.as_deref()
    }

    /// The schema that the data keeps, an absolute URI.
    pub fn dataschema(&self) -> Option<&str> {
        self.dataschema.as_deref()
    }

    /// An extension attribute.
    pub fn extension(&self, name: &str) -> Option<&ExtensionValue> {
        self.extensions.get(name)
    }

    /// All extension attributes in the order of their names.
    pub fn extensions(&self) -> impl Iterator<Item = (&str, &ExtensionValue)> {
        self.extensions.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The data.
    pub fn data(&self) -> Data<'_> {
        self.data.as_data()
    }

    /// Reads the data as JSON into a type, which may borrow from the event. Bytes are read too when the content type
    /// says JSON.
    pub fn data_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DataError> {
        match self.data() {
            Data::Json(json) => serde_json::from_str(json.get()).map_err(DataError::Shape),
            Data::Binary(bytes) if self.datacontenttype().is_some_and(media_type::is_json) => {
                serde_json::from_slice(bytes).map_err(DataError::Shape)
            }
            Data::Text(_) | Data::Binary(_) => Err(DataError::NotJson),
            Data::None => Err(DataError::Absent),
        }
    }

    /// The attribute `dataref`: where the data is kept, whether or not the event carries it as well.
    pub fn dataref(&self) -> Option<&str> {
        self.extension(DATAREF).and_then(ExtensionValue::as_str)
    }

    /// Where the data has to be fetched from: the `dataref` of an event that does not carry its data.
    pub fn dataref_to_fetch(&self) -> Option<&str> {
        self.dataref().filter(|_| self.data().is_none())
    }

    /// The same event under another id: for a publisher that learns that it was published before, or tried to be.
    pub fn with_id(mut self, id: impl Into<String>) -> Result<Self, EventError> {
        self.id = id.into();
        attribute::check_string("id", &self.id)?;
        Ok(self)
    }

    /// Sets an extension attribute, in place of one of that name.
    pub fn with_extension(mut self, name: &str, value: impl Into<ExtensionValue>) -> Result<Self, EventError> {
        let value = value.into();
        check_extension(name, &value)?;
        documented::check(name, &value)?;
        self.extensions.insert(name.to_owned(), value);
        self.check_extension_count()?;
        Ok(self)
    }

    /// The claim check: drops the data and sets `dataref` to where it is kept now.
    pub fn with_dataref(mut self, uri: impl Into<String>) -> Result<Self, EventError> {
        let uri = uri.into();
        attribute::check_uri_reference(DATAREF, &uri)?;
        if matches!(self.data, Payload::Json(_)) {
            // Without the data there is nothing to imply JSON, and whoever puts it back has to know.
            self.datacontenttype.get_or_insert_with(|| APPLICATION_JSON.to_owned());
        }
        self.data = Payload::None;
        self.with_extension(DATAREF, uri)
    }

    /// Puts back data that `dataref` led to, as what the event's content type says it is: JSON, text or bytes.
    /// `dataref` stays; it is still true.
    pub fn with_data(mut self, bytes: &[u8]) -> Result<Self, EventError> {
        self.data = Payload::from_body(self.datacontenttype(), bytes)?;
        Ok(self)
    }

    /// Puts back data that is known to be JSON. An event that had no content type then has `application/json`.
    pub fn with_data_json(mut self, json: &[u8]) -> Result<Self, EventError> {
        self.data = Payload::json(json)?;
        self.datacontenttype.get_or_insert_with(|| APPLICATION_JSON.to_owned());
        self.data.check(self.datacontenttype())?;
        Ok(self)
    }

    /// The content type that the data has, said or implied.
    pub(crate) fn effective_content_type(&self) -> Option<&str> {
        match (&self.datacontenttype, &self.data) {
            (None, Payload::Json(_)) => Some(APPLICATION_JSON),
            (content_type, _) => content_type.as_deref(),
        }
    }

    /// Checks every rule.
    pub(crate) fn check(&self) -> Result<(), EventError> {
        attribute::check_string("id", &self.id)?;
        attribute::check_uri_reference("source", &self.source)?;
        attribute::check_string("type", &self.ty)?;
        if let Some(subject) = &self.subject {
            attribute::check_string("subject", subject)?;
        }
        if let Some(time) = self.time {
            attribute::check_time(time)?;
        }
        if let Some(content_type) = &self.datacontenttype {
            media_type::check(content_type)?;
        }
        if let Some(schema) = &self.dataschema {
            attribute::check_uri("dataschema", schema)?;
        }
        for (name, value) in &self.extensions {
            check_extension(name, value)?;
        }
        self.check_extension_count()?;
        self.data.check(self.datacontenttype())
    }

    fn check_extension_count(&self) -> Result<(), EventError> {
        if self.extensions.len() > MAX_EXTENSIONS { Err(EventError::TooManyExtensions) } else { Ok(()) }
    }
}

fn check_extension(name: &str, value: &ExtensionValue) -> Result<(), EventError> {
    attribute::check_name(name)?;
    value.as_str().map_or(Ok(()), |value| attribute::check_characters(name, value))
}
