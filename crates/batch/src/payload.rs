//! What stands in a record: JSON, base64, and under features Avro and Protobuf.

use serde::Deserialize;

use crate::Failure;

#[cfg(feature = "avro")]
pub mod avro;
pub mod framing;
#[cfg(feature = "protobuf")]
pub mod protobuf;

/// Reads JSON.
///
/// # Errors
/// [`Failure::Undecodable`], naming the place but not the content.
pub fn json<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| not_json(&error))
}

pub(crate) fn not_json(error: &serde_json::Error) -> Failure {
    let place = format!("line {} column {}", error.line(), error.column());
    Failure::undecodable(format!("the body is not the JSON expected ({:?} error at {place})", error.classify()))
}

#[cfg(any(feature = "kinesis", feature = "kafka", feature = "rabbitmq"))]
pub(crate) fn base64(text: &str) -> Result<Vec<u8>, Failure> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    STANDARD.decode(text).map_err(|_| Failure::undecodable("the data is not base64"))
}
