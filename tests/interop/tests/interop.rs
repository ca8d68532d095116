//! Every sample goes in every mode from here to each SDK, and from each SDK to here. Where an SDK deviates from the
//! specification, what it makes of the sample is written down in `as_read_by` and `as_written_by`, with the reason.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_cloudevents::http::{read, to_batched, to_binary, to_structured};
use tidegate_cloudevents::{Data, Event, EventBuilder, ExtensionValue, kafka};
use tidegate_interop::Language::{self, JavaScript, Python};
use tidegate_interop::{Message, Sdk};

const HTTP_BINARY: &str = "http binary";
const HTTP_STRUCTURED: &str = "http structured";
const HTTP_BATCHED: &str = "http batched";
const KAFKA_BINARY: &str = "kafka binary";
const KAFKA_STRUCTURED: &str = "kafka structured";
const MODES: [&str; 5] = [HTTP_BINARY, HTTP_STRUCTURED, HTTP_BATCHED, KAFKA_BINARY, KAFKA_STRUCTURED];

/// Ids of samples that an SDK treats in its own way.
const LIST: &str = "a-list";
const NUMBER: &str = "a-number";
const BARE: &str = "no-data";
const PERCENT: &str = "percent";

fn samples() -> Vec<Event> {
    let sample = |id: &str| {
        // With a time, because the JavaScript SDK gives every event without one its own; in milliseconds, its precision.
        Event::builder(id, "/gauges/north", "com.example.tide.measured")
            .time("2025-03-14T09:26:53.120Z".parse().unwrap())
    };
    let with_everything = sample("everything")
        .subject("Ebbe & Flut € 😀")
        .dataschema("https://tide.example.com/schema#measured")
        .extension("whole", -42)
        .extension("truth", true)
        .extension("text", "Zürich")
        .extension("partitionkey", "north")
        .extension("sequence", "0000000042")
        .extension("sequencetype", "Integer")
        .extension("correlationid", "7-311")
        .extension("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .extension("tracestate", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    [
        with_everything.data_json(r#"{"height_cm":312,"note":"Flut €","steps":[1,2.5,null,true]}"#.as_bytes()),
        sample(LIST).data_json(br#"["ebb","flood"]"#),
        sample(NUMBER).data_json(b"42"),
        sample("text").data_text("text/plain", "Ebbe & Flut €\n\"100%\""),
        sample("bytes").data_binary("application/octet-stream", [0, 255, 128, 13, 10]),
        sample("vendor").datacontenttype("application/vnd.example.tide+json").data_json(br#"{"a":1}"#),
        sample("claim-check").datacontenttype("text/plain").extension("dataref", "s3://payloads-example/events/1"),
        sample(BARE),
        sample(PERCENT).subject("100% \"high\" a+b %41 c\\d").data_json(b"{}"),
    ]
    .map(EventBuilder::build)
    .map(Result::unwrap)
    .to_vec()
}

/// What an SDK makes of a message that was written here, or nothing where it refuses it.
fn as_read_by(language: Language, mode: &str, event: &Event) -> Option<Event> {
    let expected = as_mode_keeps_it(mode, event);
    Some(match (language, mode, event.id()) {
        // It takes 42 for a text without quotes and adds them.
        (JavaScript, HTTP_BINARY, NUMBER) => expected.with_data_json(br#""42""#).unwrap(),
        // It knows JSON by two media types only, and leaves the others to the program as a text.
        (JavaScript, HTTP_BINARY | KAFKA_BINARY, "vendor") => expected.with_data_json(br#""{\"a\":1}""#).unwrap(),
        // It does not decode percent-encoding, which the binding has since 1.0.1.
        (JavaScript, HTTP_BINARY, _) => with_texts(&expected, percent_encoded),
        // It wants a value, so that it cannot read a tombstone.
        (JavaScript, KAFKA_BINARY, BARE | "claim-check") => return None,
        _ => expected,
    })
}

/// What is read here of a message that an SDK wrote, or nothing where it is refused.
fn as_written_by(language: Language, mode: &str, event: &Event) -> Option<Event> {
    let expected = as_mode_keeps_it(mode, event);
    Some(match (language, mode, event.id()) {
        // It writes lists as Python's source code, which is no JSON as soon as there are strings in them.
        (Python, HTTP_BINARY | KAFKA_BINARY, LIST) => return None,
        // It writes booleans as Python does, not as the canonical `true`.
        (Python, HTTP_BINARY | KAFKA_BINARY, "everything") => expected.with_extension("truth", "True").unwrap(),
        // It does not encode, so that a percent sign is a broken escape.
        (JavaScript, HTTP_BINARY, PERCENT) => return None,
        // It writes a content type of JSON where there is no data, and no content type.
        (JavaScript, HTTP_BINARY, BARE) => with_content_type(&expected, "application/json; charset=utf-8"),
        _ => expected,
    })
}

#[test]
fn each_sdk_reads_what_is_written_here() {
    for language in [Python, JavaScript] {
        let mut sdk = Sdk::start(language);
        for (mode, event) in cases() {
            let case = format!("{language:?}, {mode}, {}", event.id());
            match (sdk.read(mode, &written(mode, &event)), as_read_by(language, mode, &event)) {
                (Ok(read), Some(expected)) => {
                    let [read] = read.as_slice() else { panic!("{case}: {} events", read.len()) };
                    let read =
                        Event::from_json(read.to_string().as_bytes()).unwrap_or_else(|it| panic!("{case}: {it:?}"));
                    assert_same(&read, &expected, &case);
                }
                (Err(_), None) => {}
                (outcome, expected) => panic!("{case}: {outcome:?}, not {expected:?}"),
            }
        }
    }
}

#[test]
fn what_each_sdk_writes_is_read_here() {
    for language in [Python, JavaScript] {
        let mut sdk = Sdk::start(language);
        for (mode, event) in cases() {
            let case = format!("{language:?}, {mode}, {}", event.id());
            let message = sdk.write(mode, &serde_json::from_str(&event.to_json()).unwrap());
            let message = message.unwrap_or_else(|error| panic!("{case}: {error}"));
            match (read_here(mode, &message), as_written_by(language, mode, &event)) {
                (Ok(read), Some(expected)) => {
                    assert_same(&read, &expected, &case);
                    if mode.starts_with("kafka") {
                        assert_eq!(message.key.as_deref(), event.partitionkey(), "{case}: the key");
                    }
                }
                (Err(_), None) => {}
                (outcome, expected) => panic!("{case}: {outcome:?}, not {expected:?}"),
            }
        }
    }
}

#[test]
fn a_batch_arrives_whole() {
    let (headers, body) = to_batched(&samples());
    let message = message(&headers, body);
    for language in [Python, JavaScript] {
        let read = Sdk::start(language).read(HTTP_BATCHED, &message).unwrap();
        let ids: Vec<_> = read.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, samples().iter().map(|event| event.id().to_owned()).collect::<Vec<_>>(), "{language:?}");
    }
}

fn cases() -> impl Iterator<Item = (&'static str, Event)> {
    MODES.into_iter().flat_map(|mode| samples().into_iter().map(move |event| (mode, event)))
}

fn written(mode: &str, event: &Event) -> Message {
    let (headers, value) = match mode {
        HTTP_BINARY | HTTP_STRUCTURED | HTTP_BATCHED => {
            let (headers, body) = match mode {
                HTTP_BINARY => to_binary(event),
                HTTP_STRUCTURED => to_structured(event),
                _ => to_batched([event]),
            };
            return message(&headers, body);
        }
        KAFKA_BINARY => kafka::to_binary(event),
        _ => {
            let (headers, value) = kafka::to_structured(event);
            (headers, Some(value))
        }
    };
    let headers = headers.into_iter().map(|(name, value)| (name, String::from_utf8(value).unwrap())).collect();
    Message { headers, body: value, key: event.partitionkey().map(str::to_owned) }
}

fn message(headers: &HeaderMap, body: Vec<u8>) -> Message {
    let headers = headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    Message { headers, body: Some(body), key: None }
}

fn read_here(mode: &str, message: &Message) -> Result<Event, String> {
    if mode.starts_with("kafka") {
        return kafka::read(message.headers.iter().map(|(name, value)| (name, value)), message.body.as_deref())
            .map_err(|error| error.to_string());
    }
    let header = |(name, value): &(String, String)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let headers = message.headers.iter().map(header).collect();
    let mut received =
        read(&headers, message.body.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
    assert_eq!(received.events.len(), 1);
    Ok(received.events.remove(0))
}

/// Binary modes have no types of extensions.
fn as_mode_keeps_it(mode: &str, event: &Event) -> Event {
    if mode.ends_with("binary") { with_texts(event, str::to_owned) } else { event.clone() }
}

/// The same event with every attribute's text changed, and every extension a text.
fn with_texts(event: &Event, change: fn(&str) -> String) -> Event {
    let mut json: serde_json::Map<_, _> = serde_json::from_str(&event.to_json()).unwrap();
    for (name, value) in &mut json {
        if !["data", "data_base64", "datacontenttype", "time"].contains(&name.as_str()) {
            *value = change(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)).into();
        }
    }
    Event::from_json(serde_json::Value::from(json).to_string().as_bytes()).unwrap()
}

fn with_content_type(event: &Event, content_type: &str) -> Event {
    let mut json: serde_json::Map<_, _> = serde_json::from_str(&event.to_json()).unwrap();
    json.insert("datacontenttype".to_owned(), content_type.into());
    Event::from_json(serde_json::Value::from(json).to_string().as_bytes()).unwrap()
}

/// As the binding wants it, written here a second time so that a mistake there is seen.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'%' => format!("%{byte:02X}"),
            0x21..=0x7E => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// Compares attributes, and data by its value: JSON may be spelt otherwise, and a binding without null has no other way
/// to say that there is no data than no byte.
#[track_caller]
fn assert_same(read: &Event, expected: &Event, case: &str) {
    let bare = |event: &Event| event.clone().with_data(b"").unwrap();
    assert_eq!(bare(read), bare(expected), "{case}");
    match (read.data(), expected.data()) {
        (Data::Json(_), Data::Json(_)) => {
            let value = |event: &Event| event.data_as::<serde_json::Value>().unwrap();
            assert_eq!(value(read), value(expected), "{case}");
        }
        (read, expected) => {
            assert_eq!(read.bytes().unwrap_or_default(), expected.bytes().unwrap_or_default(), "{case}");
        }
    }
}

#[test]
fn percent_encoding_is_compared_with_another_hand() {
    let event = Event::builder("1", "/s", "t").extension("x", "Euro € \"100%\"").build().unwrap();
    assert_eq!(percent_encoded("Euro € \"100%\""), to_binary(&event).0["ce-x"].to_str().unwrap());
    assert_eq!(event.extension("x").and_then(ExtensionValue::as_str), Some("Euro € \"100%\""));
}
