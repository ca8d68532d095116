//! Media types, as far as an envelope has to understand them.

use crate::error::EventError;

/// Checks `type/subtype`, perhaps with parameters. Printable ASCII only, so that it is an HTTP header value as it is.
pub(crate) fn check(value: &str) -> Result<(), EventError> {
    let printable = value.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    match essence(value).split_once('/') {
        Some((main, sub)) if printable && is_token(main) && is_token(sub) => Ok(()),
        _ => Err(EventError::MediaType),
    }
}

/// Whether data of this type is JSON: `*/json` or `*/*+json`.
pub(crate) fn is_json(value: &str) -> bool {
    has_format(value, "json")
}

/// Whether data of this type is text in UTF-8: `text/*`, or XML.
pub(crate) fn is_text(value: &str) -> bool {
    let main = essence(value).split('/').next().unwrap_or_default();
    (main.eq_ignore_ascii_case("text") || has_format(value, "xml")) && is_utf8(value)
}

/// Whether the `charset` parameter, if there is one, says UTF-8 or its subset ASCII.
pub(crate) fn is_utf8(value: &str) -> bool {
    value.split(';').skip(1).filter_map(|parameter| parameter.split_once('=')).all(|(name, charset)| {
        let charset = charset.trim().trim_matches('"');
        !name.trim().eq_ignore_ascii_case("charset")
            || ["utf-8", "utf8", "us-ascii"].iter().any(|known| charset.eq_ignore_ascii_case(known))
    })
}

/// Whether this is the media type of an event format, known or not.
pub(crate) fn is_cloudevents(value: &str) -> bool {
    value.get(..CLOUDEVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(CLOUDEVENTS))
}

const CLOUDEVENTS: &str = "application/cloudevents";

/// The media type without its parameters.
pub(crate) fn essence(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Whether the subtype is this format, or ends with `+` and this format.
fn has_format(value: &str, format: &str) -> bool {
    let subtype = essence(value).split_once('/').map_or("", |(_, subtype)| subtype);
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    suffix.eq_ignore_ascii_case(format)
}

/// A token of [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
fn is_token(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_two_tokens_and_perhaps_parameters() {
        for value in
            ["text/xml", "application/json; charset=utf-8", "application/vnd.a-b+json;v=1", "APPLICATION/JSON "]
        {
            check(value).unwrap();
        }
        for value in ["", "json", "/", "a/", "/b", "a b/c", "a/b c", "a/b/c", "text/xml\n", "text/xml;é=1", ";a/b"] {
            assert!(check(value).is_err(), "{value:?}");
        }
    }

    #[test]
    fn json_is_told_by_the_subtype() {
        for value in ["application/json", "Text/JSON", "application/vnd.github+json; charset=utf-8", "a/b+c+json"] {
            assert!(is_json(value), "{value}");
        }
        for value in ["application/jsonp", "json/application", "application/json+xml", "text/plain; a=/json", "json"] {
            assert!(!is_json(value), "{value}");
        }
    }

    #[test]
    fn text_is_what_says_so_and_is_utf_8() {
        for value in ["text/plain", "application/xml", "image/svg+xml", "text/csv; charset=\"UTF-8\"", "text/x;a=b"] {
            assert!(is_text(value), "{value}");
        }
        for value in ["application/octet-stream", "text/plain; charset=iso-8859-1", "text/plain;a=b; Charset=utf-16"] {
            assert!(!is_text(value), "{value}");
        }
    }
}
