//! Avro values, framed by a registry's serialiser or bare.

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::{Schema, from_value};
use serde::de::DeserializeOwned;

use super::framing::{Schemas, unframe};
use crate::failure::Failure;

/// Reads a framed value with the schema that its frame names, into the shape of `reader` where one is given
/// ([schema resolution](https://avro.apache.org/docs/1.12.0/specification/#schema-resolution)).
///
/// # Errors
/// [`Failure::Undecodable`] for what is not of its schema, or not a `T`; the error of `schemas` where it has no schema.
pub async fn from_framed<T: DeserializeOwned>(
    value: &[u8],
    schemas: &impl Schemas<Schema>,
    reader: Option<&Schema>,
) -> Result<T, Failure> {
    let framed = unframe(value)?;
    let writer = schemas.schema(framed.schema).await?;
    from_bare(framed.payload, &writer, reader)
}

/// Reads a value without a frame that `writer` wrote.
///
/// # Errors
/// [`Failure::Undecodable`] for what is not of its schema, or not a `T`.
pub fn from_bare<T: DeserializeOwned>(
    mut value: &[u8],
    writer: &Schema,
    reader: Option<&Schema>,
) -> Result<T, Failure> {
    // Avro's errors quote the value, so they go no further.
    let built = GenericDatumReader::builder(writer).maybe_reader_schema(reader).build();
    let read = built
        .and_then(|reader| reader.read_value(&mut value))
        .map_err(|_| Failure::undecodable("the value is not of the Avro schema that wrote it"))?;
    if !value.is_empty() {
        return Err(Failure::undecodable("the value is longer than its Avro schema allows"));
    }
    from_value(&read).map_err(|_| Failure::undecodable("the Avro value is not of the shape expected"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use apache_avro::types::Value;
    use apache_avro::writer::datum::GenericDatumWriter;
    use serde::Deserialize;

    use super::*;
    use crate::payload::framing::SchemaId;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Reading {
        station: String,
        height_mm: i64,
    }

    const WRITER: &str = r#"{"type":"record","name":"Reading","fields":[
        {"name":"station","type":"string"},{"name":"height_mm","type":"long"}]}"#;
    const READER: &str = r#"{"type":"record","name":"Reading","fields":[
        {"name":"height_mm","type":"long"},{"name":"station","type":"string"},
        {"name":"unit","type":"string","default":"mm"}]}"#;

    fn framed() -> (Vec<u8>, HashMap<SchemaId, Arc<Schema>>) {
        let schema = Schema::parse_str(WRITER).unwrap();
        let fields = [("station", Value::String("Made-up Quay".into())), ("height_mm", Value::Long(-17))];
        let record = Value::Record(fields.map(|(name, value)| (name.to_owned(), value)).into());
        let bare = GenericDatumWriter::builder(&schema).build().unwrap().write_value_to_vec(record).unwrap();
        let value = [&[0, 0, 0, 0, 7][..], &bare].concat();
        (value, HashMap::from([(SchemaId::Confluent(7), Arc::new(schema))]))
    }

    #[tokio::test]
    async fn a_value_is_read_by_the_schema_that_wrote_it() {
        let (value, schemas) = framed();
        let expected = Reading { station: "Made-up Quay".into(), height_mm: -17 };
        assert_eq!(from_framed::<Reading>(&value, &schemas, None).await.unwrap(), expected);
        let reader = Schema::parse_str(READER).unwrap();
        assert_eq!(from_framed::<Reading>(&value, &schemas, Some(&reader)).await.unwrap(), expected);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_undecodable_and_an_unknown_schema_permanent() {
        let (value, schemas) = framed();
        let long = [&value[..], &[0]].concat();
        for bad in [&value[..value.len() - 1], &long, b"{}"] {
            let failure = from_framed::<Reading>(bad, &schemas, None).await.unwrap_err();
            assert!(matches!(failure, Failure::Undecodable { .. }), "{failure:?}");
            assert!(!failure.to_string().contains("Quay"));
        }
        let mut other = value.clone();
        other[4] = 8;
        let failure = from_framed::<Reading>(&other, &schemas, None).await.unwrap_err();
        assert!(matches!(failure, Failure::Permanent { .. }), "{failure:?}");
    }
}
