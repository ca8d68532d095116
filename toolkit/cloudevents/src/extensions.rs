//! Extension attributes: their values, the names of documented ones, and (as methods of [`Event`](crate::Event)) their
//! readers.

pub(crate) mod documented;
mod readers;

use std::borrow::Cow;
use std::fmt;

/// [Distributed tracing](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md):
/// the W3C trace context of what caused the event.
pub const TRACEPARENT: &str = "traceparent";
/// Distributed tracing: vendors' additions to [`TRACEPARENT`].
pub const TRACESTATE: &str = "tracestate";
/// [Claim check](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/dataref.md): where the data
/// is kept.
pub const DATAREF: &str = "dataref";
/// [Partitioning](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/partitioning.md): events with
/// the same key stay in order.
pub const PARTITIONKEY: &str = "partitionkey";
/// [Sequence](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/sequence.md): the event's place
/// among those of its source.
pub const SEQUENCE: &str = "sequence";
/// Sequence: what the values of [`SEQUENCE`] mean.
pub const SEQUENCETYPE: &str = "sequencetype";
/// [Correlation](https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/correlation.md): the conversation
/// that the event belongs to.
pub const CORRELATIONID: &str = "correlationid";
/// Correlation: the id of the event or command that directly caused this one.
pub const CAUSATIONID: &str = "causationid";

/// The most extensions an event may have. The specification sets no limit; without one, a megabyte of tiny members
/// would become fifty megabytes of map, and an event could not be sure to fit into HTTP headers.
pub const MAX_EXTENSIONS: usize = 256;
/// The longest name of an extension in bytes. The specification advises 20.
pub const MAX_NAME_LEN: usize = 128;

/// The value of an extension attribute.
///
/// The [type system](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system) has more types
/// (URI, timestamp, binary), all of which travel as strings. HTTP headers do not tell types apart at all: there
/// everything arrives as a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExtensionValue {
    /// A string.
    String(String),
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
}

impl ExtensionValue {
    /// The string, when it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(value) => Some(value),
            Self::Boolean(_) | Self::Integer(_) => None,
        }
    }

    /// The canonical string encoding, which is what stands in an HTTP header.
    pub fn canonical(&self) -> Cow<'_, str> {
        match self {
            Self::String(value) => Cow::Borrowed(value),
            Self::Boolean(true) => Cow::Borrowed("true"),
            Self::Boolean(false) => Cow::Borrowed("false"),
            Self::Integer(value) => Cow::Owned(value.to_string()),
        }
    }
}

impl fmt::Display for ExtensionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.canonical())
    }
}

impl From<&str> for ExtensionValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for ExtensionValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<bool> for ExtensionValue {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<i32> for ExtensionValue {
    fn from(value: i32) -> Self {
        Self::Integer(value)
    }
}
