//! Bodies made to break a reader, rightly signed: each gets its 4xx at once, and nothing is kept.

use crate::fixtures::{Delivery, Gate};

fn hostile_bodies() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", b"".to_vec()),
        ("white space", b" \n\t ".to_vec()),
        ("half an object", br#"{"ref":"#.to_vec()),
        ("two documents", b"{}{}".to_vec()),
        ("a trailing comma", br#"{"a":1,}"#.to_vec()),
        ("a million open brackets", "[".repeat(1_000_000).into()),
        ("a hundred thousand levels, closed", format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into()),
        ("a hundred thousand objects", r#"{"a":"#.repeat(100_000).into()),
        ("a lone surrogate", br#"{"a":"\ud800"}"#.to_vec()),
        ("a lone surrogate as a name", br#"{"\udfff":1}"#.to_vec()),
        ("a repeated member", br#"{"ref":"a","ref":"b"}"#.to_vec()),
        ("a repeated member in an escape", br#"{"ref":"a","r\u0065f":"b"}"#.to_vec()),
        ("a number beyond all bounds", br#"{"a":1e999}"#.to_vec()),
        ("a number that is none", br#"{"a":NaN}"#.to_vec()),
        ("a leading zero", br#"{"a":01}"#.to_vec()),
        ("bytes that are not UTF-8", b"{\"a\":\"\xff\xfe\"}".to_vec()),
        ("an overlong encoding", b"{\"a\":\"\xc0\xaf\"}".to_vec()),
        ("NUL", b"\0".to_vec()),
        ("NUL in a string", b"{\"a\":\"\0\"}".to_vec()),
        ("a byte order mark", b"\xef\xbb\xbf{}".to_vec()),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec()),
        ("a form", b"payload=%7B%7D".to_vec()),
        ("XML that grows", br#"<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>"#.to_vec()),
    ]
}

/// Where each scheme reads JSON, with what else it wants.
fn as_json(source: &str, body: &[u8]) -> Delivery {
    let delivery = Delivery::new(source, body).with("x-shopify-topic", "orders/create").with("x-event", "tide.turned");
    match source {
        "cloudevents" => delivery.with("content-type", "application/cloudevents+json"),
        _ => delivery,
    }
}

#[tokio::test(start_paused = true)]
async fn a_hostile_body_is_a_malformed_one_when_signed_and_unread_when_not() {
    for (source, _) in crate::fixtures::SOURCES {
        for (what, body) in hostile_bodies() {
            let gate = Gate::new();
            let delivery = as_json(source, &body);
            assert_eq!(gate.send(&delivery).await.told(), (401, "bad-signature"), "{source}: {what}");
            let answer = gate.send(&delivery.signed("d1", gate.now())).await;
            assert!(answer.told() == (400, "malformed-json"), "{source}: {what}: {answer:?}");
            gate.assert_nothing_was_kept(what);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_does_not_repeat_what_was_sent() {
    let gate = Gate::new();
    for body in [r#"{"marker-7f3a":1,"marker-7f3a":2}"#, r#"{"a":"marker-7f3a\ud800"}"#, r#"marker-7f3a"#] {
        let answer = gate.send(&gate.signed("github", "d1", body)).await;
        assert_eq!(answer.status, 400);
        assert!(!answer.body.to_string().contains("marker"), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_content_type_that_is_not_json_is_415_and_none_is_json() {
    let gate = Gate::new();
    for (source, headers) in [
        ("github", ["text/plain", "application/xml", "", "application/json, text/plain", "multipart/form-data"]),
        ("stripe", ["application/x-www-form-urlencoded", "text/json", "json", "application/", "*/*"]),
        ("slack", ["text/html", "application/jsonp", "application/+json2", "image/png", "a/b"]),
        ("shopify", ["text/plain", "application/xml", "", "application/json, text/plain", "multipart/form-data"]),
        ("standard", ["text/plain", "application/xml", "", "application/json, text/plain", "multipart/form-data"]),
    ] {
        for content_type in headers {
            let delivery = as_json(source, b"{}").with("content-type", content_type).signed("d1", gate.now());
            assert_eq!(gate.send(&delivery).await.told(), (415, "unsupported-media-type"), "{source}: {content_type}");
        }
    }
    let twice = gate.push("d1").and("content-type", "application/json");
    assert_eq!(gate.send(&twice).await.told(), (415, "unsupported-media-type"));
    gate.assert_nothing_was_kept("another content type");
    for json in ["application/json", "APPLICATION/JSON;charset=UTF-8", "application/vnd.github.v3+json"] {
        assert!(gate.send(&gate.push("d1").with("content-type", json)).await.status < 300, "{json}");
    }
    assert_eq!(gate.send(&gate.push("d1").without("content-type")).await.told(), (200, "duplicate"));
}

#[tokio::test(start_paused = true)]
async fn a_form_that_is_no_github_delivery_is_malformed() {
    for (form, kind) in [
        ("", "malformed-body"),
        ("zen=1", "malformed-body"),
        ("payload", "malformed-body"),
        ("payload=%7B%7D&payload=%7B%7D", "malformed-body"),
        ("payload=", "malformed-json"),
        ("payload=%ff", "malformed-json"),
        ("payload=%7B%22a%22%3A%22%00%22%7D", "malformed-json"),
        ("payload=%7B%22a%22%3A1%2C%22a%22%3A2%7D", "malformed-json"),
    ] {
        let gate = Gate::new();
        let delivery = gate.signed("github", "d1", form).with("content-type", "application/x-www-form-urlencoded");
        assert_eq!(gate.send(&delivery).await.told(), (400, kind), "{form}");
        gate.assert_nothing_was_kept(form);
    }
}

/// What would become part of the envelope: SNS and SQS refuse some characters and too much of them, and a refusal there
/// would make the sender try again for days.
#[tokio::test(start_paused = true)]
async fn members_that_cannot_stand_in_an_envelope_are_refused() {
    let long = "x".repeat(300_000);
    let named = |name: &str| format!(r#"{{"repository":{{"full_name":"{name}"}}}}"#);
    for (source, what, body, told) in [
        ("github", "NUL in the subject", named("a\\u0000b"), (400, "malformed-delivery")),
        ("github", "a line break in the subject", named("a\\nb"), (400, "malformed-delivery")),
        ("github", "a noncharacter in the subject", named("a\\uffffb"), (400, "malformed-delivery")),
        ("github", "a subject beyond SNS's limit", named(&long), (413, "too-large")),
        ("stripe", "an id beyond SNS's limit", format!(r#"{{"id":"{long}","type":"t"}}"#), (413, "too-large")),
        ("stripe", "an id with NUL", r#"{"id":"\u0000","type":"t"}"#.to_owned(), (400, "malformed-delivery")),
        ("stripe", "an empty id", r#"{"id":"","type":"t"}"#.to_owned(), (400, "malformed-delivery")),
        ("stripe", "an object for an id", r#"{"id":{},"type":"t"}"#.to_owned(), (400, "malformed-delivery")),
        ("stripe", "a sentence for a type", r#"{"id":"1","type":"a b"}"#.to_owned(), (400, "malformed-delivery")),
        (
            "cloudevents",
            "an extension beyond SNS's limit",
            format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","long":"{long}"}}"#),
            (413, "too-large"),
        ),
        (
            "cloudevents",
            "a type beyond SNS's limit",
            format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"{long}"}}"#),
            (413, "too-large"),
        ),
    ] {
        let gate = Gate::new();
        let delivery = as_json(source, body.as_bytes()).signed("d1", gate.now());
        assert_eq!(gate.send(&delivery).await.told(), told, "{source}: {what}");
        gate.assert_nothing_was_kept(what);
    }
}
