//! The rules that attribute names and values keep.

use jiff::Timestamp;

use crate::error::{EventError, shown};
use crate::extensions::MAX_NAME_LEN;

/// The names that an extension cannot take: the context attributes', and `data`, which some formats use.
const RESERVED: [&str; 9] =
    ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data"];

/// Checks the name of an extension.
pub(crate) fn check_name(name: &str) -> Result<(), EventError> {
    let right = (1..=MAX_NAME_LEN).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !right {
        return Err(EventError::Name(shown(name)));
    }
    if RESERVED.contains(&name) {
        return Err(EventError::ReservedName(name.to_owned()));
    }
    Ok(())
}

/// Checks a context attribute of type String: not empty, and only with [allowed characters](check_characters).
pub(crate) fn check_string(attribute: &'static str, value: &str) -> Result<(), EventError> {
    if value.is_empty() {
        return Err(EventError::Empty(attribute));
    }
    check_characters(attribute, value)
}

/// Checks a string against the [type system](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md#type-system):
/// no control characters and no noncharacters (surrogates cannot be in a `str`).
pub(crate) fn check_characters(attribute: &str, value: &str) -> Result<(), EventError> {
    if value.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Ok(());
    }
    match value.chars().find(|&character| character.is_control() || is_noncharacter(character)) {
        Some(character) => {
            Err(EventError::Character { attribute: attribute.to_owned(), character: u32::from(character) })
        }
        None => Ok(()),
    }
}

/// The 66 code points that Unicode sets apart for no use in interchange.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Checks a URI-reference as lightly as interoperability allows: not empty, no white space.
pub(crate) fn check_uri_reference(attribute: &'static str, value: &str) -> Result<(), EventError> {
    check_string(attribute, value)?;
    if value.chars().any(char::is_whitespace) {
        return Err(EventError::Uri(attribute));
    }
    Ok(())
}

/// Checks a URI: a URI-reference that starts with a scheme.
pub(crate) fn check_uri(attribute: &'static str, value: &str) -> Result<(), EventError> {
    check_uri_reference(attribute, value)?;
    let scheme = value.split_once(':').map_or("", |(scheme, _)| scheme);
    let right = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if right { Ok(()) } else { Err(EventError::Uri(attribute)) }
}

/// Reads an RFC 3339 timestamp. What is finer than a nanosecond is dropped, and the offset is applied.
pub(crate) fn parse_time(value: &str) -> Result<Timestamp, EventError> {
    // jiff reads more notations than RFC 3339 has (basic format, time zone names), so the shape is checked first.
    let fraction = rfc3339_fraction(value.as_bytes()).ok_or(EventError::Time)?;
    let parsed = if fraction > 9 {
        let (kept, dropped) = value.split_at(SECONDS.len() + 1 + 9);
        format!("{kept}{}", &dropped[fraction - 9..]).parse()
    } else {
        value.parse()
    };
    check_time(parsed.map_err(|_| EventError::Time)?)
}

/// Lets a time pass that RFC 3339 can write: its years have four digits.
pub(crate) fn check_time(time: Timestamp) -> Result<Timestamp, EventError> {
    const YEAR_0: i64 = -62_167_219_200; // 0000-01-01T00:00:00Z
    if time.as_second() >= YEAR_0 { Ok(time) } else { Err(EventError::Time) }
}

/// The part of an RFC 3339 timestamp that every one has; `0` stands for any digit.
const SECONDS: &[u8] = b"0000-00-00T00:00:00";

/// How many digits the fraction of a second has, or `None` when this is not an RFC 3339 timestamp.
fn rfc3339_fraction(value: &[u8]) -> Option<usize> {
    let (seconds, rest) = value.split_at_checked(SECONDS.len())?;
    let right = seconds.iter().zip(SECONDS).all(|(byte, shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte.eq_ignore_ascii_case(shape),
    });
    if !right {
        return None;
    }
    let (fraction, offset) = match rest.split_first()? {
        (b'.', rest) => {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            (digits, &rest[digits..])
        }
        _ => (0, rest),
    };
    match offset {
        [b'Z' | b'z'] => Some(fraction),
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let digits = [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit());
            (digits && [*h1, *h2] < *b"24" && *m1 < b'6').then_some(fraction)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_letters_and_digits() {
        for name in ["a", "0", "traceparent", "com0example1", &"x".repeat(128)] {
            check_name(name).unwrap();
        }
        for name in ["", "A", "trace-parent", "trace_parent", "é", "a b", "data_base64", &"x".repeat(129)] {
            assert!(matches!(check_name(name), Err(EventError::Name(_))), "{name}");
        }
        for name in RESERVED {
            assert!(matches!(check_name(name), Err(EventError::ReservedName(_))), "{name}");
        }
    }

    #[test]
    fn control_characters_and_noncharacters_are_refused() {
        for character in
            ['\0', '\n', '\x1F', '\x7F', '\u{80}', '\u{9F}', '\u{FDD0}', '\u{FDEF}', '\u{FFFE}', '\u{FFFF}']
                .into_iter()
                .chain(['\u{1FFFE}', '\u{10FFFF}'])
        {
            let value = format!("a{character}b");
            assert!(
                matches!(check_characters("subject", &value), Err(EventError::Character { character: c, .. }) if c == u32::from(character)),
                "{value:?}"
            );
        }
        for value in ["", " ", "~", "\u{A0}", "Euro € 😀", "\u{FFFD}", "\u{FDCF}\u{FDF0}", "\u{1FFFD}"] {
            check_characters("subject", value).unwrap();
        }
    }

    #[test]
    fn uris_have_no_white_space_and_absolute_ones_a_scheme() {
        for value in ["/a", "1-555-123-4567", "https://example.com/a?b#c", "urn:uuid:6e8bc430", "mailto:a@example.com"]
        {
            check_uri_reference("source", value).unwrap();
        }
        for value in ["a b", "a\u{2003}b"] {
            assert!(matches!(check_uri_reference("source", value), Err(EventError::Uri(_))), "{value}");
        }
        assert!(matches!(check_uri_reference("source", ""), Err(EventError::Empty("source"))));
        for value in ["https://example.com/schema", "urn:x:y", "a+b-c.1:"] {
            check_uri("dataschema", value).unwrap();
        }
        for value in ["/schema", "schema", ":x", "1a:x", "a/b:c"] {
            assert!(matches!(check_uri("dataschema", value), Err(EventError::Uri(_))), "{value}");
        }
    }

    #[test]
    fn times_are_those_of_rfc_3339() {
        for (value, utc) in [
            ("2018-04-05T17:31:00Z", "2018-04-05T17:31:00Z"),
            ("2018-04-05t17:31:00z", "2018-04-05T17:31:00Z"),
            ("2018-04-05T17:31:00.5+02:00", "2018-04-05T15:31:00.5Z"),
            ("2018-04-05T17:31:00-00:00", "2018-04-05T17:31:00Z"),
            ("2018-04-05T17:31:00.1234567890123Z", "2018-04-05T17:31:00.123456789Z"),
            ("2018-04-05T17:31:00.1234567890-01:00", "2018-04-05T18:31:00.123456789Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"), // a leap second
            ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
            ("9999-12-30T00:00:00Z", "9999-12-30T00:00:00Z"),
        ] {
            assert_eq!(parse_time(value).unwrap().to_string(), utc, "{value}");
        }
        for value in [
            "",
            "now",
            "2018-04-05",
            "2018-04-05T17:31Z",
            "2018-04-05T17:31:00",
            "2018-04-05 17:31:00Z",
            "20180405T173100Z",
            "2018-04-05T17:31:00.Z",
            "2018-04-05T17:31:00,5Z",
            "2018-04-05T17:31:00+0200",
            "2018-04-05T17:31:00+24:00",
            "2018-04-05T17:31:00-23:60",
            "2018-04-05T17:31:00Z[UTC]",
            "2018-02-30T17:31:00Z",
            "2018-04-05T24:31:00Z",
            "+02018-04-05T17:31:00Z",
            "2018-04-05T17:31:0€",
            "0000-01-01T00:00:00+01:00",
        ] {
            assert!(matches!(parse_time(value), Err(EventError::Time)), "{value}");
        }
    }
}
