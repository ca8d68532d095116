//! Attribute values in HTTP headers:
//! [percent-encoding](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values)
//! outwards; quoted strings and percent-encoding inwards.

use ::http::header::HeaderValue;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

/// What is encoded in ASCII; beyond ASCII everything is.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// Encodes an attribute.
#[expect(clippy::expect_used, reason = "what is not printable ASCII has been encoded")]
pub(super) fn encode(attribute: &str) -> HeaderValue {
    let encoded: std::borrow::Cow<'_, str> = utf8_percent_encode(attribute, ENCODED).into();
    // Invariant: only U+0021 to U+007E is left.
    HeaderValue::from_str(&encoded).expect("printable ASCII")
}

/// Decodes a header's value, or gives `None` for unbalanced quotes, a `%` without two hexadecimal digits, and what is
/// not UTF-8. UTF-8 that was not encoded at all, as older senders leave it, is taken as it is.
pub(super) fn decode(value: &[u8]) -> Option<String> {
    let value = value.trim_ascii();
    if !value.contains(&b'%') && !value.contains(&b'"') {
        return std::str::from_utf8(value).ok().map(str::to_owned);
    }
    let unquoted = unquote(value)?;
    // The decoder would let a lone `%` pass as itself.
    let mut escapes = unquoted.split(|byte| *byte == b'%').skip(1);
    if !escapes.all(|escape| escape.len() >= 2 && escape[..2].iter().all(u8::is_ascii_hexdigit)) {
        return None;
    }
    percent_decode(&unquoted).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

/// Takes the quotes off [quoted strings](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4), which is how versions
/// of the binding before 1.0.1 let spaces pass. A backslash is an escape between quotes only.
fn unquote(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut quoted = false;
    let mut bytes = value.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' => quoted = !quoted,
            b'\\' if quoted => out.push(*bytes.next()?),
            _ => out.push(byte),
        }
    }
    (!quoted).then_some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encoded(attribute: &str) -> String {
        encode(attribute).to_str().unwrap().to_owned()
    }

    #[test]
    fn the_table_of_the_specification_holds_both_ways() {
        for (attribute, header) in [
            ("Euro € 😀", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
            ("", ""),
            ("plain", "plain"),
            (" ", "%20"),
            ("\"", "%22"),
            ("%", "%25"),
            ("%20", "%2520"),
            ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
            ("\u{7F}", "%7F"),
            ("\u{80}", "%C2%80"),
            ("Zürich", "Z%C3%BCrich"),
            ("\u{10FFFD}", "%F4%8F%BF%BD"),
        ] {
            assert_eq!(encoded(attribute), header);
            assert_eq!(decode(header.as_bytes()).as_deref(), Some(attribute));
        }
    }

    #[test]
    fn what_senders_may_write_is_read() {
        for (header, attribute) in [
            ("%e2%82%ac", "€"),
            ("%41%42", "AB"),
            ("  padded\t", "padded"),
            ("\"a quoted string\"", "a quoted string"),
            (r#""a \"quoted\" \\ string""#, r#"a "quoted" \ string"#),
            (r#""100%25 \€""#, "100% €"),
            (r"back\slash", r"back\slash"),
            ("plain space", "plain space"),
            ("half \"quo ted\" text", "half quo ted text"),
            ("\"\"", ""),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(decode(header.as_bytes()).as_deref(), Some(attribute), "{header}");
        }
    }

    #[test]
    fn malformed_values_are_refused() {
        for header in ["%", "%2", "%zz", "100%", "%C0%A0", "%ED%A0%80", "%FF", "\"", "\"a", "a\"b", r#""a\"#] {
            assert_eq!(decode(header.as_bytes()), None, "{header}");
        }
        assert_eq!(decode(b"\xFF"), None);
    }

    proptest! {
        #[test]
        fn every_string_comes_back(attribute: String) {
            let header = encoded(&attribute);
            prop_assert!(header.bytes().all(|byte| (0x21..=0x7E).contains(&byte) && byte != b'"'));
            prop_assert_eq!(decode(header.as_bytes()), Some(attribute));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            decode(&bytes);
        }
    }
}
