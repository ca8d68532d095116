//! Bodies that are hostile by themselves, so that a valid signature makes them no better.

/// Each by what is wrong with it. None is JSON that a webhook may have.
#[must_use]
pub fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &str, close: &str| [open.repeat(100_000), "1".to_owned(), close.repeat(100_000)].concat();
    vec![
        ("nothing", Vec::new()),
        ("cut off", br#"{"repository": {"full_name": "octo-harb"#.to_vec()),
        ("two documents", b"{}{}".to_vec()),
        ("not JSON", b"<?xml version=\"1.0\"?><push/>".to_vec()),
        ("a comment", b"{/* tides */}".to_vec()),
        ("deep lists", nested("[", "]").into()),
        ("deep objects", nested(r#"{"a":"#, "}").into()),
        ("lists that never end", vec![b'['; 900_000]),
        ("a lone surrogate", br#"{"a": "\ud800"}"#.to_vec()),
        ("a swapped pair", br#"{"a": "\udc00\ud800"}"#.to_vec()),
        ("duplicate keys", br#"{"action": "opened", "action": "closed"}"#.to_vec()),
        ("duplicate keys by escape", br#"{"action": "opened", "\u0061ction": "closed"}"#.to_vec()),
        ("a huge exponent", br#"{"a": 1e99999}"#.to_vec()),
        ("a long number", [b"{\"a\": 1".to_vec(), vec![b'0'; 500_000], b"}".to_vec()].concat()),
        ("not a number", br#"{"a": NaN}"#.to_vec()),
        ("not UTF-8", b"{\"a\": \"\xff\xfe\"}".to_vec()),
        ("overlong UTF-8", b"{\"a\": \"\xc0\xaf\"}".to_vec()),
        ("NUL outside", b"{}\0".to_vec()),
        ("NUL inside", b"{\"a\": \"\0\"}".to_vec()),
        ("only NUL", vec![0; 100_000]),
        ("UTF-16", "{}".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
    ]
}

/// A hostile body of a megabyte, as far as it can be one.
#[must_use]
pub fn padded(body: &[u8]) -> Vec<u8> {
    let mut padded = vec![b' '; 1_000_000_usize.saturating_sub(body.len())];
    padded.extend_from_slice(body);
    padded
}
