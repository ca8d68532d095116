//! Headers that are missing, repeated, malformed, stale or from the wrong family, and what is said of them.

use crate::fixtures::{BODY, ID, NOW, SHAPES, Shape, with};
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_webhooks::{Rejection, SignError, Source, UnixTime};

const OTHER_BODY: &[u8] = b"{}";

#[test]
fn a_missing_header_that_the_signature_needs_is_an_authentication_failure() {
    for shape in SHAPES {
        for name in credentials(shape) {
            let (source, mut headers) = shape.signed();
            headers.remove(name);
            let rejection = source.verify(&headers, BODY, NOW).unwrap_err();
            assert_eq!(rejection, Rejection::Missing(HeaderName::from_static(name)), "{}", shape.name);
            assert!(rejection.is_unauthenticated());
        }
    }
}

#[test]
fn a_repeated_header_that_the_signature_needs_is_an_authentication_failure() {
    for shape in SHAPES {
        for name in credentials(shape) {
            let (source, headers) = shape.signed();
            let value = headers[name].clone();

            let mut twice = headers.clone();
            twice.append(name, value.clone());
            let joined = [value.as_bytes(), value.as_bytes()].join(&b","[..]);
            let joined_with_space = [value.as_bytes(), value.as_bytes()].join(&b", "[..]);

            for headers in [twice, with(&headers, name, &joined), with(&headers, name, &joined_with_space)] {
                let rejection = source.verify(&headers, BODY, NOW).unwrap_err();
                assert!(rejection.is_unauthenticated(), "{}: {name}: {rejection}", shape.name);
                let expected = HeaderName::from_static(name);
                assert!(
                    [Rejection::Repeated(expected.clone()), Rejection::Malformed(expected)].contains(&rejection),
                    "{}: {name}: {rejection}",
                    shape.name
                );
            }
        }
    }
}

#[test]
fn a_malformed_header_that_the_signature_needs_is_an_authentication_failure() {
    let long = "a".repeat(10_000);
    for shape in SHAPES {
        for name in credentials(shape) {
            let (source, headers) = shape.signed();
            let genuine = headers[name].to_str().unwrap();
            let malformed = [
                b"".to_vec(),
                b" ".to_vec(),
                b"\xff\xfe".to_vec(),
                long.clone().into_bytes(),
                genuine.as_bytes()[1..].to_vec(),
                genuine.as_bytes()[..genuine.len() - 1].to_vec(),
                format!("{genuine}x").into_bytes(),
            ];
            for value in malformed {
                let rejection = source.verify(&with(&headers, name, &value), BODY, NOW).unwrap_err();
                assert!(rejection.is_unauthenticated(), "{}: {name}: {value:?}", shape.name);
            }
        }
    }
}

#[test]
fn a_genuine_signature_outside_the_tolerance_is_stale_on_either_side() {
    for shape in SHAPES.iter().filter(|shape| shape.timestamped() && !shape.is_token()) {
        let (source, headers) = shape.signed();
        for (later, expected) in
            [(-301, Err(Rejection::TooNew)), (-300, Ok(())), (0, Ok(())), (300, Ok(())), (301, Err(Rejection::TooOld))]
        {
            let now = UnixTime(NOW.0 + later);
            assert_eq!(source.verify(&headers, BODY, now).map(|_| ()), expected, "{}: {later}", shape.name);
            // A wrong signature is wrong whatever its age: the age is not looked at.
            assert_eq!(source.verify(&headers, OTHER_BODY, now), Err(Rejection::BadSignature), "{}", shape.name);
        }
        assert!(Rejection::TooOld.is_unauthenticated() && Rejection::TooNew.is_unauthenticated());
    }
}

#[test]
fn without_a_signed_timestamp_the_time_does_not_matter() {
    for shape in SHAPES.iter().filter(|shape| !shape.timestamped()) {
        let (source, headers) = shape.signed();
        for now in [0, i64::MIN, i64::MAX] {
            assert_eq!(source.verify(&headers, BODY, UnixTime(now)).map(|delivery| delivery.timestamped), Ok(false));
        }
    }
}

#[test]
fn a_fault_in_an_unsigned_id_is_a_malformed_request_and_said_only_to_who_can_sign() {
    for shape in SHAPES.iter().filter(|shape| !shape.signs_id) {
        let Some(id) = shape.id else { continue };
        let name = HeaderName::from_static(id);
        let (source, headers) = shape.signed();
        let mut missing = headers.clone();
        missing.remove(id);
        let mut repeated = headers.clone();
        repeated.append(id, HeaderValue::from_static("another"));
        let faults = [
            (missing, Rejection::MissingId(name.clone())),
            (repeated, Rejection::RepeatedId(name.clone())),
            (with(&headers, id, b"one,two"), Rejection::RepeatedId(name.clone())),
            (with(&headers, id, b""), Rejection::MalformedId(name.clone())),
            (with(&headers, id, b"two words"), Rejection::MalformedId(name.clone())),
            (with(&headers, id, "café".as_bytes()), Rejection::MalformedId(name.clone())),
            (with(&headers, id, &[b'x'; 257]), Rejection::MalformedId(name.clone())),
        ];
        for (headers, expected) in faults {
            assert!(!expected.is_unauthenticated());
            assert_eq!(source.verify(&headers, BODY, NOW), Err(expected), "{}", shape.name);
            assert_eq!(source.verify(&headers, OTHER_BODY, NOW), Err(Rejection::BadSignature), "{}", shape.name);
        }
        assert!(source.verify(&with(&headers, id, &[b'x'; 256]), BODY, NOW).is_ok());
    }
}

#[test]
fn another_id_on_a_captured_delivery_keeps_its_replay_key() {
    for shape in SHAPES.iter().filter(|shape| !shape.signs_id) {
        let Some(id) = shape.id else { continue };
        let (source, headers) = shape.signed();
        let first = source.verify(&headers, BODY, NOW).unwrap();
        let replayed = source.verify(&with(&headers, id, b"another"), BODY, NOW).unwrap();
        assert_eq!(replayed.delivery_id.as_deref(), Some("another"));
        assert_eq!(replayed.replay_key, first.replay_key, "{}", shape.name);
    }
}

#[test]
fn headers_of_two_families_are_not_mixed() {
    let svix = shape("svix");
    let (limited, headers) = svix.signed();
    let either = shape("standard-webhooks v1").source(&[0]);
    assert!(limited.verify(&headers, BODY, NOW).is_ok());
    assert!(either.verify(&headers, BODY, NOW).is_ok());

    let mut mixed = headers.clone();
    mixed.remove("svix-id");
    mixed.insert("webhook-id", HeaderValue::from_static(ID));
    assert_eq!(either.verify(&mixed, BODY, NOW), Err(Rejection::Missing(HeaderName::from_static("svix-id"))));

    // Where both are complete, `webhook-*` counts and a worthless one is not made up for by the other.
    let mut both = headers.clone();
    both.extend(either.sign(ID, NOW, OTHER_BODY).unwrap());
    assert_eq!(either.verify(&both, BODY, NOW), Err(Rejection::BadSignature));
    assert!(either.verify(&both, OTHER_BODY, NOW).is_ok());

    let unlimited = either.sign(ID, NOW, BODY).unwrap();
    assert_eq!(
        limited.verify(&unlimited, BODY, NOW),
        Err(Rejection::Missing(HeaderName::from_static("svix-signature")))
    );
}

#[test]
fn a_symmetric_source_takes_no_asymmetric_signature_and_the_other_way_round() {
    let (symmetric, v1) = shape("standard-webhooks v1").signed();
    let (asymmetric, v1a) = shape("standard-webhooks v1a").signed();
    assert_eq!(symmetric.verify(&v1a, BODY, NOW), Err(Rejection::BadSignature));
    assert_eq!(asymmetric.verify(&v1, BODY, NOW), Err(Rejection::BadSignature));
}

#[test]
fn a_signature_for_one_scheme_is_worth_nothing_to_another() {
    for shape in SHAPES {
        for other in SHAPES.iter().filter(|other| other.scheme != shape.scheme) {
            let (_, headers) = shape.signed();
            assert!(other.source(&[0]).verify(&headers, BODY, NOW).is_err(), "{} to {}", shape.name, other.name);
        }
    }
}

#[test]
fn no_error_and_no_debug_output_shows_a_secret_or_a_signature() {
    for shape in SHAPES {
        let (source, headers) = shape.signed();
        let signature = headers[shape.signature].to_str().unwrap();
        let shown = [
            format!("{source:?}"),
            format!("{headers:?}"),
            format!("{:?}", source.verify(&headers, OTHER_BODY, UnixTime(0))),
            source.verify(&HeaderMap::new(), BODY, NOW).unwrap_err().to_string(),
            source.verify(&with(&headers, shape.signature, b"x"), BODY, NOW).unwrap_err().to_string(),
        ];
        for text in shown {
            assert!(!text.contains(signature) && !text.contains(shape.secrets[0]), "{}: {text}", shape.name);
        }
    }
}

#[test]
fn an_id_or_time_that_the_headers_cannot_carry_is_not_signed() {
    for shape in SHAPES {
        let source = shape.source(&[0]);
        let id = if shape.id.is_some() { Some(SignError::Id) } else { None };
        for refused in ["", "two words", "one,two", "café", "line\nbreak", &"x".repeat(257)] {
            assert_eq!(source.sign(refused, NOW, BODY).err(), id, "{}: {refused:?}", shape.name);
        }
        let time = if shape.timestamped() { Some(SignError::Time) } else { None };
        assert_eq!(source.sign(ID, UnixTime(-1), BODY).err(), time, "{}", shape.name);
    }
    for (name, refused) in [("standard-webhooks v1", "a.b"), ("hmac over everything", "a/b")] {
        assert_eq!(shape(name).source(&[0]).sign(refused, NOW, BODY).err(), Some(SignError::Id));
    }
}

#[test]
fn the_first_secret_signs_and_a_public_key_cannot() {
    for shape in SHAPES {
        let signed = shape.source(&[1, 0]).sign(ID, NOW, BODY).unwrap();
        assert!(shape.source(&[1]).verify(&signed, BODY, NOW).is_ok(), "{}", shape.name);
        assert!(shape.source(&[0]).verify(&signed, BODY, NOW).is_err(), "{}", shape.name);
    }
    let document = r#"{"scheme":"standard-webhooks","secrets":["whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}"#;
    let verifier = Source::from_json(document.as_bytes()).unwrap();
    assert_eq!(verifier.sign(ID, NOW, BODY), Err(SignError::PublicKey));
}

/// The headers of a shape whose faults are faults of the signature.
fn credentials(shape: &Shape) -> Vec<&'static str> {
    let id = shape.id.filter(|_| shape.signs_id);
    [Some(shape.signature), shape.timestamp, id].into_iter().flatten().collect()
}

fn shape(name: &str) -> &'static Shape {
    SHAPES.iter().find(|shape| shape.name == name).unwrap()
}
