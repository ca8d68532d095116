//! One delivery of each scheme, from the request to what is published.

use std::collections::BTreeMap;

use tidegate_runtime::metrics::Metric;

use crate::fixtures::{Delivery, Gate, PUSH};

/// A delivery whose header-borne id is `delivery-1`, and the event it becomes.
struct Case {
    source: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    ty: &'static str,
    id: &'static str,
    subject: Option<&'static str>,
}

const CASES: [Case; 17] = [
    Case {
        source: "github",
        headers: &[],
        body: PUSH,
        ty: "com.github.push",
        id: "delivery-1",
        subject: Some("octo-harbour/tide-tables"),
    },
    Case {
        source: "github",
        headers: &[("x-github-event", "pull_request")],
        body: r#"{"action":"opened","repository":{"full_name":"octo-harbour/tide-tables"}}"#,
        ty: "com.github.pull_request.opened",
        id: "delivery-1",
        subject: Some("octo-harbour/tide-tables"),
    },
    Case {
        source: "github",
        headers: &[("x-github-event", "ping"), ("content-type", "application/json; charset=utf-8")],
        body: r#"{"zen":"Keep it logically awesome."}"#,
        ty: "com.github.ping",
        id: "delivery-1",
        subject: None,
    },
    Case {
        source: "stripe",
        headers: &[],
        body: r#"{"id":"evt_1","type":"charge.succeeded","data":{"object":{"id":"ch_1","amount":4200}}}"#,
        ty: "com.stripe.charge.succeeded",
        id: "evt_1",
        subject: Some("ch_1"),
    },
    Case {
        source: "slack",
        headers: &[],
        body: r#"{"type":"event_callback","event_id":"Ev1","team_id":"T1","event":{"type":"app_mention"}}"#,
        ty: "com.slack.app_mention",
        id: "Ev1",
        subject: Some("T1"),
    },
    Case {
        source: "slack",
        headers: &[],
        body: r#"{"type":"app_rate_limited","event_id":"Ev2","team_id":"T1"}"#,
        ty: "com.slack.app_rate_limited",
        id: "Ev2",
        subject: Some("T1"),
    },
    Case {
        source: "shopify",
        headers: &[("x-shopify-topic", "orders/create"), ("x-shopify-shop-domain", "harbour.example.com")],
        body: r#"{"id":820982911946154508}"#,
        ty: "com.shopify.orders.create",
        id: "delivery-1",
        subject: Some("harbour.example.com"),
    },
    Case {
        source: "standard",
        headers: &[],
        body: r#"{"type":"tide.turned","data":{}}"#,
        ty: "webhook.standard.tide.turned",
        id: "delivery-1",
        subject: None,
    },
    Case {
        source: "standard-ed25519",
        headers: &[],
        body: r#"{"no":"type"}"#,
        ty: "webhook.standard-ed25519",
        id: "delivery-1",
        subject: None,
    },
    Case {
        source: "pubsub",
        headers: &[],
        body: r#"{"message":{"data":"aGlnaCB0aWRl","messageId":"2070443601311540"},"subscription":"projects/harbour/subscriptions/tides"}"#,
        ty: "google.cloud.pubsub.topic.v1.messagePublished",
        id: "2070443601311540",
        subject: None,
    },
    Case {
        source: "pubsub",
        headers: &[("x-goog-pubsub-message-id", "2070443601311541")],
        body: r#"{"tide":"high"}"#,
        ty: "webhook.pubsub",
        id: "2070443601311541",
        subject: None,
    },
    Case {
        source: "pubsub",
        headers: &[("x-goog-pubsub-message-id", "2070443601311542"), ("content-type", "text/plain")],
        body: "high tide",
        ty: "webhook.pubsub",
        id: "2070443601311542",
        subject: None,
    },
    Case {
        source: "hmac",
        headers: &[],
        body: "[1, 2]",
        ty: "webhook.hmac",
        // SHA-256 of `hmac`, a zero byte and the signature: nobody names this delivery, so its signature does.
        id: "6d9674ba1cfd625cc6ed94c5ebf3f26f64f862454365aa7276ec934de15bb28c",
        subject: None,
    },
    Case {
        source: "hmac-named",
        headers: &[("x-event", "tide.turned")],
        body: "{}",
        ty: "webhook.hmac-named.tide.turned",
        id: "delivery-1",
        subject: None,
    },
    Case {
        source: "hmac-named",
        headers: &[("x-event", "note"), ("content-type", "text/plain; charset=utf-8")],
        body: "High water at noon",
        ty: "webhook.hmac-named.note",
        id: "delivery-1",
        subject: None,
    },
    Case {
        source: "hmac-named",
        headers: &[("x-event", "chart"), ("content-type", "application/octet-stream")],
        body: "\0\u{1}\u{2}",
        ty: "webhook.hmac-named.chart",
        id: "delivery-1",
        subject: None,
    },
    // White space, an exponent, an escape and the order of members: what a parser would write otherwise.
    Case {
        source: "github",
        headers: &[],
        body: "{\"z\": 1.0E+2,\n\t\"a\":\"\\u0041\\/\", \"repository\": {\"full_name\": \"octo-harbour/\\u0074ides\"}}",
        ty: "com.github.push",
        id: "delivery-1",
        subject: Some("octo-harbour/tides"),
    },
];

#[tokio::test(start_paused = true)]
async fn a_delivery_of_each_scheme_is_published_with_its_body_byte_for_byte() {
    for Case { source, headers, body, ty, id, subject } in CASES {
        let gate = Gate::new();
        let delivery = gate.signed(source, "delivery-1", body);
        let delivery = headers.iter().fold(delivery, |delivery, (name, value)| delivery.with(name, value));
        let answer = gate.send(&delivery).await;
        assert_eq!(answer.told(), (202, "accepted"), "{ty}");
        assert_eq!(answer.headers["content-type"], "application/json");

        let [event] = &gate.published()[..] else { panic!("{ty}: not one event") };
        assert_eq!((event.ty(), event.id(), event.subject()), (ty, id, subject));
        assert_eq!(answer.body["id"], id);
        assert_eq!(event.source(), format!("/webhooks/{source}"));
        assert_eq!(event.data().bytes(), Some(body.as_bytes()), "{ty}");
        assert_eq!(event.extension("correlationid").and_then(|value| value.as_str()), Some(id));
        assert_eq!(event.time(), jiff::Timestamp::try_from(gate.now()).ok());

        let attributes = [("type", Some(ty)), ("source", Some(event.source())), ("subject", subject)];
        let attributes = attributes.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
        assert_eq!(gate.topic.published()[0].attributes, attributes.collect::<BTreeMap<_, _>>());
        assert_eq!(gate.receiver.ports.dimensions(), [source]);
        assert_eq!(gate.receiver.ports.total(Metric::WebhookAccepted), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_in_base64_is_the_same_delivery() {
    let gate = Gate::new();
    assert_eq!(gate.send(&gate.push("delivery-1").in_base64()).await.told(), (202, "accepted"));
    assert_eq!(gate.send(&gate.push("delivery-1")).await.told(), (200, "duplicate"));
    assert_eq!(gate.published()[0].data().bytes(), Some(PUSH.as_bytes()));
}

#[tokio::test(start_paused = true)]
async fn a_github_form_is_published_as_the_json_in_it() {
    let gate = Gate::new();
    let form = "payload=%7B%22action%22%3A%22opened%22%2C%22a%22%3A%22b+c%22%7D";
    let delivery = gate.signed("github", "delivery-1", form).with("x-github-event", "issues");
    let delivery = delivery.with("content-type", "application/x-www-form-urlencoded");
    assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"));
    let [event] = &gate.published()[..] else { panic!("not one event") };
    assert_eq!(event.ty(), "com.github.issues.opened");
    assert_eq!(event.data().bytes(), Some(&br#"{"action":"opened","a":"b c"}"#[..]));
}

#[tokio::test(start_paused = true)]
async fn slacks_check_of_the_address_is_echoed_and_published_nowhere() {
    let gate = Gate::new();
    let check = r#"{"type":"url_verification","challenge":"3eZbrw1aBm2r"}"#;
    let answer = gate.send(&gate.signed("slack", "", check)).await;
    assert_eq!((answer.status, &answer.body), (200, &serde_json::json!({"challenge": "3eZbrw1aBm2r"})));
    assert_eq!(gate.send(&Delivery::new("slack", check)).await.status, 401, "an unsigned check is not echoed");
    gate.assert_nothing_was_kept("a check of the address");
}

#[tokio::test(start_paused = true)]
async fn each_event_of_event_grids_own_schema_is_published_whole() {
    let gate = Gate::new();
    let one = r#"{"id":"1","eventType":"Harbour.TideTurned","subject":"piers/a", "data":{"height":1.0}}"#;
    let two = r#"{"id":"2","eventType":"Harbour.TideTurned","subject":"","data":null}"#;
    let delivery = gate.signed("event-grid", "", format!("[{one},{two}]"));
    assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"));
    assert_eq!(gate.send(&delivery).await.told(), (200, "duplicate"));

    let mut published = gate.published(); // side by side, so in no order
    published.sort_by(|one, other| one.id().cmp(other.id()));
    let [first, second] = &published[..] else { panic!("not two events") };
    assert_eq!((first.ty(), first.id(), first.subject()), ("Harbour.TideTurned", "1", Some("piers/a")));
    assert_eq!((first.source(), first.data().bytes()), ("/webhooks/event-grid", Some(one.as_bytes())));
    assert_eq!((second.id(), second.subject(), second.data().bytes()), ("2", None, Some(two.as_bytes())));

    assert_eq!(gate.send(&gate.signed("event-grid", "", one)).await.kind(), Some("malformed-delivery"));
    let many = format!("[{}]", vec![one; 101].join(","));
    assert_eq!(gate.send(&gate.signed("event-grid", "", many)).await.kind(), Some("too-many-events"));
}

#[tokio::test(start_paused = true)]
async fn event_grid_may_send_cloudevents_and_asks_for_permission_then() {
    let gate = Gate::new();
    let asked = Delivery::options("event-grid").with("webhook-request-origin", "eventgrid.azure.net");
    let answer = gate.send(&asked).await;
    assert_eq!(
        (answer.status, &answer.headers["webhook-allowed-origin"]),
        (200, &"eventgrid.azure.net".parse().unwrap())
    );

    let body = r#"{"specversion":"1.0","id":"1","source":"/subscriptions/made-up","type":"Harbour.TideTurned"}"#;
    let delivery =
        gate.signed("event-grid", "", body).with("content-type", "application/cloudevents+json; charset=utf-8");
    assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"));
    assert_eq!(gate.published()[0].source(), "/subscriptions/made-up");
}

#[tokio::test(start_paused = true)]
async fn event_grids_question_is_answered_and_published_nowhere() {
    let gate = Gate::new();
    let question = r#"[{"id":"1","eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","subject":"",
        "data":{"validationCode":"512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}}]"#;
    let answer = gate.send(&gate.signed("event-grid", "", question)).await;
    let expected = serde_json::json!({"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"});
    assert_eq!((answer.status, &answer.body), (200, &expected));
    assert_eq!(gate.send(&Delivery::new("event-grid", question)).await.status, 401, "an unsigned one is not");
    gate.assert_nothing_was_kept("a question");
}

#[tokio::test(start_paused = true)]
async fn the_senders_trace_and_correlation_go_on_in_the_event() {
    let gate = Gate::new();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let delivery = gate.push("delivery-1").with("traceparent", traceparent).with("x-correlation-id", "order-66");
    gate.send(&delivery).await;
    let event = &gate.published()[0];
    let extension = |name| event.extension(name).and_then(|value| value.as_str()).unwrap();
    assert_eq!(extension("correlationid"), "order-66");
    assert!(extension("traceparent").starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
    assert_ne!(extension("traceparent"), traceparent, "the publishing is a span of its own");
}

#[tokio::test(start_paused = true)]
async fn a_trace_or_correlation_that_does_not_read_is_made_anew() {
    let gate = Gate::new();
    let delivery = gate.push("delivery-1").with("traceparent", "00-nonsense").with("x-correlation-id", "with space");
    gate.send(&delivery).await;
    let event = &gate.published()[0];
    let extension = |name| event.extension(name).and_then(|value| value.as_str()).unwrap();
    assert_eq!(extension("correlationid"), "delivery-1");
    assert_eq!(extension("traceparent").len(), 55);
}
