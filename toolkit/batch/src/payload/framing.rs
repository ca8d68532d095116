//! What a schema registry's serialiser puts before a value: which schema wrote it.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use crate::failure::Failure;

/// The name of a schema in its registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaId {
    /// Of a registry that speaks Confluent's wire format.
    Confluent(u32),
    /// Of AWS Glue: the UUID of the schema's version.
    Glue([u8; 16]),
}

/// A value and the schema that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// Which schema.
    pub schema: SchemaId,
    /// What comes after the frame. For Protobuf in Confluent's format it begins with the message's indexes.
    pub payload: &'a [u8],
}

/// Schemas by id, parsed. A registry is asked over the network, so cache: an id never changes its meaning.
pub trait Schemas<S> {
    /// The schema, or why not: transient where the registry cannot be asked, permanent where it does not know the id.
    fn schema(&self, id: SchemaId) -> impl Future<Output = Result<Arc<S>, Failure>>;
}

/// Schemas that are known beforehand.
impl<S, H: BuildHasher> Schemas<S> for HashMap<SchemaId, Arc<S>, H> {
    async fn schema(&self, id: SchemaId) -> Result<Arc<S>, Failure> {
        self.get(&id).cloned().ok_or_else(|| Failure::permanent(format!("the schema {id:?} is not known")))
    }
}

/// Takes the frame off:
/// [Confluent's](https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format)
/// is a zero byte and a big-endian number, Glue's a three, a byte for compression and a UUID.
///
/// # Errors
/// [`Failure::Undecodable`] for anything else, and for compressed values.
pub fn unframe(value: &[u8]) -> Result<Framed<'_>, Failure> {
    if let Some((&[0, a, b, c, d], payload)) = value.split_first_chunk() {
        return Ok(Framed { schema: SchemaId::Confluent(u32::from_be_bytes([a, b, c, d])), payload });
    }
    match value {
        [3, 0, rest @ ..] => {
            let (id, payload) = rest.split_first_chunk().ok_or_else(unknown)?;
            Ok(Framed { schema: SchemaId::Glue(*id), payload })
        }
        [3, 5, ..] => Err(Failure::undecodable("the value is compressed, which is not supported")),
        _ => Err(unknown()),
    }
}

fn unknown() -> Failure {
    Failure::undecodable("the value does not begin with a schema registry's frame")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_frames_are_taken_off() {
        let framed = unframe(&[0, 0, 0, 1, 2, 9, 8]).unwrap();
        assert_eq!(framed, Framed { schema: SchemaId::Confluent(258), payload: &[9, 8] });
        let mut glue = vec![3, 0];
        glue.extend(0..16);
        glue.push(9);
        let id = std::array::from_fn(|i| u8::try_from(i).unwrap());
        assert_eq!(unframe(&glue).unwrap(), Framed { schema: SchemaId::Glue(id), payload: &[9] });
    }

    #[test]
    fn what_has_no_frame_is_not_guessed_at() {
        for value in [&[][..], b"{}", &[0, 0, 0, 1], &[3, 0, 1], &[3, 5, 1], &[1, 0, 0, 0, 1, 9]] {
            assert!(matches!(unframe(value), Err(Failure::Undecodable { .. })), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_confluent_frame_reads_back(id: u32, payload: Vec<u8>) {
            let value = [&[0], &id.to_be_bytes()[..], &payload].concat();
            prop_assert_eq!(unframe(&value).unwrap(), Framed { schema: SchemaId::Confluent(id), payload: &payload });
        }
    }
}
