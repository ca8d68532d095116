//! The `OPTIONS` handshake by which CloudEvents senders ask for permission.

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_webhooks::{HandshakeError, Source};

const ORIGIN: &str = "webhook-request-origin";
const RATE: &str = "webhook-request-rate";

fn source(options: &str) -> Source {
    let document = format!(r#"{{"scheme":"cloudevents","secrets":["mF_9.B5f-4.1JqM"],"options":{options}}}"#);
    Source::from_json(document.as_bytes()).unwrap()
}

fn ask(options: &str, request: &[(&'static str, &str)]) -> Result<HeaderMap, HandshakeError> {
    let mut headers = HeaderMap::new();
    for (name, value) in request {
        headers.append(*name, value.parse().unwrap());
    }
    source(options).handshake(&headers).unwrap()
}

fn answer(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
}

#[test]
fn a_listed_origin_is_granted_by_its_name_and_the_rate_only_when_asked_for() {
    let options = r#"{"allowed_origins":["eventemitter.example.com","Other.example"],"rate_per_minute":100}"#;
    assert_eq!(
        ask(options, &[(ORIGIN, "eventemitter.example.com")]),
        Ok(answer(&[("allow", "POST"), ("webhook-allowed-origin", "eventemitter.example.com")]))
    );
    for (wanted, granted) in [("120", "100"), ("100", "100"), ("7", "7"), ("99999999999999999999", "100")] {
        let granted =
            [("allow", "POST"), ("webhook-allowed-origin", "oTHER.example"), ("webhook-allowed-rate", granted)];
        assert_eq!(ask(options, &[(ORIGIN, "oTHER.example"), (RATE, wanted)]), Ok(answer(&granted)));
    }
}

#[test]
fn any_origin_and_any_rate_are_granted_by_an_asterisk() {
    assert_eq!(
        ask(r#"{"allowed_origins":["*"]}"#, &[(ORIGIN, "anybody.example"), (RATE, "120")]),
        Ok(answer(&[("allow", "POST"), ("webhook-allowed-origin", "*"), ("webhook-allowed-rate", "*")]))
    );
}

#[test]
fn an_origin_that_is_not_listed_gets_nothing() {
    for origin in ["example.com", "eventemitter.example.com.evil.example", "eventemitter.example", "a"] {
        let asked = ask(r#"{"allowed_origins":["eventemitter.example.com"]}"#, &[(ORIGIN, origin)]);
        assert_eq!(asked, Err(HandshakeError::OriginNotAllowed), "{origin}");
    }
}

#[test]
fn a_request_that_does_not_say_once_who_asks_for_what_gets_nothing() {
    let options = r#"{"allowed_origins":["*"]}"#;
    let (origin, rate) = (HeaderName::from_static(ORIGIN), HeaderName::from_static(RATE));
    assert_eq!(ask(options, &[]), Err(HandshakeError::Missing(origin.clone())));
    assert_eq!(ask(options, &[(RATE, "1")]), Err(HandshakeError::Missing(origin.clone())));
    for twice in [&[(ORIGIN, "a.example"), (ORIGIN, "b.example")][..], &[(ORIGIN, "a.example,b.example")]] {
        assert_eq!(ask(options, twice), Err(HandshakeError::Repeated(origin.clone())));
    }
    for malformed in ["", "*", "a example", "https://a.example", &"a".repeat(254)] {
        assert_eq!(ask(options, &[(ORIGIN, malformed)]), Err(HandshakeError::Malformed(origin.clone())), "{malformed}");
    }
    for malformed in ["", "0", "-1", "1.5", "*", "ten"] {
        let asked = ask(options, &[(ORIGIN, "a.example"), (RATE, malformed)]);
        assert_eq!(asked, Err(HandshakeError::Malformed(rate.clone())), "{malformed}");
    }
    let twice = ask(options, &[(ORIGIN, "a.example"), (RATE, "1"), (RATE, "2")]);
    assert_eq!(twice, Err(HandshakeError::Repeated(rate)));
}

#[test]
fn only_a_source_that_names_origins_has_a_handshake() {
    let asked = answer(&[(ORIGIN, "a.example")]);
    assert!(source("{}").handshake(&asked).is_none());
    let grid = |options: &str| {
        let document = format!(
            r#"{{"scheme":"event-grid","secrets":["made-up-property"],"options":{{"header":"x-key"{options}}}}}"#
        );
        Source::from_json(document.as_bytes()).unwrap()
    };
    assert!(grid("").handshake(&asked).is_none());
    assert!(grid(r#","allowed_origins":["a.example"]"#).handshake(&asked).unwrap().is_ok());
    let github = Source::from_json(br#"{"scheme":"github","secrets":["made-up-secret"]}"#).unwrap();
    assert!(github.handshake(&asked).is_none());
}
