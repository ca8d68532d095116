//! What a source document may say, and what is said of one that is wrong.

use tidegate_webhooks::{Scheme, Source};

fn accepted(document: &str) -> Source {
    Source::from_json(document.as_bytes()).unwrap_or_else(|error| panic!("{document}: {error}"))
}

fn refused(document: &str) -> String {
    match Source::from_json(document.as_bytes()) {
        Ok(_) => panic!("accepted: {document}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_least_document_has_a_scheme_and_a_secret() {
    let source = accepted(r#"{"scheme":"github","secrets":["made-up-secret"]}"#);
    assert_eq!(source.scheme(), Scheme::GitHub);
    assert_eq!(source.tolerance_secs(), 300);
    assert_eq!(source.event_type_header(), None);
}

#[test]
fn the_fullest_document_is_read_in_full() {
    let source = accepted(
        r#" {"scheme":"hmac","secrets":["made-up-secret","escap\u0065d-secret"],"tolerance_secs":86400,"options":{
            "header":"X-Signature","prefix":"v1=","encoding":"base64","algorithm":"sha512","timestamp_header":"X-Time",
            "id_header":"X-Id","event_type_header":"X-Event","signed_content":"{id}.{timestamp}.{body}"}} "#,
    );
    assert_eq!(source.scheme(), Scheme::Hmac);
    assert_eq!(source.tolerance_secs(), 86_400);
    assert_eq!(source.event_type_header().unwrap(), "x-event");
}

#[test]
fn a_fault_is_named_by_its_member() {
    let sixteen = r#""made-up-secret","#.repeat(16);
    let long = "x".repeat(33);
    let hmac = |options: &str| format!(r#"{{"scheme":"hmac","secrets":["made-up-secret"],"options":{{{options}}}}}"#);
    let events =
        |options: &str| format!(r#"{{"scheme":"cloudevents","secrets":["made-up-token"],"options":{{{options}}}}}"#);
    for (document, begins_with) in [
        ("".to_owned(), "a source document is a JSON object; this is not one from line 1, column 0"),
        ("[]".to_owned(), "a source document is a JSON object"),
        ("{} {}".to_owned(), "a source document is a JSON object"),
        (r#"{"secrets":["made-up-secret"]}"#.to_owned(), "`scheme` is missing"),
        (r#"{"scheme":"GitHub","secrets":["made-up-secret"]}"#.to_owned(), "`scheme` must be one of github"),
        (r#"{"scheme":7,"secrets":["made-up-secret"]}"#.to_owned(), "`scheme` must be one of github"),
        (r#"{"scheme":"github"}"#.to_owned(), "`secrets` is missing"),
        (r#"{"scheme":"github","secrets":null}"#.to_owned(), "`secrets` must be a list"),
        (r#"{"scheme":"github","secrets":[]}"#.to_owned(), "`secrets` must be a list of 1 to 16"),
        (format!(r#"{{"scheme":"github","secrets":[{sixteen}"a-seventeenth"]}}"#), "`secrets` must be a list of 1"),
        (r#"{"scheme":"github","secrets":"made-up-secret"}"#.to_owned(), "`secrets` must be a list"),
        (r#"{"scheme":"github","secrets":["made-up-secret",7]}"#.to_owned(), "`secrets` must be a list"),
        (r#"{"scheme":"github","secrets":["made-up-secret",""]}"#.to_owned(), "`secrets[1]` must have at least 8"),
        (r#"{"scheme":"github","secrets":["7 bytes"]}"#.to_owned(), "`secrets[0]` must have at least 8"),
        (r#"{"scheme":"github","secrets":["with-newline\n"]}"#.to_owned(), "`secrets[0]` must not begin or end"),
        (r#"{"scheme":"github","secrets":["x"],"secret":["x"]}"#.to_owned(), "`secrets[0]` must have"),
        (r#"{"scheme":"github","secrets":["made-up-secret"],"secret":1}"#.to_owned(), "`secret` is not a member"),
        (r#"{"scheme":"github","secrets":["made-up-secret"],"scheme":"slack"}"#.to_owned(), "`scheme` stands there"),
        (r#"{"scheme":"slack","secrets":["made-up-secret"],"tolerance_secs":0}"#.to_owned(), "`tolerance_secs` must"),
        (r#"{"scheme":"slack","secrets":["made-up-secret"],"tolerance_secs":86401}"#.to_owned(), "`tolerance_secs`"),
        (r#"{"scheme":"slack","secrets":["made-up-secret"],"tolerance_secs":-1}"#.to_owned(), "`tolerance_secs`"),
        (r#"{"scheme":"slack","secrets":["made-up-secret"],"tolerance_secs":"300"}"#.to_owned(), "`tolerance_secs`"),
        (r#"{"scheme":"github","secrets":["made-up-secret"],"options":[]}"#.to_owned(), "`options` must be an object"),
        (r#"{"scheme":"github","secrets":["made-up-secret"],"options":{"header":"x"}}"#.to_owned(), "`options.header`"),
        (
            r#"{"scheme":"standard-webhooks","secrets":["made-up-secret"]}"#.to_owned(),
            "`secrets[0]` must be `whsec_` and the base64 of 24 to 64 bytes",
        ),
        (
            r#"{"scheme":"standard-webhooks","secrets":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
                "options":{"header_prefix":"x"}}"#
                .to_owned(),
            "`options.header_prefix` must be `webhook` or `svix`",
        ),
        (hmac(""), "`options.header` is missing"),
        (hmac(r#""header":"two words""#), "`options.header` must be the name of a header"),
        (hmac(r#""header":"x","id_header":"X""#), "`options.id_header` must be the name of a header, and not that of"),
        (hmac(r#""header":"x","algorithm":"sha1""#), "`options.algorithm` must be `sha256` or `sha512`; SHA-1"),
        (hmac(r#""header":"x","encoding":"base32""#), "`options.encoding` must be `hex` or `base64`"),
        (hmac(r#""header":"x","prefix":"a,b""#), "`options.prefix` must be"),
        (hmac(&format!(r#""header":"x","prefix":"{long}""#)), "`options.prefix` must be"),
        (hmac(r#""header":"x","header":"y""#), "`options.header` stands there more than once"),
        (hmac(r#""header":"x","headers":"y""#), "`options.headers` is not a member"),
        (hmac(r#""header":"x","signed_content":"{timestamp}.{body}""#), "`options.signed_content` must have"),
        (hmac(r#""header":"x","timestamp_header":"t","signed_content":"{body}""#), "`options.signed_content` must"),
        (hmac(r#""header":"x","signed_content":"{id}.{body}""#), "`options.signed_content` has `{id}`, which needs"),
        (events(r#""rate_per_minute":120"#), "`options.rate_per_minute` must be a whole number above zero, and needs"),
        (events(r#""allowed_origins":["*"],"rate_per_minute":0"#), "`options.rate_per_minute` must be"),
        (events(r#""allowed_origins":[]"#), "`options.allowed_origins` must be"),
        (events(r#""allowed_origins":["*","a.example"]"#), "`options.allowed_origins` must be"),
        (events(r#""allowed_origins":["https://a.example"]"#), "`options.allowed_origins` must be"),
        (r#"{"scheme":"event-grid"}"#.to_owned(), "`secrets` is missing"),
        (r#"{"scheme":"event-grid","secrets":["made-up-property"]}"#.to_owned(), "`options.header` is missing"),
        (r#"{"scheme":"cloudevents","secrets":["two words here"]}"#.to_owned(), "`secrets[0]` must be visible ASCII"),
    ] {
        let error = refused(&document);
        assert!(error.starts_with(begins_with), "{document}\n{error}");
    }
}

#[test]
fn no_error_shows_what_stands_in_the_document() {
    for document in [
        r#"{"scheme":"hush-hush","secrets":["hush-hush"]}"#,
        r#"{"scheme":"github","secrets":"hush-hush"}"#,
        r#"{"scheme":"github","secrets":[{"hush-hush":"hush-hush"}]}"#,
        r#"{"scheme":"github","secrets":["hush-hush"],"tolerance_secs":"hush-hush"}"#,
        r#"{"scheme":"github","secrets":["hush-hush"],"options":"hush-hush"}"#,
        r#"{"scheme":"standard-webhooks","secrets":["hush-hush"]}"#,
        r#"{"scheme":"cloudevents","secrets":["hush-hush hush-hush"]}"#,
        r#"{"scheme":"hmac","secrets":["hush-hush"],"options":{"header":"hush-hush hush-hush"}}"#,
        r#"{"scheme":"github","secrets":["hush-hush""#,
        r#""hush-hush""#,
    ] {
        let error = refused(document);
        assert!(!error.contains("hush"), "{error}");
        assert!(!format!("{:?}", Source::from_json(document.as_bytes())).contains("hush"));
    }
}

#[test]
fn sixteen_secrets_are_not_too_many() {
    let secrets: Vec<String> = (0..16).map(|number| format!("\"made-up-secret-{number}\"")).collect();
    accepted(&format!(r#"{{"scheme":"stripe","secrets":[{}]}}"#, secrets.join(",")));
}
