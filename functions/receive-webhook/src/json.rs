//! Strict JSON: what every reader downstream understands the same way, found out in one pass over the bytes.
//!
//! Refused beyond malformed JSON, after I-JSON (<https://www.rfc-editor.org/rfc/rfc7493>): member names that repeat (two
//! readers may see two values), lone surrogates, numbers beyond a double's range, nesting deeper than 128. Nothing is
//! kept of the document but the few members that were asked for, so memory does not grow with it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use http::StatusCode;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use tidegate_cloudevents::JsonText;
use tidegate_runtime::problem::Problem;

/// Checks a document and picks the scalars at `wanted` paths of member names, in that order.
pub(crate) fn inspect<const N: usize>(
    json: &[u8],
    wanted: [&[&str]; N],
) -> Result<([Option<String>; N], JsonText), Problem> {
    let found = RefCell::new([const { None }; N]);
    let names = RefCell::new(Names::default());
    let paths = wanted.into_iter().enumerate().collect();
    let read = JsonText::read(json, Value { paths, found: &found, names: &names });
    read.map(|((), text)| (found.into_inner(), text)).map_err(|error| {
        // serde_json's texts name what it met and where, and never quote the document, but for our own repeated names.
        Problem::new(StatusCode::BAD_REQUEST, "malformed-json", "The body is not acceptable JSON")
            .detail(error.to_string())
    })
}

/// One value of the document, and the paths that lead into or through it.
struct Value<'a, const N: usize> {
    paths: Vec<(usize, &'a [&'a str])>,
    found: &'a RefCell<[Option<String>; N]>,
    names: &'a RefCell<Names>,
}

impl<'a, const N: usize> Value<'a, N> {
    fn scalar(&self, text: impl FnOnce() -> String) {
        if let Some((index, [])) = self.paths.iter().find(|(_, path)| path.is_empty()) {
            self.found.borrow_mut()[*index] = Some(text());
        }
    }

    fn inner(&self, paths: Vec<(usize, &'a [&'a str])>) -> Self {
        Self { paths, found: self.found, names: self.names }
    }
}

impl<'de, const N: usize> DeserializeSeed<'de> for Value<'_, N> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Value<'_, N> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.scalar(|| value.to_string());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.scalar(|| value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.scalar(|| value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(()) // nothing that is asked for is a fraction
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.scalar(|| value.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self.inner(Vec::new()))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let object = self.names.borrow().begin();
        while let Some(name) = members.next_key_seed(Name)? {
            self.names.borrow_mut().add(&name);
            let through = self.paths.iter().filter_map(|(index, path)| match path.split_first() {
                Some((first, rest)) if *first == name => Some((*index, rest)),
                _ => None,
            });
            members.next_value_seed(self.inner(through.collect()))?;
        }
        if self.names.borrow_mut().end(object) { Ok(()) } else { Err(A::Error::custom("a member name repeats")) }
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// The hashes of the names of every object that is being read, the outer ones' below the inner one's: one list for all,
/// because a document has dozens of objects.
///
/// Not seeded: who finds two names of one hash gets their own document refused, and nothing else.
struct Names {
    hashes: Vec<u64>,
    hasher: FixedState,
}

impl Default for Names {
    fn default() -> Self {
        Self { hashes: Vec::with_capacity(256), hasher: FixedState::default() } // a push has 87 at its deepest
    }
}

impl Names {
    /// Up to here, comparing each with each is quicker than sorting.
    const FEW: usize = 16;

    fn begin(&self) -> usize {
        self.hashes.len()
    }

    fn add(&mut self, name: &str) {
        self.hashes.push(self.hasher.hash_one(name));
    }

    /// Drops the names of the object that began at `start`, and returns whether each was there once.
    fn end(&mut self, start: usize) -> bool {
        let names = &mut self.hashes[start..];
        let unique = if names.len() <= Self::FEW {
            names.iter().enumerate().all(|(index, name)| !names[..index].contains(name))
        } else {
            names.sort_unstable();
            names.windows(2).all(|pair| pair[0] != pair[1])
        };
        self.hashes.truncate(start);
        unique
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn detail(json: &[u8]) -> String {
        let problem = inspect(json, []).unwrap_err();
        format!("{problem:?}")
    }

    #[test]
    fn the_wanted_members_are_found_and_others_of_the_same_name_are_not() {
        let json = br#"{"a":{"id":"wrong"},"id":7,"b":{"c":{"d":"deep"}},"list":[{"id":"wrong"}],"\u0065":"escaped"}"#;
        let (found, _) = inspect(json, [&["id"], &["b", "c", "d"], &["e"], &["b"], &["none"]]).unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found, [some("7"), some("deep"), some("escaped"), None, None]);
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for (json, why) in [
            (&br#"{"a":1,"a":2}"#[..], "repeats"),
            (br#"{"x":[{"a":1,"\u0061":2}]}"#, "repeats"),
            (br#"{"a":"\ud800"}"#, "hex escape"),
            (br#"{"a":1e999}"#, "out of range"),
            (b"{\"a\":\"\xff\"}", "unicode"),
            (br#"{"a":1} x"#, "trailing"),
            (br#"{"a":"#, "EOF"),
            (b"", "EOF"),
            (b"{\"a\":\"\x00\"}", "control character"),
        ] {
            assert!(detail(json).contains(why), "{}: {}", String::from_utf8_lossy(json), detail(json));
        }
        let deep = "[".repeat(1_000_000);
        assert!(detail(deep.as_bytes()).contains("recursion limit"));
    }

    #[test]
    fn a_repeated_name_among_very_many_is_found() {
        let names: String = (0..100_000).map(|i| format!("\"n{i}\":0,")).collect();
        assert!(inspect(format!("{{{names}\"last\":0}}").as_bytes(), []).is_ok());
        assert!(detail(format!("{{{names}\"n0\":0}}").as_bytes()).contains("repeats"));
        assert!(detail(format!("{{{names}\"n99999\":0}}").as_bytes()).contains("repeats"));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            let _ = inspect(&bytes, [&["a"]]);
        }
    }
}
