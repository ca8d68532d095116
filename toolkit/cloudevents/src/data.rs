//! What an event carries. JSON stays as the text it came in.

use std::fmt;

use crate::error::EventError;
use crate::json_text::JsonText;
use crate::media_type;

/// An event's data, borrowed from it.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// A JSON value as it was written, without the white space around it.
    Json(&'a JsonText),
    /// Text of another type than JSON.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// The event has no data.
    None,
}

impl<'a> Data<'a> {
    /// The data as the bytes that an HTTP body in binary mode, a file or a claim check would hold.
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Json(json) => Some(json.get().as_bytes()),
            Self::Text(text) => Some(text.as_bytes()),
            Self::Binary(bytes) => Some(bytes),
            Self::None => None,
        }
    }

    /// Whether there is no data.
    pub fn is_none(self) -> bool {
        matches!(self, Self::None)
    }
}

/// An event's data, owned by it.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) enum Payload {
    #[default]
    None,
    Json(JsonText),
    Text(String),
    Binary(Vec<u8>),
}

impl Payload {
    /// Checks that bytes are JSON and copies them.
    pub(crate) fn json(bytes: &[u8]) -> Result<Self, EventError> {
        JsonText::parse(bytes).map(Self::Json).map_err(EventError::DataNotJson)
    }

    /// The data that a body of this content type is. No bytes are no data.
    pub(crate) fn from_body(content_type: Option<&str>, body: &[u8]) -> Result<Self, EventError> {
        if body.is_empty() {
            return Ok(Self::None);
        }
        if content_type.is_some_and(media_type::is_json) {
            return Self::json(body);
        }
        match std::str::from_utf8(body) {
            Ok(text) if content_type.is_some_and(media_type::is_text) => Ok(Self::Text(text.to_owned())),
            _ => Ok(Self::Binary(body.to_owned())),
        }
    }

    pub(crate) fn as_data(&self) -> Data<'_> {
        match self {
            Self::None => Data::None,
            Self::Json(json) => Data::Json(json),
            Self::Text(text) => Data::Text(text),
            Self::Binary(bytes) => Data::Binary(bytes),
        }
    }

    /// Checks that the content type can mean this data. Without one, data is JSON, or bytes of which nothing is known.
    pub(crate) fn check(&self, content_type: Option<&str>) -> Result<(), EventError> {
        let is_json = content_type.map(media_type::is_json);
        match (self, is_json) {
            // Or a receiver in HTTP's binary mode would refuse what one in structured mode takes.
            (Self::Binary(bytes), Some(true)) => JsonText::check(bytes).map(drop).map_err(EventError::DataNotJson),
            (Self::Json(_), Some(false)) | (Self::Text(_), Some(true) | None) => Err(EventError::DataUnlikeContentType),
            (Self::Json(_), Some(true) | None)
            | (Self::Text(_), Some(false))
            | (Self::Binary(_), Some(false) | None)
            | (Self::None, _) => Ok(()),
        }
    }
}

/// Tells the kind and the size only: events end up in logs, and their data must not.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, size) = match self {
            Self::None => return f.write_str("None"),
            Self::Json(json) => ("Json", json.get().len()),
            Self::Text(text) => ("Text", text.len()),
            Self::Binary(bytes) => ("Binary", bytes.len()),
        };
        write!(f, "{kind}({size} bytes)")
    }
}
