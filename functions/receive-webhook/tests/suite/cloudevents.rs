//! Senders that speak CloudEvents: their events in all three modes, and the handshake before the first.

use serde_json::json;

use crate::fixtures::{Answer, Delivery, Gate};

fn event(id: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"{id}","source":"/harbour","type":"tide.turned","data":{{"m": 1.50}}}}"#)
}

fn structured(gate: &Gate, id: &str) -> Delivery {
    gate.signed("cloudevents", "", event(id)).with("content-type", "application/cloudevents+json")
}

fn batch(gate: &Gate, ids: &[&str]) -> Delivery {
    let events: Vec<_> = ids.iter().map(|id| event(id)).collect();
    gate.signed("cloudevents", "", format!("[{}]", events.join(",")))
        .with("content-type", "application/cloudevents-batch+json; charset=utf-8")
}

#[tokio::test(start_paused = true)]
async fn an_event_stays_its_senders_own_in_binary_and_structured_mode() {
    let binary = |gate: &Gate| {
        let delivery = gate.signed("cloudevents", "", r#"{"m": 1.50}"#).with("ce-specversion", "1.0");
        delivery.with("ce-id", "e%201").with("ce-source", "/harbour").with("ce-type", "tide.turned")
    };
    for delivery in [binary, |gate: &Gate| structured(gate, "e 1")] {
        let gate = Gate::new();
        let delivery = delivery(&gate);
        assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"));
        assert_eq!(gate.send(&delivery).await.told(), (200, "duplicate"));
        let [event] = &gate.published()[..] else { panic!("not one event") };
        assert_eq!((event.id(), event.source(), event.ty()), ("e 1", "/harbour", "tide.turned"));
        assert_eq!(event.data().bytes(), Some(&br#"{"m": 1.50}"#[..]));
        assert!(event.extension("traceparent").is_some() && event.extension("correlationid").is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn an_events_own_trace_is_kept() {
    let gate = Gate::new();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let event = event("e1").replace("\"id\"", &format!("\"traceparent\":\"{traceparent}\",\"id\""));
    let delivery = gate.signed("cloudevents", "", event).with("content-type", "application/cloudevents+json");
    assert_eq!(gate.send(&delivery).await.status, 202);
    assert_eq!(gate.published()[0].extension("traceparent").and_then(|value| value.as_str()), Some(traceparent));
}

/// Consumers route by a source's name and trust that the source was verified under it.
#[tokio::test(start_paused = true)]
async fn a_sender_cannot_pose_as_a_source_of_this_receiver() {
    for source in ["/webhooks/github", "/webhooks/", "github", "made-up_2"] {
        let gate = Gate::new();
        let event = event("e1").replace("/harbour", source);
        let delivery = gate.signed("cloudevents", "", event).with("content-type", "application/cloudevents+json");
        assert_eq!(gate.send(&delivery).await.told(), (400, "malformed-delivery"), "{source}");
        gate.assert_nothing_was_kept(source);
    }
}

/// Who can send webhooks cannot confirm orders: consumers trust that these types were said by the services themselves.
#[tokio::test(start_paused = true)]
async fn a_sender_cannot_speak_for_a_service_of_this_deployment() {
    let gate = Gate::new();
    let event = event("e1").replace("/harbour", "/orders");
    let event = event.replace("tide.turned", "com.tidegate.orders.order-confirmed.v1");
    let delivery = gate.signed("cloudevents", "", event).with("content-type", "application/cloudevents+json");
    assert_eq!(gate.send(&delivery).await.told(), (400, "malformed-delivery"));
    gate.assert_nothing_was_kept("it speaks for orders");
}

#[tokio::test(start_paused = true)]
async fn each_event_of_a_batch_is_published_once() {
    let gate = Gate::new();
    assert_eq!(gate.send(&batch(&gate, &["e1", "e2", "e2"])).await.told(), (202, "accepted"));
    assert_eq!(sorted(gate.ids()), ["e1", "e2"]);
    assert_eq!(gate.send(&batch(&gate, &["e1", "e3"])).await.told(), (202, "accepted"));
    assert_eq!(sorted(gate.ids()), ["e1", "e2", "e3"]);
    assert_eq!(gate.send(&batch(&gate, &["e3", "e1"])).await.told(), (200, "duplicate"));
    assert_eq!(gate.ids().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_failed_of_a_batch_is_published_when_it_comes_again() {
    let gate = Gate::new();
    gate.topic.fail_next(tidegate_testkit::Fault::Transient);
    let delivery = batch(&gate, &["e1", "e2", "e3"]);
    assert_eq!(gate.send(&delivery).await.told(), (503, "not-published"));
    assert_eq!(gate.ids().len(), 2);
    assert_eq!(gate.send(&delivery).await.told(), (202, "accepted"));
    assert_eq!(sorted(gate.ids()), ["e1", "e2", "e3"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let gate = Gate::new();
    let ids: Vec<_> = (0..101).map(|n| n.to_string()).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    assert_eq!(gate.send(&batch(&gate, &ids)).await.told(), (413, "too-many-events"));
    let broken = format!("[{},{}]", event("e1"), event(""));
    let broken = Delivery { body: broken.into(), ..batch(&gate, &[]) };
    assert_eq!(gate.send(&broken).await.status, 400);
    gate.assert_nothing_was_kept("a broken batch");
    assert_eq!(gate.send(&batch(&gate, &ids[1..])).await.told(), (202, "accepted"));
    assert_eq!(gate.ids().len(), 100);
}

/// The JSON format allows it, so its sender is not told that it did wrong.
#[tokio::test(start_paused = true)]
async fn a_batch_without_events_is_taken_and_changes_nothing() {
    let gate = Gate::new();
    let answer = gate.send(&batch(&gate, &[])).await;
    assert_eq!((answer.status, answer.body), (204, json!(null)));
    gate.assert_nothing_was_kept("an empty batch");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_is_malformed() {
    for (content_type, body) in [
        ("application/json", "{}"),
        ("application/cloudevents+json", "{}"),
        ("application/cloudevents+xml", "<event/>"),
        ("application/cloudevents+json", r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#),
        ("application/cloudevents-batch+json", "{}"),
    ] {
        let gate = Gate::new();
        let delivery = gate.signed("cloudevents", "", body).with("content-type", content_type);
        assert_eq!(gate.send(&delivery).await.told(), (400, "malformed-delivery"), "{content_type}: {body}");
        gate.assert_nothing_was_kept(body);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_cannot_have_the_payload_of_another_fetched_as_its_own() {
    let gate = Gate::new();
    let told = async |dataref: &str| {
        let body = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","dataref":"{dataref}"}}"#);
        let answer =
            gate.send(&gate.signed("cloudevents", "", body).with("content-type", "application/cloudevents+json")).await;
        answer.status
    };
    assert_eq!(told("s3://memory/payloads/of-another").await, 400);
    gate.assert_nothing_was_kept("a reference to a payload");
    assert_eq!(told("https://harbour.example.com/tides/1").await, 202, "what lies elsewhere no consumer fetches");
}

#[tokio::test(start_paused = true)]
async fn a_sender_cannot_say_what_our_own_services_say() {
    let placed = "com.tidegate.orders.order-placed.v1";
    let gate = Gate::new();
    let body = format!(r#"{{"specversion":"1.0","id":"1","source":"/orders","type":"{placed}","subject":"ord_1"}}"#);
    for (content_type, body) in
        [("application/cloudevents+json", body.clone()), ("application/cloudevents-batch+json", format!("[{body}]"))]
    {
        let delivery = gate.signed("cloudevents", "", body).with("content-type", content_type);
        assert_eq!(gate.send(&delivery).await.told(), (400, "malformed-delivery"), "{content_type}");
    }
    gate.assert_nothing_was_kept("an event of our own");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_asks_first_is_told_whether_and_how_fast() {
    let gate = Gate::new();
    let asking = async |origin: &str| -> Answer {
        let ask = Delivery::options("cloudevents").with("webhook-request-origin", origin);
        gate.send(&ask.with("webhook-request-rate", "1000")).await
    };
    let granted = asking("harbour.example.com").await;
    assert_eq!((granted.status, &granted.body), (200, &json!(null)));
    assert_eq!(granted.headers["webhook-allowed-origin"], "harbour.example.com");
    assert_eq!(granted.headers["webhook-allowed-rate"], "120");
    let refused = asking("elsewhere.example.com").await;
    assert_eq!(refused.told(), (400, "handshake-refused"));
    assert!(!refused.headers.contains_key("webhook-allowed-origin"));

    let other = gate.send(&Delivery::options("github").with("webhook-request-origin", "harbour.example.com")).await;
    assert_eq!((other.status, &other.headers["allow"]), (204, &"POST".parse().unwrap()));
    assert!(!other.headers.contains_key("webhook-allowed-origin"));
    assert_eq!(gate.send(&Delivery::options("nobody")).await.told(), (404, "unknown-source"));
    gate.assert_nothing_was_kept("a handshake");
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
