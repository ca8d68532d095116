//! JSON that stays text, with the proof that it is JSON.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny};
use serde_json::value::RawValue;

/// A JSON value as it was written, without the white space around it.
///
/// `Debug` shows the size only: events end up in logs, and their data must not.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Box<str>);

impl JsonText {
    /// Checks that bytes are one JSON value in UTF-8 and copies them. This neither recurses nor builds anything, so that
    /// nesting costs no stack; what only a reader of the value could mind (numbers out of range, repeated names,
    /// unpaired surrogates in escapes) is left as it is.
    ///
    /// # Errors
    /// Where the bytes stop to be JSON.
    pub fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        Self::check(bytes).map(Self::of_checked)
    }

    /// Reads a document through `seed`, which may pick from it or refuse it, and keeps its text: one pass for what would
    /// else be read once to be understood and once more to be sure that it is JSON.
    ///
    /// The proof is serde_json's: a document that it gave a seed without an error, to its end, is JSON. So a seed must
    /// pass on the errors it is given, as those of derived types do.
    ///
    /// ```
    /// use serde::Deserialize;
    /// use tidegate_cloudevents::JsonText;
    ///
    /// #[derive(Deserialize)]
    /// struct Push<'a> {
    ///     #[serde(rename = "ref")]
    ///     reference: &'a str,
    /// }
    ///
    /// # fn main() -> Result<(), serde_json::Error> {
    /// let body = br#"{"ref": "refs/heads/main", "commits": []}"#;
    /// let (push, text) = JsonText::read(body, std::marker::PhantomData::<Push>)?;
    /// assert_eq!((push.reference, text.get().len()), ("refs/heads/main", body.len()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Where the bytes stop to be JSON, or the seed's own.
    pub fn read<'de, S: DeserializeSeed<'de>>(
        bytes: &'de [u8],
        seed: S,
    ) -> Result<(S::Value, Self), serde_json::Error> {
        let text = utf8(bytes)?;
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = seed.deserialize(&mut reader)?;
        reader.end()?;
        let text = text.trim_matches(WHITE_SPACE);
        // A seed that asked for nothing was shown nothing, and read the end of an empty text.
        if text.is_empty() {
            Err(serde_json::Error::custom("an empty text is not JSON"))
        } else {
            Ok((value, Self::of_checked(text)))
        }
    }

    /// The JSON of a value.
    ///
    /// # Errors
    /// Where the value has no JSON, for instance a map whose keys are not text.
    pub fn of(value: &(impl Serialize + ?Sized)) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(|text| Self(text.into_boxed_str()))
    }

    /// The text.
    #[must_use]
    pub fn get(&self) -> &str {
        &self.0
    }

    /// What [`parse`](Self::parse) copies.
    pub(crate) fn check(bytes: &[u8]) -> Result<&str, serde_json::Error> {
        let text = utf8(bytes)?;
        serde_json::from_str::<IgnoredAny>(text)?;
        Ok(text.trim_matches(WHITE_SPACE))
    }

    /// A value that serde_json has read and found to be one, without the white space around it.
    pub(crate) fn of_raw(raw: &RawValue) -> Self {
        Self::of_checked(raw.get())
    }

    fn of_checked(text: &str) -> Self {
        Self(text.into())
    }
}

/// JSON's own, which is less than Unicode's.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// All at once, which is faster than string by string.
fn utf8(bytes: &[u8]) -> Result<&str, serde_json::Error> {
    std::str::from_utf8(bytes).map_err(|error| {
        serde_json::Error::custom(format_args!("invalid unicode code point at byte {}", error.valid_up_to()))
    })
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.0.len())
    }
}
