//! JSON from outside, as a tree that a reader goes down and notes everything that is wrong, not just the first thing.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use crate::text::Invalid;

/// More would tell nobody more: a body that is wrong throughout should not make an answer larger than itself.
const MAX_FAULTS: usize = 100;

/// A value. Members stay in order and may repeat, because a name that stands twice is a fault.
pub(crate) enum Json<'a> {
    Whole(u64),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
    Null,
    /// What no member here may be: true, false, other numbers.
    Other,
}

/// What is wrong with a body, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// A JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to what is wrong, or to what is missing.
    pub pointer: String,
    /// What is expected there. Does not quote what is.
    pub detail: Cow<'static, str>,
}

/// What was found wrong.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn note(&mut self, pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(Fault { pointer: pointer.into(), detail: detail.into() });
        }
    }

    /// The value, unless something was wrong.
    pub(crate) fn or<T>(self, value: Option<T>) -> Result<T, Vec<Fault>> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.0),
        }
    }
}

/// A value and where it stands: a JSON pointer (RFC 6901).
pub(crate) struct Node<'a> {
    pub(crate) pointer: String,
    json: &'a Json<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn root(json: &'a Json<'a>) -> Self {
        Self { pointer: String::new(), json }
    }

    /// A text that is a `T`.
    pub(crate) fn text<T: FromStr<Err = Invalid>>(&self, faults: &mut Faults) -> Option<T> {
        let Json::Text(text) = self.json else { return self.fault("must be a text", faults) };
        text.parse().map_err(|error: Invalid| faults.note(&*self.pointer, error.to_string())).ok()
    }

    /// A whole number that is a `T`.
    pub(crate) fn whole<T: TryFrom<u64, Error: Into<Invalid>>>(&self, faults: &mut Faults) -> Option<T> {
        let Json::Whole(number) = self.json else { return self.fault("must be a whole number, 0 or more", faults) };
        T::try_from(*number).map_err(|error| faults.note(&*self.pointer, error.into().to_string())).ok()
    }

    /// The entries of a list of that many.
    pub(crate) fn list(&self, count: RangeInclusive<usize>, faults: &mut Faults) -> Option<Vec<Self>> {
        let Json::List(entries) = self.json else { return self.fault("must be a list", faults) };
        if !count.contains(&entries.len()) {
            faults.note(&*self.pointer, format!("must have {} to {} entries", count.start(), count.end()));
        }
        // Of a list that is too long the first ones are looked at all the same, and no more than may be.
        let inner = |(index, json)| Self { pointer: format!("{}/{index}", self.pointer), json };
        Some(entries.iter().take(*count.end()).enumerate().map(inner).collect())
    }

    /// The members of an object that knows these names and no others.
    pub(crate) fn object(&self, known: &[&str], faults: &mut Faults) -> Option<Object<'a>> {
        let Json::Object(members) = self.json else { return self.fault("must be an object", faults) };
        let mut seen = HashSet::new();
        for (name, _) in members {
            if !known.contains(&name.as_ref()) {
                faults.note(self.below(name), "is not known here");
            } else if !seen.insert(name) {
                faults.note(self.below(name), "stands here more than once");
            }
        }
        Some(Object { pointer: self.pointer.clone(), members })
    }

    fn fault<T>(&self, detail: &'static str, faults: &mut Faults) -> Option<T> {
        faults.note(&*self.pointer, detail);
        None
    }

    fn below(&self, name: &str) -> String {
        below(&self.pointer, name)
    }
}

/// The members of an object, and where it stands.
pub(crate) struct Object<'a> {
    pointer: String,
    members: &'a [(Cow<'a, str>, Json<'a>)],
}

impl<'a> Object<'a> {
    /// A member that has to be there.
    pub(crate) fn required(&self, name: &str, faults: &mut Faults) -> Option<Node<'a>> {
        let found = self.find(name);
        if found.is_none() {
            faults.note(below(&self.pointer, name), "is missing");
        }
        found
    }

    /// A member that may be missing, or null, which says the same.
    pub(crate) fn optional(&self, name: &str) -> Option<Node<'a>> {
        self.find(name).filter(|it| !matches!(it.json, Json::Null))
    }

    fn find(&self, name: &str) -> Option<Node<'a>> {
        let (_, json) = self.members.iter().find(|(it, _)| it == name)?;
        Some(Node { pointer: below(&self.pointer, name), json })
    }
}

fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json<'de>, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element()? {
            entries.push(entry);
        }
        Ok(Json::List(entries))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = object.next_entry()? {
            members.push((name, value));
        }
        Ok(Json::Object(members))
    }
}

/// A member's name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
