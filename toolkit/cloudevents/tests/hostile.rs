//! Input made to hurt: it is refused or carried, within a moment, and nothing panics.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use tidegate_cloudevents::http::{Mode, read, to_batched, to_binary, to_structured};
use tidegate_cloudevents::json::batch_from_json;
use tidegate_cloudevents::messaging::{attributes, from_message, to_body};
use tidegate_cloudevents::{Data, DataError, Event, EventError, JsonError, extensions, kafka};

fn event_with_data(data: &str) -> Vec<u8> {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{data}}}"#).into_bytes()
}

#[test]
fn a_million_open_brackets_are_an_error() {
    for bracket in ["[", "{\"a\":"] {
        let deep = bracket.repeat(1_000_000);
        assert!(matches!(Event::from_json(deep.as_bytes()), Err(JsonError::Syntax(_))));
        assert!(matches!(Event::from_json(&event_with_data(&deep)), Err(JsonError::Syntax(_))));
        assert!(batch_from_json(deep.as_bytes()).is_err());
        assert!(from_message(deep.as_bytes()).is_err());
        let built = Event::builder("1", "/s", "t").data_json(deep.as_bytes()).build();
        assert!(matches!(built, Err(EventError::DataNotJson(_))));
    }
}

#[test]
fn a_million_balanced_brackets_are_carried_and_refused_where_they_are_read() {
    let deep = "[".repeat(1_000_000) + &"]".repeat(1_000_000);
    let event = Event::from_json(&event_with_data(&deep)).unwrap();
    assert!(event.to_json().contains(&deep));
    assert!(matches!(event.data_as::<serde_json::Value>(), Err(DataError::Shape(_))));
    let as_attribute = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","deep":{deep}}}"#);
    assert!(matches!(Event::from_json(as_attribute.as_bytes()), Err(JsonError::Type { .. })));
}

#[test]
fn odd_but_valid_json_is_carried_unchanged() {
    for data in [
        "1e999",
        "-0",
        "123456789012345678901234567890.000000000000000000001E-400",
        r#"{"a":1,"a":2,"a":{"a":3}}"#,
        r#""\ud800 alone""#,
        r#""\u0000""#,
        "\"\u{7F}\u{FFFF}\u{10FFFF}\"",
        "{ \"a\" :\r\n\t[ ] }",
        "null",
        "\"\"",
    ] {
        let event = Event::from_json(&event_with_data(data)).unwrap();
        assert!(matches!(event.data(), Data::Json(json) if json.get() == data), "{data}");
        assert!(event.to_json().ends_with(&format!(r#""data":{data}}}"#)), "{data}");
        let built = Event::builder("1", "/s", "t").data_json(format!(" {data}\n").as_bytes()).build().unwrap();
        assert!(matches!(built.data(), Data::Json(json) if json.get() == data), "{data}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    let whole = event_with_data("[1]");
    for end in 0..whole.len() {
        assert!(Event::from_json(&whole[..end]).is_err(), "cut at {end}");
    }
    for data in [
        "",
        "nul",
        "01",
        "1.",
        "'a'",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "\"\n\"",
        "\"\\x\"",
        "\"\\u12\"",
        "NaN",
        "1 2",
        "\u{FEFF}1",
    ] {
        assert!(matches!(Event::from_json(&event_with_data(data)), Err(JsonError::Syntax(_))), "{data}");
    }
    let mut not_utf8 = event_with_data("\"?\"");
    let place = not_utf8.iter().position(|byte| *byte == b'?').unwrap();
    not_utf8[place] = 0xFF;
    assert!(matches!(Event::from_json(&not_utf8), Err(JsonError::Syntax(_))));
    let trailing = [whole.as_slice(), b"{}"].concat();
    assert!(matches!(Event::from_json(&trailing), Err(JsonError::Syntax(_))));
    for json in ["[]", "\"a\"", "1", "null", " true "] {
        assert!(matches!(Event::from_json(json.as_bytes()), Err(JsonError::NotAnObject)), "{json}");
    }
}

#[test]
fn nul_and_unpaired_surrogates_in_attributes_are_refused() {
    for (escape, character) in
        [("\\u0000", true), ("\\n", true), ("\\u0085", true), ("\\uffff", true), ("\\udead", false)]
    {
        let json = format!(r#"{{"specversion":"1.0","id":"1{escape}","source":"/s","type":"t"}}"#);
        match Event::from_json(json.as_bytes()) {
            Err(JsonError::Event(EventError::Character { .. })) if character => {}
            Err(JsonError::Type { .. }) if !character => {}
            other => panic!("{escape}: {other:?}"),
        }
    }
    let pair = r#"{"specversion":"1.0","id":"\ud83d\ude00","source":"/s","type":"t"}"#;
    assert_eq!(Event::from_json(pair.as_bytes()).unwrap().id(), "😀");
}

#[test]
fn the_number_and_the_names_of_extensions_are_bounded() {
    let with = |count: usize| {
        let mut json = String::from(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t""#);
        for index in 0..count {
            write!(json, r#","x{index}":1"#).unwrap();
        }
        json + "}"
    };
    let most = Event::from_json(with(extensions::MAX_EXTENSIONS).as_bytes()).unwrap();
    let (headers, body) = to_binary(&most);
    assert_eq!(read(&headers, &body).unwrap().events[0].extensions().count(), extensions::MAX_EXTENSIONS);
    for count in [extensions::MAX_EXTENSIONS + 1, 200_000] {
        let error = Event::from_json(with(count).as_bytes());
        assert!(matches!(error, Err(JsonError::Event(EventError::TooManyExtensions))));
    }
    assert!(matches!(most.with_extension("onemore", 1), Err(EventError::TooManyExtensions)));

    let json = format!(r#"{{"specversion":"1.0","{}":1}}"#, "x".repeat(1_000_000));
    let error = Event::from_json(json.as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 200, "a sender's name does not fill the log");
}

#[test]
fn attributes_cannot_smuggle_headers() {
    let event = Event::builder("a: b\u{A0}", "/s?%0d%0a", "t%00")
        .subject("x\\\"; y")
        .data_text("text/plain", "\r\n")
        .build()
        .unwrap();
    let (headers, body) = to_binary(&event);
    assert_eq!(headers["ce-source"], "/s?%250d%250a");
    assert_eq!(read(&headers, &body).unwrap().events, [event]);
    let injected = Event::builder("1", "/s", "t").datacontenttype("text/plain\r\nx: y").build();
    assert!(matches!(injected, Err(EventError::MediaType)));
}

#[test]
fn years_that_rfc_3339_cannot_write_are_refused() {
    let event = Event::builder("1", "/s", "t").time(jiff::Timestamp::MIN).build();
    assert!(matches!(event, Err(EventError::Time)));
    let event = Event::builder("1", "/s", "t").time(jiff::Timestamp::MAX).build().unwrap();
    assert_eq!(Event::from_json(event.to_json().as_bytes()).unwrap(), event);
}

/// Everything that can be done with an event: it is written in every mode of every binding, and read back equal.
fn exercise(event: &Event) {
    let again = Event::from_json(event.to_json().as_bytes()).unwrap();
    assert_eq!(&again, event);
    for (headers, body) in [to_structured(event), to_batched([event])] {
        assert_eq!(read(&headers, &body).unwrap().events, std::slice::from_ref(event));
    }
    let (headers, value) = kafka::to_structured(event);
    assert_eq!(&kafka::read(headers, Some(&value)).unwrap(), event);

    // Binary mode has no types: what was read from it once comes back equal.
    let (headers, value) = kafka::to_binary(event);
    let untyped = kafka::read(headers, value.as_deref()).unwrap();
    assert_eq!(untyped.data().bytes(), event.data().bytes());
    let (headers, value) = kafka::to_binary(&untyped);
    assert_eq!(kafka::read(headers, value.as_deref()).unwrap(), untyped);
    let (headers, body) = to_binary(event);
    let received = read(&headers, &body).unwrap();
    assert_eq!(received.mode, Mode::Binary);
    let (headers, body) = to_binary(&received.events[0]);
    assert_eq!(read(&headers, &body).unwrap(), received);
    assert!(attributes(event).count() >= 2);
    from_message(to_body(event).as_bytes()).unwrap();
}

fn nearly_json() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "1",
        "-",
        "e9",
        "\"specversion\":\"1.0\"",
        "\"id\":\"1\"",
        "\"source\":\"/s\"",
        "\"type\":\"t\"",
        "\"data\":",
        "\"data_base64\":\"AA==\"",
        "\"x\":",
        "\"time\":\"2018-04-05T17:31:00Z\"",
        "\"datacontenttype\":\"text/plain\"",
        "\\",
        "\\u0000",
        "😀",
        " ",
    ]);
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn nearly_an_event() -> impl Strategy<Value = String> {
    let member = prop::sample::select(vec![
        r#""subject":null"#,
        r#""subject":"s""#,
        r#""data":{"a":[]}"#,
        r#""data":"a""#,
        r#""data_base64":"AA==""#,
        r#""data":null"#,
        r#""datacontenttype":"text/plain""#,
        r#""datacontenttype":"application/json""#,
        r#""x":1"#,
        r#""y":"\u00e9""#,
        r#""z":true"#,
        r#""x":1.5"#,
        r#""time":"2018-04-05T17:31:00+01:00""#,
        r#""time":"""#,
        r#""dataschema":"a:b""#,
    ]);
    proptest::collection::vec(member, 0..5).prop_map(|members| {
        let members: String = members.iter().flat_map(|member| [",", member]).collect();
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#)
    })
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
        let _ = Event::from_json(&bytes);
        let _ = batch_from_json(&bytes);
        let _ = from_message(&bytes);
        if let Ok(event) = Event::builder("1", "/s", "t").data_json(&bytes).build() {
            exercise(&event);
        }
    }

    #[test]
    fn no_jumble_of_json_makes_reading_panic(text in nearly_json()) {
        let _ = batch_from_json(text.as_bytes());
        if let Ok(event) = from_message(text.as_bytes()) {
            exercise(&event);
        }
    }

    #[test]
    fn whatever_is_read_can_be_written(text in nearly_an_event()) {
        if let Ok(event) = Event::from_json(text.as_bytes()) {
            exercise(&event);
        }
    }

    #[test]
    fn no_record_makes_reading_panic(
        list in proptest::collection::vec((
            prop::sample::select(vec!["ce_id", "ce_source", "ce_type", "ce_time", "ce_x", "ce_", "content-type", "ce_datacontenttype"]),
            prop_oneof![any::<Vec<u8>>(), "[a-z]/[a-z]{1,3}|application/(cloudevents\\+)?json".prop_map(String::into_bytes)],
        ), 0..8),
        value: Option<Vec<u8>>,
    ) {
        let version = ("ce_specversion", b"1.0".to_vec());
        if let Ok(event) = kafka::read(list.into_iter().chain([version]), value.as_deref()) {
            exercise(&event);
        }
    }

    #[test]
    fn no_headers_make_reading_panic(
        list in proptest::collection::vec((
            prop::sample::select(vec!["ce-id", "ce-source", "ce-type", "ce-time", "ce-subject", "ce-x", "ce-", "content-type", "ce-data"]),
            any::<Vec<u8>>(),
        ), 0..8),
        body: Vec<u8>,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("ce-specversion", HeaderValue::from_static("1.0"));
        for (name, value) in list {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        if let Ok(received) = read(&headers, &body) {
            received.events.iter().for_each(exercise);
        }
    }
}
