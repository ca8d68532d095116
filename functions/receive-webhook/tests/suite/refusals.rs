//! What an outsider gets to see: one answer for every bad signature, and nothing left behind.

use std::time::Duration;

use crate::fixtures::{Answer, Delivery, Gate, MAX_BODY_BYTES, PUSH, SOURCES};

/// The header that proves a delivery, by source.
const CREDENTIALS: [(&str, &str); 11] = [
    ("github", "x-hub-signature-256"),
    ("stripe", "stripe-signature"),
    ("slack", "x-slack-signature"),
    ("shopify", "x-shopify-hmac-sha256"),
    ("standard", "webhook-signature"),
    ("standard-ed25519", "webhook-signature"),
    ("cloudevents", "authorization"),
    ("pubsub", "authorization"),
    ("event-grid", "x-harbour-key"),
    ("hmac", "x-signature"),
    ("hmac-named", "x-signature"),
];

#[tokio::test(start_paused = true)]
async fn every_bad_signature_gets_the_same_401_and_leaves_nothing_behind() {
    let gate = Gate::new();
    let mut answers: Vec<Answer> = Vec::new();
    for (source, header) in CREDENTIALS {
        let good = gate.signed(source, "d1", PUSH);
        let value = good.headers[header].to_str().unwrap().to_owned();
        for bad in [
            Delivery::new(source, PUSH),
            good.clone().without(header),
            good.clone().with(header, ""),
            good.clone().with(header, "nonsense"),
            good.clone().with(header, &value[..value.len() - 4]),
            good.clone().and(header, &value),
            good.clone().with(header, &format!("{value},{value}")),
            good.clone().with(header, &format!("{value}, {value}")),
            good.clone().with(header, &value.replace(['0', '1', '2', '3', 'a', 'b', 'c', 'd', 'e'], "f")),
        ] {
            let answer = gate.send(&bad).await;
            assert_eq!(answer.told(), (401, "bad-signature"), "{source}: {:?}", bad.headers);
            answers.push(answer);
        }
        // What is sent along as it is, and a token, say nothing about the body.
        if !["cloudevents", "pubsub", "event-grid"].contains(&source) {
            let other_body = Delivery { body: PUSH.replace("main", "mail").into(), ..good.clone() };
            answers.push(gate.send(&other_body).await);
        }
    }
    for stale in ["stripe", "slack", "standard", "standard-ed25519"] {
        for at in [gate.now() - Duration::from_secs(301), gate.now() + Duration::from_secs(301)] {
            answers.push(gate.send(&Delivery::new(stale, PUSH).signed("d1", at)).await);
        }
    }
    assert_eq!(answers.len(), 11 * 9 + 8 + 8);
    assert!(answers.iter().all(|answer| *answer == answers[0]), "an answer tells more than another");
    gate.assert_nothing_was_kept("an unsigned delivery");
    assert_eq!(gate.receiver.ports.dimensions(), ["any"], "a dimension made by an outsider");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_source_and_an_impossible_one_are_told_the_same() {
    let gate = Gate::new();
    let unknown = gate.send(&Delivery::new("nobody", PUSH)).await;
    assert_eq!(unknown.told(), (404, "unknown-source"));
    assert_eq!(gate.secrets.reads(), ["tidegate/webhooks/nobody"]);
    let long = "x".repeat(65);
    for name in [
        "",
        "..",
        "../notify-slack",
        "a/b",
        "a%2fb",
        "GitHub",
        "git hub",
        "gîthub",
        "github ",
        "a\0",
        "a\n",
        "*",
        &long,
    ] {
        assert_eq!(gate.send(&Delivery::new(name, PUSH)).await, unknown, "{name:?}");
        assert_eq!(gate.send(&Delivery::options(name)).await, unknown, "{name:?}");
    }
    let mut nameless = Delivery::new("", PUSH).event();
    nameless.path_parameters.clear();
    assert_eq!(gate.send_event(nameless).await, unknown);
    assert_eq!(gate.secrets.reads().len(), 1, "no secret is looked up for an impossible name");
    assert_eq!(gate.receiver.ports.dimensions(), ["any"]);
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_before_it_is_decoded_and_at_the_limit_is_taken() {
    let body = |len: usize| format!("\"{}\"", "x".repeat(len - 2));
    for base64 in [false, true] {
        let gate = Gate::new();
        for len in [MAX_BODY_BYTES + 1, MAX_BODY_BYTES + 2, MAX_BODY_BYTES + 3, 10 * MAX_BODY_BYTES] {
            let large = Delivery { base64, ..gate.signed("github", "d1", body(len)) };
            assert_eq!(gate.send(&large).await.told(), (413, "too-large"), "{len}");
        }
        gate.assert_nothing_was_kept("a large body");
        assert_eq!(gate.secrets.reads(), [""; 0], "no secret is read for it");
        let just = Delivery { base64, ..gate.signed("github", "d1", body(MAX_BODY_BYTES)) };
        assert_eq!(gate.send(&just).await.told(), (202, "accepted"));
    }
    let gate = Gate::new();
    let mut not_base64 = gate.push("d1").event();
    not_base64.is_base64_encoded = true;
    not_base64.body = Some("!".repeat(2 * MAX_BODY_BYTES));
    assert_eq!(gate.send_event(not_base64).await.told(), (413, "too-large"));
}

#[tokio::test(start_paused = true)]
async fn what_is_marked_as_base64_and_is_not_is_malformed() {
    let gate = Gate::new();
    for body in ["!", "QQ", "QUI=\n", "QQ==QQ==", "ÄÖÜ", "QQ=\0"] {
        let mut event = gate.push("d1").event();
        event.is_base64_encoded = true;
        event.body = Some(body.to_owned());
        assert_eq!(gate.send_event(event).await.told(), (400, "malformed-body"), "{body:?}");
    }
    gate.assert_nothing_was_kept("no base64");
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_body_is_one_with_an_empty_body() {
    let gate = Gate::new();
    let mut event = Delivery::new("github", "").signed("d1", gate.now()).event();
    event.body = None;
    assert_eq!(gate.send_event(event).await.told(), (400, "malformed-json"));
}

/// Signed, so the sender may learn what is wrong.
#[tokio::test(start_paused = true)]
async fn headers_that_an_authentic_delivery_lacks_or_garbles_are_400() {
    let gate = Gate::new();
    let push = gate.push("d1");
    let shopify = gate.signed("shopify", "d1", "{}").with("x-shopify-topic", "orders/create");
    let named = gate.signed("hmac-named", "d1", "{}").with("x-event", "tide.turned");
    let long = "x".repeat(300);
    for (delivery, kind) in [
        (push.clone().without("x-github-delivery"), "malformed-headers"),
        (push.clone().with("x-github-delivery", "d1,d2"), "malformed-headers"),
        (push.clone().with("x-github-delivery", "d 1"), "malformed-headers"),
        (push.clone().with("x-github-delivery", &long), "malformed-headers"),
        (push.clone().and("x-github-delivery", "d2"), "malformed-headers"),
        (push.clone().without("x-github-event"), "malformed-delivery"),
        (push.clone().with("x-github-event", "push,push"), "malformed-delivery"),
        (push.clone().and("x-github-event", "push"), "malformed-delivery"),
        (push.clone().with("x-github-event", "pu sh"), "malformed-delivery"),
        (push.clone().with("x-github-event", &long), "malformed-delivery"),
        (shopify.clone().without("x-shopify-topic"), "malformed-delivery"),
        (shopify.clone().without("x-shopify-webhook-id"), "malformed-headers"),
        (named.clone().without("x-event"), "malformed-delivery"),
        (named.clone().without("x-delivery"), "malformed-headers"),
        (gate.signed("stripe", "", r#"{"id":"evt_1"}"#), "malformed-delivery"),
        (gate.signed("stripe", "", r#"{"type":"charge.succeeded"}"#), "malformed-delivery"),
        (gate.signed("slack", "", r#"{"type":"event_callback"}"#), "malformed-delivery"),
    ] {
        assert_eq!(gate.send(&delivery).await.told(), (400, kind), "{delivery:?}");
    }
    gate.assert_nothing_was_kept("a malformed delivery");
}

#[test]
fn every_source_of_these_tests_is_among_the_credentials() {
    assert_eq!(SOURCES.map(|(name, _)| name), CREDENTIALS.map(|(name, _)| name));
}
