//! Entries of a timeline, made of the fixtures of all events.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_cloudevents::Event;
use tidegate_events::{EventType, NoEntry, ReadError, TimelineEntry, Unreadable};

fn fixture(event_type: EventType) -> Value {
    let word = event_type.as_str().strip_prefix("com.tidegate.orders.").unwrap().strip_suffix(".v1").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/events/{word}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn entry(event: &Value) -> Result<TimelineEntry, NoEntry> {
    TimelineEntry::of(&Event::from_json(event.to_string().as_bytes()).unwrap())
}

fn read_back(entry: &TimelineEntry) -> TimelineEntry {
    let item = entry.attributes();
    TimelineEntry::read(|name| item.iter().find(|(it, _)| *it == name).map(|(_, text)| text.as_str())).unwrap()
}

#[test]
fn every_event_makes_an_entry_that_reads_back() {
    for event_type in EventType::ALL {
        let event = fixture(*event_type);
        let entry = entry(&event).unwrap();
        assert_eq!(read_back(&entry), entry);
        assert_eq!((entry.event_type.as_str(), entry.source.as_str()), (event_type.as_str(), event_type.source()));
        assert_eq!(entry.cause.as_deref(), event["causationid"].as_str());
    }
}

/// Neither more is withheld than has to be, nor less.
#[test]
fn data_are_the_events_own_but_for_what_is_nobodys_business() {
    for event_type in EventType::ALL {
        let event = fixture(*event_type);
        let mut expected = event["data"].clone();
        if *event_type == EventType::OrderPlaced {
            for withheld in ["address", "payment_method", "callback_url"] {
                assert!(expected.as_object_mut().unwrap().remove(withheld).is_some());
            }
        }
        let entry = entry(&event).unwrap();
        assert_eq!(entry.data, expected, "{event_type:?}");
        let written = entry.attributes().into_iter().map(|(_, text)| text).collect::<String>();
        for marker in ["pm_made_up", "Mona Example", "Harbour", "Kelp", "12345", "shop.example"] {
            assert!(!written.contains(marker), "{event_type:?}: {written}");
        }
    }
}

#[test]
fn a_member_of_a_newer_sender_is_left_out_because_it_could_be_personal() {
    for event_type in EventType::ALL {
        let event = fixture(*event_type);
        let mut grown = event.clone();
        grown["data"]["billing_address"] = json!({ "name": "Mona Example" });
        assert_eq!(entry(&grown).unwrap(), entry(&event).unwrap());
    }
}

#[test]
fn the_item_has_the_attributes_that_its_readers_know() {
    let item = entry(&fixture(EventType::PaymentDeclined)).unwrap().attributes();
    let item: Value = item.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect();
    assert_eq!(
        item,
        json!({
            "order_id": "ord_1",
            "entry": "2027-01-02T03:04:05.000000000Z#/payments#ord_1/2/0",
            "type": "com.tidegate.orders.payment-declined.v1",
            "source": "/payments",
            "id": "ord_1/2/0",
            "time": "2027-01-02T03:04:05.000000000Z",
            "cause": "ord_1/AuthorisePayment",
            "data": r#"{"amount":{"currency":"EUR","minor_units":6500},"reason":"insufficient_funds"}"#,
        })
    );
}

#[test]
fn events_of_one_moment_have_entries_of_their_own() {
    let reserved = entry(&fixture(EventType::StockReserved)).unwrap();
    let authorised = entry(&fixture(EventType::PaymentAuthorised)).unwrap();
    assert_eq!((&reserved.id, reserved.time), (&authorised.id, authorised.time), "two services may draw the same id");
    assert_ne!(reserved.key(), authorised.key());
}

#[test]
fn what_is_no_event_of_an_order_makes_no_entry() {
    let changed = |member: &str, to: Value| {
        let mut event = fixture(EventType::StockReserved);
        match to {
            Value::Null => drop(event.as_object_mut().unwrap().remove(member)),
            to => event[member] = to,
        }
        entry(&event).unwrap_err()
    };
    let newer = json!("com.tidegate.orders.stock-reserved.v2");
    assert_eq!(changed("type", newer), NoEntry::Unread(ReadError::UnknownType));
    assert_eq!(changed("source", json!("/webhooks/somebody")), NoEntry::Unread(ReadError::UnknownType));
    assert_eq!(changed("subject", Value::Null), NoEntry::Unread(ReadError::NoOrder));
    assert_eq!(changed("time", Value::Null), NoEntry::NoTime);
    assert_eq!(changed("id", json!("i".repeat(1024))), NoEntry::IdTooLong);
    let data = ReadError::Data { event_type: EventType::StockReserved };
    assert_eq!(changed("data", Value::Null), NoEntry::Unread(data));
}

#[test]
fn an_item_that_is_no_entry_is_told_as_such_without_being_quoted() {
    let item = entry(&fixture(EventType::OrderConfirmed)).unwrap().attributes();
    let read = |name: &str, to: Option<&'static str>| {
        TimelineEntry::read(
            |it| if it == name { to } else { item.iter().find(|(n, _)| *n == it).map(|(_, t)| t.as_str()) },
        )
    };
    for name in ["order_id", "time", "type", "source", "id", "data"] {
        assert_eq!(read(name, None).unwrap_err().to_string(), format!("the timeline's entry has no {name}"));
    }
    assert!(read("cause", None).is_ok() && read("entry", None).is_ok());
    for name in ["order_id", "time", "data"] {
        let error = read(name, Some("secret")).unwrap_err();
        assert!(matches!(error, Unreadable::Malformed(_)) && !error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn what_it_says_does_not_show() {
    let shown = format!("{:?}", entry(&fixture(EventType::OrderPlaced)).unwrap());
    assert!(shown.contains("ord_1/2/0") && !shown.contains("customer-mona"), "{shown}");
}

/// Moments as programs write them: whole seconds, milliseconds, and all nine digits.
fn moments() -> impl Strategy<Value = Timestamp> {
    let nanos = prop_oneof![Just(0), (0..1000).prop_map(|millis| millis * 1_000_000), 0..1_000_000_000];
    (0..3_i64, nanos).prop_map(|(second, nanos)| Timestamp::new(1_798_859_045 + second, nanos).unwrap())
}

proptest! {
    #[test]
    fn entries_stand_in_the_order_in_which_things_happened(one in moments(), other in moments()) {
        let at = |time: Timestamp| {
            let mut event = fixture(EventType::OrderConfirmed);
            event["time"] = json!(time.to_string());
            entry(&event).unwrap()
        };
        let (one, other) = (at(one), at(other));
        prop_assert_eq!(one.key().cmp(&other.key()), one.time.cmp(&other.time));
        prop_assert_eq!(read_back(&other), other);
    }
}
