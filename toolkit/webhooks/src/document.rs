//! Reads a JSON object member by member, so that an error can name the member at fault and never shows what it holds
//! (serde's own messages quote the offending value, which here may be a secret).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use thiserror::Error;

/// Why a source document is refused. Names the faulty member, never a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The document is not JSON, or not an object.
    #[error("a source document is a JSON object; this is not one from line {line}, column {column} on")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A member that has to be there is not.
    #[error("`{member}` is missing")]
    Missing {
        /// For instance `options.header`.
        member: String,
    },
    /// A member that the scheme does not know. Often a misspelt one, so it is not ignored.
    #[error("`{member}` is not a member that the scheme knows")]
    Unknown {
        /// The name as it stands in the document.
        member: String,
    },
    /// A member stands there twice, and readers differ in which one they believe.
    #[error("`{member}` stands there more than once")]
    Repeated {
        /// The name as it stands in the document.
        member: String,
    },
    /// A member that cannot be used.
    #[error("`{member}` {problem}")]
    Invalid {
        /// For instance `secrets[1]`.
        member: String,
        /// Continues a sentence that begins with the member's name.
        problem: &'static str,
    },
}

/// The members of an object that are not read yet.
pub(crate) struct Members<'a> {
    path: &'static str,
    left: Vec<(String, &'a RawValue)>,
}

impl<'a> Members<'a> {
    pub(crate) fn parse(document: &'a [u8]) -> Result<Members<'a>, SourceError> {
        let Object(left) = serde_json::from_slice(document)
            .map_err(|error| SourceError::Syntax { line: error.line(), column: error.column() })?;
        Members { path: "", left }.without_repeats()
    }

    /// The object in the member `name`; an absent one is an empty object.
    pub(crate) fn object(&mut self, name: &str, path: &'static str) -> Result<Members<'a>, SourceError> {
        let Object(left) = self.optional(name, "must be an object")?.unwrap_or_default();
        Members { path, left }.without_repeats()
    }

    /// Takes the member `name` out. `problem` says what it must be.
    pub(crate) fn optional<T: Deserialize<'a>>(
        &mut self,
        name: &str,
        problem: &'static str,
    ) -> Result<Option<T>, SourceError> {
        let Some(index) = self.left.iter().position(|(member, _)| member == name) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(index);
        serde_json::from_str(value.get()).map(Some).map_err(|_| self.invalid(name, problem))
    }

    pub(crate) fn required<T: Deserialize<'a>>(&mut self, name: &str, problem: &'static str) -> Result<T, SourceError> {
        self.optional(name, problem)?.ok_or_else(|| SourceError::Missing { member: self.full_name(name) })
    }

    /// Refuses the members that are left.
    pub(crate) fn finish(self) -> Result<(), SourceError> {
        match self.left.first() {
            None => Ok(()),
            Some((name, _)) => Err(SourceError::Unknown { member: self.full_name(name) }),
        }
    }

    pub(crate) fn invalid(&self, name: &str, problem: &'static str) -> SourceError {
        SourceError::Invalid { member: self.full_name(name), problem }
    }

    fn without_repeats(self) -> Result<Members<'a>, SourceError> {
        for (index, (name, _)) in self.left.iter().enumerate() {
            if self.left[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(SourceError::Repeated { member: self.full_name(name) });
            }
        }
        Ok(self)
    }

    /// Shortened and without control characters: the name may be anything, and this ends up in a log.
    fn full_name(&self, name: &str) -> String {
        let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
        format!("{}{shown}", self.path)
    }
}

/// Above this many members an object is no source document; the bound keeps the search for repeats short.
const MAX_MEMBERS: usize = 32;

#[derive(Default)]
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Object<'a>, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an object of at most {MAX_MEMBERS} members")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    if entries.len() == MAX_MEMBERS {
                        return Err(serde::de::Error::invalid_length(MAX_MEMBERS + 1, &self));
                    }
                    entries.push(entry);
                }
                Ok(entries)
            }
        }
        deserializer.deserialize_map(Entries).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_taken_out_once_and_the_rest_is_refused_by_name() {
        let mut members = Members::parse(br#"{"a":1,"b":{"c":"x"},"sp\u0065lt":3}"#).unwrap();
        assert_eq!(members.required::<u8>("a", "must be a number"), Ok(1));
        assert_eq!(
            members.required::<u8>("a", "must be a number"),
            Err(SourceError::Missing { member: "a".to_owned() })
        );
        let mut inner = members.object("b", "b.").unwrap();
        assert_eq!(inner.optional::<u8>("c", "must be a number").unwrap_err().to_string(), "`b.c` must be a number");
        assert_eq!(members.finish(), Err(SourceError::Unknown { member: "spelt".to_owned() }));
    }

    #[test]
    fn a_member_that_stands_there_twice_is_refused() {
        let Err(error) = Members::parse(br#"{"a":1,"\u0061":2}"#) else { panic!("accepted") };
        assert_eq!(error, SourceError::Repeated { member: "a".to_owned() });
    }

    #[test]
    fn a_long_or_hostile_name_is_shortened_and_escaped() {
        let document = format!("{{\"\\n{}\":1}}", "x".repeat(500));
        let error = Members::parse(document.as_bytes()).unwrap().finish().unwrap_err().to_string();
        assert!(error.starts_with("`\\nxxx") && error.len() < 120, "{error}");
    }
}
