//! What is written is read back, in every mode.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tidegate_cloudevents::http::{Mode, read, to_batched, to_binary, to_structured};
use tidegate_cloudevents::json::{batch_from_json, batch_to_json};
use tidegate_cloudevents::messaging::{from_message, to_body};
use tidegate_cloudevents::{Data, Event, ExtensionValue, kafka};

fn is_allowed(character: char) -> bool {
    let code = u32::from(character);
    !character.is_control() && code & 0xFFFE != 0xFFFE && !(0xFDD0..=0xFDEF).contains(&code)
}

fn attribute() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|value| value.chars().filter(|character| is_allowed(*character)).collect())
}

fn filled_attribute() -> impl Strategy<Value = String> {
    attribute().prop_map(|value| if value.is_empty() { "x".to_owned() } else { value })
}

fn uri_reference() -> impl Strategy<Value = String> {
    attribute().prop_map(|value| format!("/{}", value.replace(char::is_whitespace, "")))
}

fn extension_value() -> impl Strategy<Value = ExtensionValue> {
    prop_oneof![
        attribute().prop_map(ExtensionValue::String),
        any::<bool>().prop_map(ExtensionValue::Boolean),
        any::<i32>().prop_map(ExtensionValue::Integer),
    ]
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            btree_map(any::<String>(), inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

#[derive(Debug, Clone)]
enum Content {
    None,
    Json(String),
    Text(String),
    Binary(Vec<u8>),
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::None),
        json().prop_map(|value| Content::Json(value.to_string())),
        json().prop_map(|value| Content::Json(format!("{value:#}"))),
        any::<String>().prop_map(Content::Text),
        any::<Vec<u8>>().prop_map(Content::Binary),
    ]
}

prop_compose! {
    fn event()(
        id in filled_attribute(),
        source in uri_reference(),
        ty in filled_attribute(),
        subject in proptest::option::of(filled_attribute()),
        seconds in proptest::option::of((-62_167_219_200i64..=253_402_207_200, 0..1_000_000_000i32)),
        schema in proptest::option::of(uri_reference()),
        extensions in btree_map("x[a-z0-9]{0,20}", extension_value(), 0..6),
        content in content(),
    ) -> Event {
        let mut builder = Event::builder(id, source, ty);
        if let Some(subject) = subject {
            builder = builder.subject(subject);
        }
        if let Some((seconds, nanoseconds)) = seconds {
            builder = builder.time(jiff::Timestamp::new(seconds, nanoseconds).unwrap());
        }
        if let Some(schema) = schema {
            builder = builder.dataschema(format!("https:/{schema}"));
        }
        for (name, value) in extensions {
            builder = builder.extension(name, value);
        }
        match content {
            Content::None => builder,
            Content::Json(json) => builder.data_json(json.as_bytes()),
            Content::Text(text) => builder.data_text("text/plain", text),
            Content::Binary(bytes) => builder.data_binary("application/octet-stream", bytes),
        }
        .build()
        .unwrap()
    }
}

/// What binary mode keeps of an event: extensions lose their types.
fn as_binary_mode_keeps_it(event: &Event) -> Event {
    event
        .extensions()
        .fold(event.clone(), |expected, (name, value)| expected.with_extension(name, value.to_string()).unwrap())
}

/// What HTTP's binary mode keeps: there, no bytes are no data.
fn as_http_keeps_it(event: &Event) -> Event {
    let expected = as_binary_mode_keeps_it(event);
    if event.data().bytes() == Some(b"") { expected.with_data(b"").unwrap() } else { expected }
}

proptest! {
    #[test]
    fn an_event_survives_json(event in event()) {
        let json = event.to_json();
        prop_assert_eq!(&Event::from_json(json.as_bytes()).unwrap(), &event);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap().is_object());
    }

    #[test]
    fn events_survive_a_batch(events in vec(event(), 0..4)) {
        prop_assert_eq!(batch_from_json(batch_to_json(&events).as_bytes()).unwrap(), events);
    }

    #[test]
    fn an_event_survives_a_queue(event in event()) {
        let read = from_message(to_body(&event).as_bytes()).unwrap();
        match (read.data(), event.data()) {
            // The body escapes two characters, so the data's text may differ where its value does not.
            (Data::Json(read), Data::Json(sent)) => prop_assert_eq!(
                serde_json::from_str::<serde_json::Value>(read.get()).unwrap(),
                serde_json::from_str::<serde_json::Value>(sent.get()).unwrap()
            ),
            _ => prop_assert_eq!(read, event),
        }
    }

    #[test]
    fn an_event_survives_structured_http(event in event()) {
        let (headers, body) = to_structured(&event);
        let received = read(&headers, &body).unwrap();
        prop_assert_eq!(received.mode, Mode::Structured);
        prop_assert_eq!(received.events, [event]);
    }

    #[test]
    fn events_survive_batched_http(events in vec(event(), 0..4)) {
        let (headers, body) = to_batched(&events);
        let received = read(&headers, &body).unwrap();
        prop_assert_eq!(received.mode, Mode::Batched);
        prop_assert_eq!(received.events, events);
    }

    #[test]
    fn an_event_survives_binary_http(event in event()) {
        let (headers, body) = to_binary(&event);
        let received = read(&headers, &body).unwrap();
        prop_assert_eq!(received.mode, Mode::Binary);
        prop_assert_eq!(received.events, [as_http_keeps_it(&event)]);
    }

    #[test]
    fn an_event_survives_binary_kafka(event in event()) {
        let (headers, value) = kafka::to_binary(&event);
        prop_assert_eq!(value.is_none(), event.data().is_none());
        prop_assert_eq!(kafka::read(headers, value.as_deref()).unwrap(), as_binary_mode_keeps_it(&event));
    }

    #[test]
    fn an_event_survives_structured_kafka(event in event()) {
        let (headers, value) = kafka::to_structured(&event);
        prop_assert_eq!(kafka::read(headers, Some(&value)).unwrap(), event);
    }

    #[test]
    fn data_survives_the_claim_check(event in event()) {
        let bytes = event.data().bytes().map(<[u8]>::to_vec).unwrap_or_default();
        let restored = event.clone().with_dataref("s3://payloads-example/1").unwrap().with_data(&bytes).unwrap();
        prop_assert_eq!(restored.data().bytes().unwrap_or_default(), &bytes);
        prop_assert_eq!(restored.datacontenttype(), event.datacontenttype());
    }
}
