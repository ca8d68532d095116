//! Which part of an event is its key, or what the key stands for.

use std::fmt;

use serde_json::Value;

use crate::canonical::{Inexact, canonical, canonical_name};
use crate::claim::{Fingerprint, Key};

type Select<E> = dyn Fn(&E) -> Result<Value, PartError> + Send + Sync;

/// Selects a part of an event, as JSON. Several things together are a list: `json!([order.customer, order.number])`, or
/// `[customer, number]` in JMESPath.
///
/// A part is *missing* where it is `null` or empty (`""`, `[]`, `{}`), or a list with such an item.
pub struct Part<E>(Box<Select<E>>);

/// Why a part cannot be had from an event. Says nothing of the event itself.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// The part holds a number that is no key.
    #[error(transparent)]
    Inexact(#[from] Inexact),
    /// The event is not JSON.
    #[error("the event cannot be written as JSON")]
    Event,
    /// The JMESPath expression fails on the event, for instance by calling a function with a wrong type.
    #[error("the JMESPath expression fails on the event")]
    Expression,
}

impl<E> Part<E> {
    /// What `select` makes of an event.
    pub fn of(select: impl Fn(&E) -> Value + Send + Sync + 'static) -> Self {
        Self(Box::new(move |event| Ok(select(event))))
    }

    #[cfg(feature = "jmespath")]
    pub(crate) fn trying(select: impl Fn(&E) -> Result<Value, PartError> + Send + Sync + 'static) -> Self {
        Self(Box::new(select))
    }

    pub(crate) fn select(&self, event: &E) -> Result<Value, PartError> {
        (self.0)(event)
    }

    /// The key of an event, or none where it is missing.
    pub(crate) fn key(&self, scope: &str, event: &E) -> Result<Option<Key>, PartError> {
        let value = self.select(event)?;
        if is_missing(&value) {
            return Ok(None);
        }
        Ok(Some(Key::of_canonical(scope, &canonical_name(&value)?)))
    }

    pub(crate) fn fingerprint(&self, event: &E) -> Result<Fingerprint, PartError> {
        Ok(Fingerprint::of(&canonical(&self.select(event)?)?))
    }
}

impl<E: serde::Serialize> Part<E> {
    /// The whole event.
    #[must_use]
    pub fn whole() -> Self {
        Self(Box::new(|event| serde_json::to_value(event).map_err(|_| PartError::Event)))
    }
}

impl<E> fmt::Debug for Part<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

fn is_missing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty() || items.iter().any(is_missing),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(value: Value) -> Option<Key> {
        Part::whole().key("scope", &value).unwrap()
    }

    #[test]
    fn equal_values_have_equal_keys_however_they_are_written() {
        let written = |text: &str| key(serde_json::from_str(text).unwrap());
        assert_eq!(written(r#"{"a":1.0,"b":"\u00e9"}"#), written(r#"{ "b": "é", "a": 1 }"#));
        assert_ne!(key(json!(["ab", "c"])), key(json!(["a", "bc"])));
        assert_ne!(key(json!("1")), key(json!(1)));
        assert_ne!(Part::whole().key("other", &json!(1)).unwrap(), key(json!(1)));
    }

    #[test]
    fn ids_that_fall_together_as_numbers_are_no_keys() {
        for id in ["9007199254740993", "18446744073709551617", "-18446744073709551617", "1e20", r#"{"of": [1e20]}"#] {
            let refused = Part::whole().key("scope", &serde_json::from_str::<Value>(id).unwrap());
            assert!(matches!(refused, Err(PartError::Inexact(_))), "{id}");
        }
        assert!(key(json!([0.5, 9_007_199_254_740_991.0])).is_some());
    }

    #[test]
    fn what_identifies_nothing_is_missing() {
        for missing in [json!(null), json!(""), json!([]), json!({}), json!(["x", null]), json!([["x", ""]])] {
            assert_eq!(key(missing.clone()), None, "{missing}");
        }
        for present in [json!(0), json!(false), json!(["x", 0]), json!({"note": null})] {
            assert!(key(present.clone()).is_some(), "{present}");
        }
    }
}
