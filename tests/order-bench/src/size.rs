//! The size of an item, as DynamoDB bills it.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>

use serde_json::{Map, Value};

/// Bytes of an item in DynamoDB's JSON: names and values.
pub(crate) fn item_bytes(item: &Map<String, Value>) -> usize {
    item.iter().map(|(name, value)| name.len() + value_bytes(value)).sum()
}

/// Write units for an item of so many bytes: one for each begun KB.
pub(crate) fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(1024).max(1) as f64
}

/// Read units for an item of so many bytes, strongly consistent: one for each begun 4 KB, and one for nothing found.
pub(crate) fn read_units(bytes: usize) -> f64 {
    bytes.div_ceil(4096).max(1) as f64
}

/// A value is an object of one member, whose name is the type.
fn value_bytes(value: &Value) -> usize {
    let Some((kind, inner)) = value.as_object().and_then(|typed| typed.iter().next()) else { return 0 };
    match (kind.as_str(), inner) {
        ("S", Value::String(text)) => text.len(),
        // Base64, four characters for three bytes.
        ("B", Value::String(text)) => text.len() / 4 * 3,
        // "Approximately": two digits to a byte, and one more.
        ("N", Value::String(text)) => text.len().div_ceil(2) + 1,
        ("L", Value::Array(items)) => 3 + items.iter().map(|item| 1 + value_bytes(item)).sum::<usize>(),
        ("M", Value::Object(items)) => 3 + items.len() + item_bytes(items),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(item: Value) -> usize {
        item_bytes(item.as_object().unwrap())
    }

    #[test]
    fn an_item_is_as_large_as_its_names_and_values() {
        assert_eq!(bytes(json!({"id": {"S": "ord_1"}})), 2 + 5);
        assert_eq!(bytes(json!({"id": {"S": "\u{e9}"}, "version": {"N": "12"}})), 2 + 2 + 7 + 2);
        assert_eq!(bytes(json!({"a": {"L": [{"S": "bc"}, {"BOOL": true}]}})), 1 + 3 + 1 + 2 + 1 + 1);
        assert_eq!(bytes(json!({"a": {"M": {"b": {"NULL": true}}}})), 1 + 3 + 1 + 1 + 1);
    }

    #[test]
    fn units_are_begun_ones_and_at_least_one() {
        assert_eq!([0, 1, 1024, 1025].map(write_units), [1.0, 1.0, 1.0, 2.0]);
        assert_eq!([0, 4096, 4097].map(read_units), [1.0, 1.0, 2.0]);
    }
}
