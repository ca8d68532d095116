//! Protobuf values, framed by a registry's serialiser or bare.

use prost::Message;
use prost::encoding::decode_varint;

use super::framing::{Framed, SchemaId, unframe};
use crate::failure::Failure;

/// No schema nests deeper.
const MAX_INDEXES: usize = 32;

/// Reads a framed value that has to be of the message at `indexes`: its place in its file, `&[0]` for the first. Protobuf
/// reads nearly any message as any other, so the frame's word is needed to know that it was understood. Glue's frame
/// is refused.
///
/// # Errors
/// [`Failure::Undecodable`] for another message of the schema, and for what is none.
pub fn from_framed<M: Message + Default>(value: &[u8], indexes: &[u64]) -> Result<M, Failure> {
    let Framed { schema, payload } = unframe(value)?;
    if matches!(schema, SchemaId::Glue(_)) {
        return Err(Failure::undecodable("Protobuf in AWS Glue's frame is not supported"));
    }
    let mut rest = payload;
    let found = message_indexes(&mut rest).ok_or_else(|| Failure::undecodable("the Protobuf frame is cut off"))?;
    if found != indexes {
        return Err(Failure::undecodable(format!("the value is the message at {found:?}, not at {indexes:?}")));
    }
    from_bare(rest)
}

/// Reads a value without a frame.
///
/// # Errors
/// [`Failure::Undecodable`] for what is no such message.
pub fn from_bare<M: Message + Default>(value: &[u8]) -> Result<M, Failure> {
    M::decode(value).map_err(|_| Failure::undecodable("the value is not the Protobuf message expected"))
}

/// A count and that many numbers, zigzag varints; the most usual list, `[0]`, is a single zero
/// ([rule](https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format)).
fn message_indexes(rest: &mut &[u8]) -> Option<Vec<u64>> {
    let mut number = || {
        let zigzag = decode_varint(rest).ok()?;
        (zigzag % 2 == 0).then_some(zigzag / 2) // odd ones are negative
    };
    let count = usize::try_from(number()?).ok().filter(|count| *count <= MAX_INDEXES)?;
    if count == 0 { Some(vec![0]) } else { (0..count).map(|_| number()).collect() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, PartialEq, Message)]
    struct Reading {
        #[prost(string, tag = "1")]
        station: String,
        #[prost(sint64, tag = "2")]
        height_mm: i64,
    }

    fn reading() -> Reading {
        Reading { station: "Made-up Quay".into(), height_mm: -17 }
    }

    fn framed(indexes: &[u8]) -> Vec<u8> {
        [&[0, 0, 0, 0, 7], indexes, &reading().encode_to_vec()].concat()
    }

    #[test]
    fn a_value_is_read_where_its_frame_names_the_message_expected() {
        for (bytes, indexes) in
            [(&[0][..], &[0][..]), (&[2, 0], &[0]), (&[2, 2], &[1]), (&[4, 2, 0], &[1, 0]), (&[2, 0x80, 2], &[128])]
        {
            assert_eq!(from_framed::<Reading>(&framed(bytes), indexes).unwrap(), reading(), "{bytes:?}");
        }
    }

    #[test]
    fn another_message_and_a_broken_one_are_undecodable() {
        let good = framed(&[0]);
        let refused =
            [(framed(&[2, 2]), &[0][..]), (framed(&[1]), &[0]), (good.clone(), &[1]), (good[..9].into(), &[0])];
        for (value, indexes) in refused {
            let failure = from_framed::<Reading>(&value, indexes).unwrap_err();
            assert!(matches!(failure, Failure::Undecodable { .. }), "{failure:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = from_framed::<Reading>(&[&[0, 0, 0, 0, 7], &bytes[..]].concat(), &[0]);
        }
    }
}
