//! Events and commands as they travel: one fixture for each, read and written back. A fixture that was committed is
//! never edited but by adding to it: messages of its shape lie in queues while the next version is deployed.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_cloudevents::Event;
use tidegate_events::{
    About, Command, CommandError, CommandName, Envelope, EventType, OrderEvent, OrderPlaced, PaymentCommand, ReadError,
    SagaInput, StockCommand,
};

fn fixture(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn names(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
    files.map(|it| it.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The middle of a type's name.
fn word(event_type: EventType) -> &'static str {
    event_type.as_str().strip_prefix("com.tidegate.orders.").unwrap().strip_suffix(".v1").unwrap()
}

fn event(event_type: EventType) -> (String, Event) {
    let text = fixture(&format!("events/{}.json", word(event_type)));
    let event = Event::from_json(text.as_bytes()).unwrap();
    (text, event)
}

fn command(name: CommandName) -> (String, Envelope) {
    let text = fixture(&format!("commands/{name}.json"));
    let envelope = Envelope::from_json(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    (text, envelope)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_event_has_a_fixture_that_reads_and_is_written_back() {
    for event_type in EventType::ALL {
        let (text, event) = event(*event_type);
        let (order_id, happened) = OrderEvent::read(&event).unwrap_or_else(|error| panic!("{event_type:?}: {error}"));
        assert_eq!(happened.event_type(), *event_type);
        let cause = event.causationid().map(|it| it.parse().unwrap());
        let correlation_id = event.correlationid().map(|it| it.parse().unwrap());
        let about = About {
            order_id: &order_id,
            time: event.time().unwrap(),
            cause: cause.as_ref(),
            correlation_id: correlation_id.as_ref(),
            traceparent: event.traceparent(),
        };
        let written = happened.to_cloudevent(&about).id(event.id()).build().unwrap();
        assert_eq!(value(&written.to_json()), value(&text), "{event_type:?}");
    }
    assert_eq!(names("events"), EventType::ALL.iter().map(|it| word(*it).to_owned()).collect());
}

#[test]
fn every_command_has_a_fixture_that_reads_and_is_written_back() {
    for name in CommandName::ALL {
        let (text, envelope) = command(name);
        assert_eq!(envelope.command.name(), name);
        assert_eq!(value(&envelope.to_json()), value(&text));
    }
    assert_eq!(names("commands"), CommandName::ALL.iter().map(ToString::to_string).collect());
}

/// Every member that is written, with its kind: what goes from this list breaks readers.
#[test]
fn the_shapes_only_grow() {
    let mut shapes = Vec::new();
    for event_type in EventType::ALL {
        members(event_type.as_str(), &value(&event(*event_type).0)["data"], &mut shapes);
    }
    for name in CommandName::ALL {
        members(&format!("{name} {}", name.version()), &value(&command(name).0)["data"], &mut shapes);
    }
    members("command", &value(&command(CommandName::ReserveStock).0), &mut shapes);
    let input = SagaInput::of(&event(EventType::OrderPlaced).1).unwrap().unwrap();
    members("saga input", &serde_json::to_value(input).unwrap(), &mut shapes);
    insta::with_settings!({ snapshot_path => "fixtures", prepend_module_to_snapshot => false }, {
        insta::assert_snapshot!("shapes", shapes.join("\n"));
    });
}

fn members(at: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members_of) if members_of.is_empty() => found.push(format!("{at} {{}}")),
        Value::Object(members_of) => {
            members_of.iter().for_each(|(name, value)| members(&format!("{at} /{name}"), value, found));
        }
        Value::Array(entries) => entries.iter().take(1).for_each(|it| members(&format!("{at} []"), it, found)),
        Value::String(_) => found.push(format!("{at}: text")),
        Value::Number(_) => found.push(format!("{at}: number")),
        Value::Bool(_) | Value::Null => found.push(format!("{at}: other")),
    }
}

#[test]
fn members_of_a_newer_sender_are_passed_over() {
    fn grow(value: &mut Value) {
        match value {
            Value::Object(members) => {
                members.values_mut().for_each(grow);
                members.insert("new".to_owned(), json!({"made": "up"}));
            }
            Value::Array(entries) => entries.iter_mut().for_each(grow),
            _ => {}
        }
    }
    for name in CommandName::ALL {
        let (text, envelope) = command(name);
        let mut grown = value(&text);
        grow(&mut grown);
        assert_eq!(Envelope::from_json(grown.to_string().as_bytes()).unwrap(), envelope);
    }
    for event_type in EventType::ALL {
        let (text, event) = event(*event_type);
        let mut grown = value(&text);
        grow(&mut grown["data"]);
        let newer = Event::from_json(grown.to_string().as_bytes()).unwrap();
        assert_eq!(OrderEvent::read(&newer).unwrap(), OrderEvent::read(&event).unwrap());
    }
}

#[test]
fn a_saga_sends_no_token_no_correlation_and_no_trace_as_null_too() {
    let mut body = value(&fixture("commands/CapturePayment.json"));
    for absent in ["task_token", "correlation_id", "traceparent"] {
        body[absent] = Value::Null;
    }
    let envelope = Envelope::from_json(body.to_string().as_bytes()).unwrap();
    assert_eq!((envelope.task_token, envelope.correlation_id, envelope.traceparent), (None, None, None));
}

#[test]
fn what_is_no_command_is_refused_without_being_quoted() {
    let good = value(&fixture("commands/ReserveStock.json"));
    let changed = |pointer: &str, to: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = to;
        let error = Envelope::from_json(body.to_string().as_bytes()).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        error
    };
    assert_eq!(changed("/command", json!("Secret")), CommandError::UnknownCommand);
    let newer = CommandError::UnknownVersion { command: CommandName::ReserveStock, version: 2 };
    assert_eq!(changed("/version", json!(2)), newer);
    for (pointer, to) in [
        ("/order_id", json!("secret")),
        ("/task_token", json!("")),
        ("/data", json!({})),
        ("/data/lines/0/quantity", json!(0)),
        ("/data/lines/0/quantity", json!("secret")),
        ("/data/lines/0/sku", json!("a secret")),
        ("/data/lines/1/sku", json!("tide-table")),
    ] {
        assert!(matches!(changed(pointer, to), CommandError::Malformed { .. }), "{pointer}");
    }
}

#[test]
fn what_is_no_event_of_an_order_is_refused() {
    let changed = |member: &str, to: Value| {
        let mut event = value(&fixture("events/stock-reserved.json"));
        event[member] = to;
        OrderEvent::read(&Event::from_json(event.to_string().as_bytes()).unwrap()).unwrap_err()
    };
    assert_eq!(changed("type", json!("com.tidegate.orders.stock-reserved.v2")), ReadError::UnknownType);
    assert_eq!(changed("source", json!("/webhooks/somebody")), ReadError::UnknownType);
    assert_eq!(changed("subject", json!("somebody")), ReadError::NoOrder);
    assert_eq!(changed("data", json!({"lines": []})), ReadError::Data { event_type: EventType::StockReserved });
}

#[test]
fn two_commands_follow_from_events_and_are_named_by_them() {
    let mut following = Vec::new();
    for event_type in EventType::ALL {
        let event = event(*event_type).1;
        following.extend(Envelope::following(&event).unwrap().map(|it| (*event_type, event, it)));
    }
    let [(stop_of, event, stop), (ship_of, _, ship)] = &following[..] else { panic!("{following:?}") };
    assert_eq!((*stop_of, *ship_of), (EventType::OrderCancellationRequested, EventType::OrderConfirmed));
    assert_eq!(stop.command, Command::Payment(PaymentCommand::Stop {}));
    assert_eq!(ship.command, Command::Stock(StockCommand::Ship {}));
    assert_eq!((stop.command_id.as_str(), &stop.task_token), ("/orders/ord_1/2/0", &None));
    assert_eq!(stop.order_id.as_str(), event.subject().unwrap());
    assert_eq!(stop.traceparent.as_deref(), event.traceparent());
}

#[test]
fn the_service_is_told_of_what_a_person_has_undone_by_hand() {
    let mut answered = value(&event(EventType::CompensationAnswered).0);
    let mut following = |step: CommandName, answer: &str| {
        answered["data"] = json!({"step": step, "answer": answer});
        let event = Event::from_json(answered.to_string().as_bytes()).unwrap();
        Envelope::following(&event).unwrap().map(|it| (it.command.name(), it.task_token))
    };
    for step in CommandName::ALL {
        let expected = match step {
            CommandName::CancelShipment | CommandName::ReleaseStock => Some((step, None)),
            CommandName::UndoPayment => Some((CommandName::SettlePayment, None)),
            _ => None,
        };
        assert_eq!(following(step, "resolved"), expected, "{step}");
        assert_eq!(following(step, "retry"), None, "{step}");
    }
}

#[test]
fn a_saga_is_started_with_what_its_steps_need() {
    let input = SagaInput::of(&event(EventType::OrderPlaced).1).unwrap().unwrap();
    insta::with_settings!({ snapshot_path => "fixtures", prepend_module_to_snapshot => false }, {
        insta::assert_json_snapshot!("saga-input", input);
    });
    assert_eq!(SagaInput::of(&event(EventType::OrderConfirmed).1).unwrap(), None);
    let OrderEvent::OrderPlaced(OrderPlaced { total, .. }) =
        OrderEvent::read(&event(EventType::OrderPlaced).1).unwrap().1
    else {
        panic!()
    };
    assert_eq!(input.amount, total);
}

#[test]
fn what_is_paid_with_and_where_people_live_does_not_show() {
    for event_type in EventType::ALL {
        let shown = format!("{:?}", OrderEvent::read(&event(*event_type).1).unwrap());
        assert!(!["pm_made_up", "Mona", "Harbour"].iter().any(|it| shown.contains(it)), "{shown}");
    }
    for name in CommandName::ALL {
        let shown = format!("{:?}", command(name).1);
        assert!(!["pm_made_up", "Mona", "Harbour", "made-up-token"].iter().any(|it| shown.contains(it)), "{shown}");
    }
}

proptest! {
    #[test]
    fn nothing_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::from_json(&bytes);
        let _ = tidegate_events::PlaceOrder::parse(&bytes);
    }

    #[test]
    fn nothing_panics_on_a_command_with_anything_in_it(name in 0..CommandName::ALL.len(), text in ".*", number: i64) {
        let name = CommandName::ALL[name].as_str();
        let data = json!({"lines": [{"sku": text, "quantity": number}], "amount": number, "status": text, "reason": text});
        let body = json!({"command": name, "version": 1, "command_id": "a", "order_id": "ord_1", "data": data});
        let _ = Envelope::from_json(body.to_string().as_bytes());
    }
}
