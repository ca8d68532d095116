//! One flipped bit anywhere in what is signed, or in the signature, fails: every bit of every part is tried.

use crate::fixtures::{BODY, NOW, SHAPES, Shape, with};
use http::HeaderValue;
use tidegate_webhooks::Rejection;

#[test]
fn a_flipped_bit_in_the_body_fails() {
    for shape in SHAPES.iter().filter(|shape| shape.signs_body) {
        let (source, headers) = shape.signed();
        for bit in 0..BODY.len() * 8 {
            let body = flipped(BODY, bit);
            assert_eq!(source.verify(&headers, &body, NOW), Err(Rejection::BadSignature), "{}: bit {bit}", shape.name);
        }
    }
}

#[test]
fn a_body_that_is_shorter_or_longer_by_one_byte_fails() {
    for shape in SHAPES.iter().filter(|shape| shape.signs_body) {
        let (source, headers) = shape.signed();
        let bodies = [&BODY[1..], &BODY[..BODY.len() - 1], &[BODY, b"\0"].concat(), &[b" ", BODY].concat(), b""];
        for body in bodies {
            assert_eq!(source.verify(&headers, body, NOW), Err(Rejection::BadSignature), "{}", shape.name);
        }
    }
}

#[test]
fn a_flipped_bit_in_the_signature_header_fails() {
    for shape in SHAPES {
        // The case of the word `Bearer` carries no meaning (RFC 9110 section 11.1), so only the token is changed.
        let from = if shape.signature == "authorization" { "Bearer ".len() } else { 0 };
        assert_every_flip_fails(shape, shape.signature, from);
    }
}

#[test]
fn a_flipped_bit_in_the_timestamp_header_fails() {
    for shape in SHAPES {
        if let Some(timestamp) = shape.timestamp {
            assert_every_flip_fails(shape, timestamp, 0);
        }
    }
}

#[test]
fn a_flipped_bit_in_a_signed_id_fails() {
    for shape in SHAPES.iter().filter(|shape| shape.signs_id) {
        assert_every_flip_fails(shape, shape.id.unwrap(), 0);
    }
}

fn assert_every_flip_fails(shape: &Shape, name: &'static str, from: usize) {
    let (source, headers) = shape.signed();
    let value = headers[name].as_bytes();
    let mut tried = 0;
    for bit in from * 8..value.len() * 8 {
        let value = flipped(value, bit);
        // Control characters cannot arrive: no HTTP parser lets them through.
        if HeaderValue::from_bytes(&value).is_err() {
            continue;
        }
        tried += 1;
        let outcome = source.verify(&with(&headers, name, &value), BODY, NOW);
        // Stale or not is said of genuine signatures only, so a changed timestamp is never `TooOld`.
        let failed = matches!(
            outcome,
            Err(Rejection::BadSignature
                | Rejection::UnknownKey
                | Rejection::Malformed(_)
                | Rejection::Repeated(_)
                | Rejection::Missing(_))
        );
        assert!(failed, "{}: {name}, bit {bit}: {outcome:?}", shape.name);
    }
    assert!(tried > value.len(), "{}: {name}: only {tried} flips were possible", shape.name);
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    changed
}
