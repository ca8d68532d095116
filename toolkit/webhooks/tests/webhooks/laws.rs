//! Laws that hold for every scheme, body, id and time.

use crate::fixtures::{BODY, ID, NOW, SHAPES};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::{collection::vec, prelude::*, sample::Index};
use tidegate_webhooks::{
    AllowedOrigins, Handshake, Rejection, Source, UnixTime, event_grid, github, handshake, pubsub, slack,
};

/// An id that every scheme's header can carry: no comma, and none of the separators that the fixtures sign.
const ID_PATTERN: &str = "[!-+\\-0-~&&[^./]]{1,256}";

proptest! {
    #[test]
    fn what_is_signed_verifies_and_says_what_it_is(
        shape in 0..SHAPES.len(),
        id in ID_PATTERN,
        body in vec(any::<u8>(), 0..2_000),
        at in 0..i64::from(u32::MAX) * 2,
        clock_is_off_by in -300_i64..=300,
    ) {
        let shape = &SHAPES[shape];
        let source = shape.source(&[0]);
        let headers = source.sign(&id, UnixTime(at), &body).unwrap();
        let delivery = source.verify(&headers, &body, UnixTime(at + clock_is_off_by)).unwrap();

        prop_assert_eq!(delivery.delivery_id, shape.id.map(|_| id));
        prop_assert_eq!(delivery.timestamped, shape.timestamped());
        prop_assert_eq!(delivery.replay_key.is_some(), shape.signs_body);
        if let Some(key) = delivery.replay_key {
            prop_assert!(key.len() == 64 && key.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')));
        }
    }

    #[test]
    fn any_active_secret_is_accepted_and_no_other(
        shape in 0..SHAPES.len(),
        signer in 0..3_usize,
        active in prop::sample::subsequence(vec![0_usize, 1, 2], 1..=3).prop_shuffle(),
        body in vec(any::<u8>(), 0..200),
    ) {
        let shape = &SHAPES[shape];
        let headers = shape.source(&[signer]).sign(ID, NOW, &body).unwrap();
        let outcome = shape.source(&active).verify(&headers, &body, NOW);
        if active.contains(&signer) {
            // Also the same replay key, whatever else is active and in which order.
            prop_assert_eq!(outcome, shape.source(&[signer]).verify(&headers, &body, NOW));
        } else {
            let rejection = if shape.is_token() { Rejection::UnknownKey } else { Rejection::BadSignature };
            prop_assert_eq!(outcome, Err(rejection));
        }
    }

    #[test]
    fn a_sender_in_rotation_that_sends_both_signatures_is_accepted_before_during_and_after(
        body in vec(any::<u8>(), 0..200),
        stripe in any::<bool>(),
    ) {
        let shape = SHAPES.iter().find(|shape| shape.name == if stripe { "stripe" } else { "svix" }).unwrap();
        let mut headers = shape.source(&[0]).sign(ID, NOW, &body).unwrap();
        let other = shape.source(&[1]).sign(ID, NOW, &body).unwrap();
        let (old, new) = (headers[shape.signature].to_str().unwrap(), other[shape.signature].to_str().unwrap());
        let both = if stripe { format!("{old},{}", new.split_once(',').unwrap().1) } else { format!("{old} {new}") };
        headers.insert(shape.signature, both.parse().unwrap());
        for active in [&[0][..], &[0, 1], &[1, 0], &[1], &[2, 1]] {
            prop_assert!(shape.source(active).verify(&headers, &body, NOW).is_ok());
        }
        prop_assert_eq!(shape.source(&[2]).verify(&headers, &body, NOW), Err(Rejection::BadSignature));
    }

    #[test]
    fn different_deliveries_have_different_replay_keys(
        shape in 0..SHAPES.len(),
        one in vec(any::<u8>(), 0..50),
        other in vec(any::<u8>(), 0..50),
    ) {
        let shape = &SHAPES[shape];
        prop_assume!(shape.signs_body && one != other);
        let source = shape.source(&[0]);
        let key = |body: &[u8]| source.verify(&source.sign(ID, NOW, body).unwrap(), body, NOW).unwrap().replay_key;
        prop_assert_ne!(key(&one), key(&other));
    }

    #[test]
    fn no_headers_body_or_time_make_verification_panic_or_succeed(
        shape in 0..SHAPES.len(),
        headers in vec((any::<Index>(), header_value()), 0..8),
        body in vec(any::<u8>(), 0..100),
        now in any::<i64>(),
    ) {
        let shape = &SHAPES[shape];
        let names = [Some(shape.signature), shape.timestamp, shape.id].into_iter().flatten();
        let names: Vec<HeaderName> = names.map(HeaderName::from_static).collect();
        let headers: HeaderMap = headers.into_iter().map(|(name, value)| (name.get(&names).clone(), value)).collect();
        prop_assert!(shape.source(&[0, 1]).verify(&headers, &body, UnixTime(now)).is_err());
    }

    #[test]
    fn no_bytes_make_the_readers_panic(
        bytes in prop_oneof![vec(any::<u8>(), 0..300), json_like().prop_map(String::into_bytes)],
        origin in header_value(),
        rate in header_value(),
    ) {
        let _ = Source::from_json(&bytes);
        let _ = slack::challenge(&bytes);
        let _ = event_grid::validation_code(&bytes);
        let _ = pubsub::push(&HeaderMap::new(), &bytes);
        #[cfg(feature = "jwt")]
        let _ = tidegate_webhooks::Jwks::parse(&bytes);
        let _ = github::payload(Some("application/x-www-form-urlencoded"), &[b"payload=", &bytes[..]].concat());
        let asked: HeaderMap = [("webhook-request-origin", origin), ("webhook-request-rate", rate)]
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), value))
            .collect();
        let _ = handshake(&asked, &Handshake { rate_per_minute: Some(1), origins: AllowedOrigins::Any });
    }

    #[test]
    fn a_form_hands_back_the_payload_that_was_put_in(payload in vec(any::<u8>(), 0..300)) {
        let encoded: String = payload.iter().map(|&byte| match byte {
            b' ' => "+".to_owned(),
            b'a'..=b'z' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        }).collect();
        let form = format!("payload={encoded}");
        let read = github::payload(Some("application/x-www-form-urlencoded"), form.as_bytes()).unwrap();
        prop_assert_eq!(&*read, &payload[..]);
    }
}

/// Arbitrary bytes, and values that get further: right prefixes with wrong rests.
fn header_value() -> impl Strategy<Value = HeaderValue> {
    let bytes = vec(any::<u8>(), 0..80).prop_filter_map("a header value", |bytes| HeaderValue::from_bytes(&bytes).ok());
    let near = "(sha256=|v0=|v1,|v1a,|v2:|Bearer |t=17[0-9]{8},v1=|17[0-9]{8})?([0-9a-f]{64}|[A-Za-z0-9+/]{43}=|\
                [A-Za-z0-9+/]{86}==|[0-9]{0,20}|[ -~]{0,40})"
        .prop_map(|text| HeaderValue::from_str(&text).unwrap());
    prop_oneof![bytes, near]
}

fn json_like() -> impl Strategy<Value = String> {
    r#"\{"(scheme|secrets|options|type|challenge|message|keys)":("[ -~]{0,20}"|\["[a-z]{0,20}"\]|\{"[a-z]{0,9}":1\}|[0-9.e-]{1,9})\}"#
}

#[test]
fn the_fixtures_cover_every_scheme() {
    for scheme in tidegate_webhooks::Scheme::ALL.iter().copied() {
        if cfg!(not(feature = "jwt")) && scheme == tidegate_webhooks::Scheme::PubSub {
            continue;
        }
        assert!(SHAPES.iter().any(|shape| shape.source(&[0]).scheme() == scheme), "{scheme}");
    }
    assert!(BODY.len() > 64, "longer than a block of the hash");
}
