//! What stands in a record: JSON, base64, and under features Avro and Protobuf.

use serde::Deserialize;

use crate::failure::Failure;

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

/// Reads JSON in a schema registry's frame, as the serialisers for JSON Schema write it. The schema is not fetched: `T`
/// is what this consumer accepts.
///
/// # Errors
/// [`Failure::Undecodable`] without a frame, and as [`json`].
pub fn json_from_framed<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, Failure> {
    json(framing::unframe(value)?.payload)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framed_json_is_read_from_either_registry_and_bare_json_is_not_taken_for_it() {
        let body = br#"{"station":"Made-up Quay"}"#;
        let confluent = [&[0, 0, 0, 0, 7][..], body].concat();
        let glue = [&[3, 0][..], &[9; 16], body].concat();
        for value in [confluent, glue] {
            assert_eq!(json_from_framed::<serde_json::Value>(&value).unwrap()["station"], "Made-up Quay");
        }
        for bad in [&body[..], &[0, 0, 0, 0, 7, b'{']] {
            let failure = json_from_framed::<serde_json::Value>(bad).unwrap_err();
            assert!(matches!(failure, Failure::Undecodable { .. }), "{failure:?}");
        }
    }
}
