//! Tokens that an issuer signs: what they have to say, and with which key they have to be signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use serde_json::{Value, json};
use tidegate_webhooks::{Jwks, JwksError, Rejection, SignError, Source, UnixTime};

use crate::fixtures::{BODY, ID, NOW, PRIVATE};

/// A token as Google makes them, signed by another implementation, and the key set it is checked with.
const TOKEN: &str = include_str!("tokens/token.txt");
const KEY_SET: &[u8] = include_bytes!("tokens/key-set.json");

const AUDIENCE: &str = "https://hooks.harbour.example/webhooks/pubsub";
const ACCOUNT: &str = "push@harbour-example.iam.gserviceaccount.com";
const TENANT: &str = "00000000-0000-4000-8000-00000000cafe";
const APPLICATION: &str = "00000000-0000-4000-8000-00000000beef";

fn source(document: &Value) -> Source {
    Source::from_json(document.to_string().as_bytes()).unwrap()
}

fn google() -> Source {
    source(&json!({"scheme": "pubsub", "options": {"audience": AUDIENCE, "service_account": ACCOUNT}}))
}

/// A source with a key of its own, which signs what the caller's options say.
fn stand_in(scheme: &str, options: Value) -> Source {
    source(&json!({"scheme": scheme, "secrets": [PRIVATE[1]], "options": options}))
}

fn bearer(token: &str) -> HeaderMap {
    HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(format!("Bearer {token}")).unwrap())])
}

fn verify(source: &Source, headers: &HeaderMap, now: i64) -> Result<(), Rejection> {
    source.verify(headers, BODY, UnixTime(now)).map(|_| ())
}

#[test]
fn a_token_of_another_implementation_is_accepted_once_its_key_is_known() {
    let headers = bearer(TOKEN);
    assert_eq!(verify(&google(), &headers, NOW.0), Err(Rejection::UnknownKey));
    assert!(Rejection::UnknownKey.is_unauthenticated());

    let knowing = google().with_keys(Jwks::parse(KEY_SET).unwrap());
    let delivery = knowing.verify(&headers, b"any body", NOW).unwrap();
    assert_eq!((delivery.delivery_id, delivery.replay_key, delivery.timestamped), (None, None, true));
}

#[test]
fn a_token_is_good_from_when_it_was_issued_until_it_expires_and_the_tolerance_around() {
    let knowing = google().with_keys(Jwks::parse(KEY_SET).unwrap());
    for (later, expected) in [
        (-301, Err(Rejection::TooNew)),
        (-300, Ok(())),
        (3_900, Ok(())),
        (3_901, Err(Rejection::TooOld)),
        (i64::MAX - NOW.0, Err(Rejection::TooOld)),
        (i64::MIN, Err(Rejection::TooNew)),
    ] {
        assert_eq!(verify(&knowing, &bearer(TOKEN), NOW.0 + later), expected, "{later}");
    }
}

#[test]
fn a_token_for_or_of_somebody_else_is_refused_by_the_name_of_its_claim() {
    let pubsub =
        |audience: &str, account: &str| stand_in("pubsub", json!({"audience": audience, "service_account": account}));
    let grid = |tenant: &str, audience: &str, application: &str| {
        stand_in("event-grid", json!({"tenant": tenant, "audience": audience, "application": application}))
    };
    let other = "00000000-0000-4000-8000-000000000bad";
    for (sender, receiver, claim) in [
        (pubsub("https://other.example", ACCOUNT), pubsub(AUDIENCE, ACCOUNT), "aud"),
        (pubsub(AUDIENCE, "mallory@other.iam.gserviceaccount.com"), pubsub(AUDIENCE, ACCOUNT), "email"),
        (grid(other, "api://a", APPLICATION), grid(TENANT, "api://a", APPLICATION), "iss"),
        (grid(TENANT, "api://b", APPLICATION), grid(TENANT, "api://a", APPLICATION), "aud"),
        (grid(TENANT, "api://a", other), grid(TENANT, "api://a", APPLICATION), "appid"),
        (grid(TENANT, AUDIENCE, APPLICATION), pubsub(AUDIENCE, ACCOUNT), "iss"),
    ] {
        let headers = sender.sign(ID, NOW, BODY).unwrap();
        assert_eq!(verify(&receiver, &headers, NOW.0), Err(Rejection::WrongClaim(claim)));
        assert_eq!(verify(&sender, &headers, NOW.0), Ok(()));
    }
    assert!(Rejection::WrongClaim("aud").is_unauthenticated());
}

#[test]
fn the_algorithm_is_the_keys_and_not_the_tokens_choice() {
    let knowing = google().with_keys(Jwks::parse(KEY_SET).unwrap());
    let (_, rest) = TOKEN.split_once('.').unwrap();
    let (claims, _) = rest.split_once('.').unwrap();
    for (header, rejection) in [
        (json!({"alg": "none", "kid": "made-up-2026"}), Rejection::BadSignature),
        (json!({"alg": "HS256", "kid": "made-up-2026"}), Rejection::BadSignature),
        (json!({"alg": "ES256", "kid": "made-up-2026"}), Rejection::BadSignature),
        (json!({"alg": "HS256", "kid": "of-another-kind"}), Rejection::UnknownKey),
        (json!({"alg": "RS256"}), Rejection::Malformed(AUTHORIZATION)),
        (
            json!({"alg": "RS256", "kid": "made-up-2026", "crit": ["b64"], "b64": false}),
            Rejection::Malformed(AUTHORIZATION),
        ),
    ] {
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        for rest in [rest.to_owned(), format!("{claims}.")] {
            assert_eq!(verify(&knowing, &bearer(&format!("{header}.{rest}")), NOW.0), Err(rejection.clone()));
        }
    }
    for malformed in ["a.b", "a.b.c.d", "..", &format!("{TOKEN}="), &format!("{TOKEN}.x"), &"a".repeat(9_000)] {
        assert_eq!(verify(&knowing, &bearer(malformed), NOW.0), Err(Rejection::Malformed(AUTHORIZATION)));
    }
}

#[test]
fn keys_are_fetched_from_the_issuer_unless_the_document_has_some() {
    assert_eq!(google().keys_url(), Some("https://www.googleapis.com/oauth2/v3/certs"));
    let entra = source(&json!({"scheme": "event-grid", "options": {"tenant": TENANT, "audience": "api://a"}}));
    let expected = format!("https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys");
    assert_eq!(entra.keys_url(), Some(expected.as_str()));
    assert_eq!(entra.sign(ID, NOW, BODY), Err(SignError::NoKey));

    let own = stand_in("pubsub", json!({"audience": AUDIENCE, "service_account": ACCOUNT}));
    assert_eq!(own.keys_url(), None);
    // Its document says whom it trusts: nobody else comes in by a key set.
    assert_eq!(
        verify(&own.with_keys(Jwks::parse(KEY_SET).unwrap()), &bearer(TOKEN), NOW.0),
        Err(Rejection::UnknownKey)
    );

    let github = source(&json!({"scheme": "github", "secrets": ["made-up-secret"]}));
    assert_eq!(github.keys_url(), None);
}

#[test]
fn a_key_set_without_a_usable_key_is_refused() {
    for (document, error) in [
        (json!([]), JwksError::Syntax),
        (json!({"keys": [7]}), JwksError::Syntax),
        (json!({"keys": vec![json!({"kty": "oct"}); 65]}), JwksError::Syntax),
        (json!({"keys": []}), JwksError::NoKey),
        (json!({"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}), JwksError::NoKey),
        (json!({"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB"}]}), JwksError::NoKey),
        (json!({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}), JwksError::NoKey),
        (json!({"keys": [{"kty": "RSA", "kid": "a", "use": "enc", "n": "AQAB", "e": "AQAB"}]}), JwksError::NoKey),
        (json!({"keys": [{"kty": "RSA", "kid": "a", "alg": "PS256", "n": "AQAB", "e": "AQAB"}]}), JwksError::NoKey),
        (json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AQAB", "y": "AQAB"}]}), JwksError::NoKey),
    ] {
        assert_eq!(Jwks::parse(document.to_string().as_bytes()).err(), Some(error), "{document}");
    }
}

#[test]
fn a_fault_in_a_document_is_named_by_its_member() {
    let whole = json!({"audience": AUDIENCE, "service_account": ACCOUNT});
    let with = |name: &str, value: Value| {
        let mut options = whole.clone();
        options[name] = value;
        options
    };
    for (document, begins_with) in [
        (json!({"scheme": "pubsub"}), "`options.audience` is missing"),
        (json!({"scheme": "pubsub", "options": {"audience": AUDIENCE}}), "`options.service_account` is missing"),
        (json!({"scheme": "pubsub", "options": with("audience", json!(""))}), "`options.audience` must be"),
        (
            json!({"scheme": "pubsub", "options": with("service_account", json!("push"))}),
            "`options.service_account` must",
        ),
        (json!({"scheme": "pubsub", "options": with("keys", json!("x"))}), "`options.keys` is not a member"),
        (json!({"scheme": "pubsub", "secrets": ["hush-hush"], "options": whole}), "`secrets[0]` must be the base64"),
        (json!({"scheme": "event-grid", "options": {"tenant": "hush", "audience": "a"}}), "`options.tenant` must be"),
        (json!({"scheme": "event-grid", "options": {"tenant": TENANT}}), "`options.audience` is missing"),
        (
            json!({"scheme": "event-grid", "options": {"tenant": TENANT, "audience": "a", "header": "x"}}),
            "`options.header` is not a member",
        ),
    ] {
        let error = Source::from_json(document.to_string().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(begins_with) && !error.contains("hush"), "{document}\n{error}");
    }
}

/// A token of a stand-in's key with any parts, whose signature holds.
fn signed(header: &str, claims: &str) -> HeaderMap {
    use ring::{rand::SystemRandom, signature::ECDSA_P256_SHA256_FIXED_SIGNING, signature::EcdsaKeyPair};
    let der = base64::engine::general_purpose::STANDARD.decode(PRIVATE[1]).unwrap();
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &random).unwrap();
    let parts = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = pair.sign(&random, parts.as_bytes()).unwrap();
    bearer(&format!("{parts}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[test]
fn a_token_that_can_be_read_in_two_ways_is_refused_although_its_signature_holds() {
    let receiver = stand_in("pubsub", json!({"audience": AUDIENCE, "service_account": ACCOUNT}));
    let own = receiver.sign(ID, NOW, BODY).unwrap();
    let header = own[AUTHORIZATION].to_str().unwrap().strip_prefix("Bearer ").unwrap().split('.').next().unwrap();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    let (issued, expires) = (NOW.0, NOW.0 + 60);
    let whole = format!(
        r#"{{"iss":"accounts.google.com","aud":["x","{AUDIENCE}"],"iat":{issued},"exp":{expires},"email":"{ACCOUNT}","email_verified":true}}"#
    );
    let with = |text: &str, more: &str| format!("{},{more}}}", text.strip_suffix('}').unwrap());
    let verified = |header: &str, claims: &str| verify(&receiver, &signed(header, claims), NOW.0);
    assert_eq!(verified(&header, &whole), Ok(()));

    let malformed = Err(Rejection::Malformed(AUTHORIZATION));
    for more in [r#""crit":null"#, r#""crit":[]"#, r#""kid":"x""#, r#""alg":"ES256""#] {
        assert_eq!(verified(&with(&header, more), &whole), malformed, "{more}");
    }
    for more in [
        r#""iss":"x""#,
        r#""aud":"x""#,
        r#""exp":4000000000"#,
        r#""email":"x""#,
        r#""email_verified":true"#,
        r#""nbf":"now""#,
        r#""nbf":1,"nbf":2"#,
    ] {
        assert_eq!(verified(&header, &with(&whole, more)), malformed, "{more}");
    }
    for (from, to, rejection) in [
        ("\"email_verified\":true", "\"email_verified\":false", Rejection::WrongClaim("email_verified")),
        ("\"email_verified\":true", "\"email_verified\":\"true\"", Rejection::Malformed(AUTHORIZATION)),
        (",\"email_verified\":true", "", Rejection::WrongClaim("email_verified")),
        ("\"accounts.google.com\"", "\"https://accounts.google.com/\"", Rejection::WrongClaim("iss")),
        ("[\"x\",", "[7,", Rejection::Malformed(AUTHORIZATION)),
        ("}", ",\"nbf\":4000000000}", Rejection::TooNew),
        ("}", "}{}", Rejection::Malformed(AUTHORIZATION)),
    ] {
        let claims = whole.replace(from, to);
        assert_eq!(verified(&header, &claims), Err(rejection), "{claims}");
    }
}

#[test]
fn a_key_that_its_issuer_does_not_let_verify_is_passed_over() {
    let set = |key_ops: Value| {
        let mut set: Value = serde_json::from_slice(KEY_SET).unwrap();
        for key in set["keys"].as_array_mut().unwrap() {
            key.as_object_mut().unwrap().remove("use");
            key["key_ops"] = key_ops.clone();
        }
        Jwks::parse(set.to_string().as_bytes())
    };
    assert!(set(json!(["verify"])).is_ok());
    assert_eq!(set(json!(["encrypt", "wrapKey"])).err(), Some(JwksError::NoKey));
}
