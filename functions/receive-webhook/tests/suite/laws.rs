//! Whatever bytes come, the handler answers, and never with a 5xx while its ports work.

use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use crate::fixtures::{Delivery, Gate, SOURCES};

/// The headers that anything reads.
const HEADERS: [&str; 21] = [
    "authorization",
    "ce-id",
    "ce-source",
    "ce-specversion",
    "ce-time",
    "ce-type",
    "content-type",
    "stripe-signature",
    "traceparent",
    "webhook-id",
    "webhook-timestamp",
    "x-correlation-id",
    "x-delivery",
    "x-event",
    "x-github-delivery",
    "x-github-event",
    "x-goog-pubsub-message-id",
    "x-hub-signature-256",
    "x-shopify-topic",
    "x-signature",
    "x-slack-request-timestamp",
];

fn header() -> impl Strategy<Value = (HeaderName, HeaderValue)> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        prop::sample::select(vec![
            "application/json",
            "application/cloudevents+json",
            "application/cloudevents-batch+json",
            "application/x-www-form-urlencoded",
            "text/plain",
            "1.0",
            "push",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
    ];
    let value = bytes.prop_filter_map("no header has it", |bytes| HeaderValue::from_bytes(&bytes).ok());
    (prop::sample::select(HEADERS.to_vec()).prop_map(HeaderName::from_static), value)
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = r#"(\{|\[|\}|\]|,|:|"id"|"type"|"event"|"data"|"x"|"\\u0000"|1|null|"a b"){0,24}"#;
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        json.prop_map(String::into_bytes),
        ("[ -~]{0,20}", "\\PC{0,20}").prop_map(|(id, name)| {
            let body = serde_json::json!({
                "id": id, "type": name, "event_id": name, "action": id, "team_id": name,
                "repository": {"full_name": name}, "data": {"object": {"id": id}},
                "specversion": "1.0", "source": name,
            });
            body.to_string().into_bytes()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_request_is_answered_and_never_with_a_5xx(
        source in prop::sample::select(SOURCES.map(|(name, _)| name).to_vec()),
        body in body(),
        before in prop::collection::vec(header(), 0..6),
        signed: bool,
        after in prop::collection::vec(header(), 0..3),
        base64: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let answer = runtime.block_on(async {
            let gate = Gate::new();
            let mut delivery = Delivery { base64, ..Delivery::new(source, body) };
            delivery.headers.extend(before);
            if signed {
                delivery = delivery.signed("d1", gate.now());
            }
            for (name, value) in after {
                delivery.headers.append(name, value);
            }
            let answer = gate.send(&delivery).await;
            if answer.status >= 400 {
                gate.assert_nothing_was_kept("what was refused");
            }
            answer
        });
        let expected: &[u16] = if signed { &[200, 202, 204, 400, 401, 404, 413, 415] } else { &[401] };
        prop_assert!(expected.contains(&answer.status), "{answer:?}");
    }
}
