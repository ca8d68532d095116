//! What can be wrong with an event, with its JSON and with the message that carries it.
//!
//! No variant repeats the event's data, so that an error may be logged.

/// A rule of the [CloudEvents specification](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md)
/// that an event would break.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// A required attribute is absent.
    #[error("the required attribute `{0}` is missing")]
    Missing(&'static str),
    /// An attribute that must have at least one character has none.
    #[error("the attribute `{0}` is empty")]
    Empty(&'static str),
    /// `specversion` is anything but `1.0`.
    #[error("the specversion is not supported: only 1.0 is")]
    SpecVersion,
    /// An attribute's name has other characters than `a` to `z` and `0` to `9`, or none, or more than
    /// [`MAX_NAME_LEN`](crate::extensions::MAX_NAME_LEN). The name is shortened here.
    #[error("{0:?} is not an attribute name: 1 to 128 characters out of a-z and 0-9")]
    Name(String),
    /// An extension has the name of a context attribute, or `data`.
    #[error("an extension cannot be named `{0}`")]
    ReservedName(String),
    /// There are more extensions than [`MAX_EXTENSIONS`](crate::extensions::MAX_EXTENSIONS).
    #[error("the event has more than 256 extensions")]
    TooManyExtensions,
    /// A string has a control character or a Unicode noncharacter.
    #[error("the attribute `{attribute}` contains U+{character:04X}, which attributes must not contain")]
    Character {
        /// The attribute's name.
        attribute: String,
        /// The offending code point.
        character: u32,
    },
    /// A URI or URI-reference contains white space, or a URI has no scheme.
    #[error("the attribute `{0}` is not a valid URI")]
    Uri(&'static str),
    /// `time` is not a timestamp of [RFC 3339](https://datatracker.ietf.org/doc/html/rfc3339).
    #[error("the attribute `time` is not an RFC 3339 timestamp")]
    Time,
    /// `datacontenttype` is not a media type.
    #[error("the attribute `datacontenttype` is not a media type")]
    MediaType,
    /// A documented extension is not what its document says. Events that are read may have such; see the methods of
    /// [`Event`](crate::Event) that read them.
    #[error("the extension `{name}` is not {expected}")]
    Extension {
        /// The attribute's name.
        name: &'static str,
        /// What it should have been, with its article.
        expected: &'static str,
    },
    /// `datacontenttype` says JSON and the data is not; the source tells where it stops to be.
    #[error("the data is not JSON")]
    DataNotJson(#[source] serde_json::Error),
    /// JSON data under a `datacontenttype` that is not JSON, or text data under one that is or under none.
    #[error("the data does not fit the attribute `datacontenttype`")]
    DataUnlikeContentType,
}

/// Why bytes are not a CloudEvent, or a batch of them, in the
/// [JSON format](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The bytes are not JSON.
    #[error("malformed JSON")]
    Syntax(#[source] serde_json::Error),
    /// The JSON is a value of another kind than an object.
    #[error("a CloudEvent is a JSON object")]
    NotAnObject,
    /// The JSON is a value of another kind than an array.
    #[error("a batch of CloudEvents is a JSON array")]
    NotAnArray,
    /// A member stands there twice.
    #[error("the member {0:?} is there more than once")]
    Duplicate(String),
    /// An attribute's value is of a kind that it cannot have.
    #[error("the attribute `{attribute}` is not {expected}")]
    Type {
        /// The attribute's name.
        attribute: String,
        /// What it should have been, with its article.
        expected: &'static str,
    },
    /// `data` and `data_base64` are both there.
    #[error("the event has both `data` and `data_base64`")]
    DataTwice,
    /// `data` is no string although `datacontenttype` is not JSON, or has an unpaired surrogate.
    #[error("`data` is not a string, but the attribute `datacontenttype` is not JSON")]
    DataNotText,
    /// `data_base64` is not a string in the base64 of
    /// [RFC 4648](https://datatracker.ietf.org/doc/html/rfc4648#section-4), padding included.
    #[error("`data_base64` is not a string in base64")]
    Base64,
    /// The event breaks a rule of the specification.
    #[error(transparent)]
    Event(#[from] EventError),
    /// An event of a batch is wrong.
    #[error("event {index} of the batch")]
    InBatch {
        /// Its place, counted from 0.
        index: usize,
        /// What is wrong with it.
        source: Box<JsonError>,
    },
}

/// Why an HTTP message does not carry CloudEvents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Neither the content type nor a `ce-specversion` header says that this is a CloudEvent.
    #[error("the message is not a CloudEvent: no ce-specversion header and no application/cloudevents content type")]
    NotACloudEvent,
    /// The content type is one of CloudEvents, but not in JSON, or not in UTF-8.
    #[error("this event format is not supported: only application/cloudevents+json and its batch are")]
    Format,
    /// A header that may be there once is there more often. Names of headers are shortened here and below.
    #[error("the header `{0}` is there more than once")]
    Repeated(String),
    /// `ce-datacontenttype` is there; its place is `Content-Type`.
    #[error("the header `ce-datacontenttype` is not allowed: the content type says it")]
    DataContentType,
    /// A header's quotes are unbalanced, its percent-encoding is malformed, or what it decodes to is not UTF-8.
    #[error("the header `{0}` is not a percent-encoded UTF-8 value")]
    Encoding(String),
    /// The body is not a CloudEvent in JSON, or a batch of them.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The event breaks a rule of the specification.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// Why a Kafka record does not carry a CloudEvent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// Neither the content type nor a `ce_specversion` header says that this is a CloudEvent.
    #[error("the record is not a CloudEvent: no ce_specversion header and no application/cloudevents content type")]
    NotACloudEvent,
    /// The content type is one of CloudEvents, but not of a single one in JSON, in UTF-8.
    #[error("this event format is not supported: only application/cloudevents+json is")]
    Format,
    /// A header that may be there once is there more often. Names of headers are shortened here and below.
    #[error("the header `{0}` is there more than once")]
    Repeated(String),
    /// `ce_datacontenttype` says something else than `content-type`.
    #[error("the headers `ce_datacontenttype` and `content-type` differ")]
    DataContentType,
    /// A header's value is not UTF-8.
    #[error("the header `{0}` is not UTF-8")]
    Encoding(String),
    /// The value is not a CloudEvent in JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The event breaks a rule of the specification.
    #[error(transparent)]
    Event(#[from] EventError),
}

/// Why [`Event::data_as`](crate::Event::data_as) has no value to give.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The event carries no data; perhaps it has a [`dataref`](crate::Event::dataref).
    #[error("the event carries no data")]
    Absent,
    /// The data is text, or bytes whose content type is not JSON.
    #[error("the data is not JSON")]
    NotJson,
    /// The JSON does not have the wanted shape. The source may quote the data.
    #[error("the data does not have the expected shape")]
    Shape(#[source] serde_json::Error),
}

/// A name as an error may carry it: senders choose names, so they are cut.
pub(crate) fn shown(name: &str) -> String {
    name.chars().take(40).collect()
}
