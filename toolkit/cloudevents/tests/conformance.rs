//! Every scenario of the official conformance suite (<https://github.com/cloudevents/conformance>: the features of the
//! HTTP and Kafka bindings, and the cases of the JSON format), with events of our own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_cloudevents::http::Mode;
use tidegate_cloudevents::json::{batch_from_json, batch_to_json};
use tidegate_cloudevents::{Event, EventError, ExtensionValue, HttpError, JsonError, KafkaError};
use tidegate_cloudevents::{http as binding, kafka};

const DATA: &str = r#"{"height_cm": 312}"#;
const ATTRIBUTES: [(&str, &str); 5] = [
    ("specversion", "1.0"),
    ("type", "com.example.tide.measured"),
    ("time", "2025-03-14T09:26:53Z"),
    ("id", "7-311-42"),
    ("source", "/gauges/north"),
];
const STRUCTURED: &str = r#"{
    "specversion": "1.0", "type": "com.example.tide.measured", "time": "2025-03-14T09:26:53Z", "id": "7-311-42",
    "source": "/gauges/north", "datacontenttype": "application/json", "data": {"height_cm": 312}
}"#;
/// How a sender may spell the media type of a JSON text, and of an event.
const SPELLINGS: [&str; 2] = ["", "; charset=utf-8"];

fn assert_is_the_measurement(event: &Event, content_type: &str) {
    assert_eq!((event.id(), event.source(), event.ty()), ("7-311-42", "/gauges/north", "com.example.tide.measured"));
    assert_eq!(event.time(), Some("2025-03-14T09:26:53Z".parse().unwrap()));
    assert_eq!(event.datacontenttype(), Some(content_type));
    assert_eq!(event.data_as::<serde_json::Value>().unwrap(), serde_json::json!({"height_cm": 312}));
    assert_eq!((event.subject(), event.dataschema(), event.extensions().count()), (None, None, 0));
}

fn headers<'a>(list: impl IntoIterator<Item = (String, &'a str)>) -> HeaderMap {
    let pair = |(name, value): (String, &str)| {
        (HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    list.into_iter().map(pair).collect()
}

fn content_type(value: &str) -> (String, &str) {
    ("Content-Type".to_owned(), value)
}

#[test]
fn http_in_binary_mode_is_read() {
    for spelling in SPELLINGS {
        let media_type = format!("application/json{spelling}");
        let attributes = ATTRIBUTES.iter().map(|(name, value)| (format!("ce-{name}"), *value));
        let others = [("Host".to_owned(), "tide.example.com"), content_type(&media_type)];
        let received = binding::read(&headers(attributes.chain(others)), DATA.as_bytes()).unwrap();
        assert_eq!((received.mode, received.events.len()), (Mode::Binary, 1));
        assert_is_the_measurement(&received.events[0], &media_type);
    }
}

#[test]
fn http_in_structured_mode_is_read() {
    for spelling in SPELLINGS {
        let media_type = format!("application/cloudevents+json{spelling}");
        let received = binding::read(&headers([content_type(&media_type)]), STRUCTURED.as_bytes()).unwrap();
        assert_eq!((received.mode, received.events.len()), (Mode::Structured, 1));
        assert_is_the_measurement(&received.events[0], "application/json");
    }
}

#[test]
fn kafka_in_binary_mode_is_read() {
    let attributes = ATTRIBUTES.iter().map(|(name, value)| (format!("ce_{name}"), *value));
    let record = attributes.chain([("content-type".to_owned(), "application/json")]);
    assert_is_the_measurement(&kafka::read(record, Some(DATA.as_bytes())).unwrap(), "application/json");
}

#[test]
fn kafka_in_structured_mode_is_read() {
    for spelling in SPELLINGS {
        let media_type = format!("application/cloudevents+json{spelling}");
        let event = kafka::read([content_type(&media_type)], Some(STRUCTURED.as_bytes())).unwrap();
        assert_is_the_measurement(&event, "application/json");
    }
}

/// What makes an event whole, and these members after it.
fn event(members: &str) -> String {
    let separator = if members.is_empty() { "" } else { "," };
    format!(
        r#"{{"specversion":"1.0","id":"1","type":"com.example.tide","source":"https://tide.example.com"{separator}{members}}}"#
    )
}

#[test]
fn valid_json_is_an_event() {
    let read = |members: &str| Event::from_json(event(members).as_bytes()).unwrap();
    let minimal = read("");
    assert_eq!(read(r#""datacontenttype":null,"dataschema":null,"subject":null,"time":null"#), minimal);

    let all = read(
        r#""datacontenttype":"text/plain","dataschema":"https://tide.example.com/schema","subject":"north",
        "time":"2025-03-14T09:26:53Z""#,
    );
    assert_eq!(all.subject(), Some("north"));
    assert_eq!(all.dataschema(), Some("https://tide.example.com/schema"));
    assert!(all.data().is_none());
    for time in ["09:26:53Z", "09:26:53.000000000Z", "10:26:53+01:00", "08:26:53-01:00"] {
        assert_eq!(read(&format!(r#""time":"2025-03-14T{time}""#)).time(), all.time(), "{time}");
    }

    let relative = r##"{"specversion":"1.0","id":"1","type":"t","source":"#north"}"##;
    assert_eq!(Event::from_json(relative.as_bytes()).unwrap().source(), "#north");
    let text = read(r#""datacontenttype":"text/plain","data":"High water""#);
    assert_eq!(text.data().bytes(), Some(&b"High water"[..]));

    let extended = read(
        r#""whole":10,"truth":true,"text":"a","uri":"https://tide.example.com","reference":"//authority/path",
        "timestamp":"2025-03-14T09:26:53Z","bytes":"TWE=""#,
    );
    assert_eq!(extended.extension("whole"), Some(&ExtensionValue::Integer(10)));
    assert_eq!(extended.extension("truth"), Some(&ExtensionValue::Boolean(true)));
    for (name, value) in [("text", "a"), ("reference", "//authority/path"), ("bytes", "TWE=")] {
        assert_eq!(extended.extension(name).and_then(ExtensionValue::as_str), Some(value));
    }

    for batch in [vec![], vec![minimal.clone()], vec![minimal.clone(); 2], vec![minimal, all, extended]] {
        assert_eq!(batch_from_json(batch_to_json(&batch).as_bytes()).unwrap(), batch);
    }
}

#[test]
fn invalid_json_is_none() {
    let refused = |json: &str| Event::from_json(json.as_bytes()).unwrap_err();
    for missing in ["specversion", "id", "type", "source"] {
        let all = [("specversion", "1.0"), ("id", "1"), ("type", "t"), ("source", "/s")];
        let rest: serde_json::Map<_, _> = all
            .iter()
            .filter(|(name, _)| *name != missing)
            .map(|(name, it)| ((*name).to_owned(), (*it).into()))
            .collect();
        let error = refused(&serde_json::Value::from(rest).to_string());
        assert!(matches!(error, JsonError::Event(EventError::Missing(name)) if name == missing), "{missing}");

        // Empty, or of another type.
        for value in ["\"\"", "25", "{}"] {
            let members = all.map(|(name, it)| {
                let right = format!("\"{it}\"");
                format!("\"{name}\":{}", if name == missing { value } else { right.as_str() })
            });
            refused(&format!("{{{}}}", members.join(",")));
        }
    }
    let old = r#"{"specversion":"0.9","id":"1","type":"t","source":"/s"}"#;
    assert!(matches!(refused(old), JsonError::Event(EventError::SpecVersion)));

    for time in ["low tide", "2025-03-14T09:26Z", "2025-03-14T09:26:53X"] {
        assert!(
            matches!(refused(&event(&format!(r#""time":"{time}""#))), JsonError::Event(EventError::Time)),
            "{time}"
        );
    }
    for offset in ["+25:00", "+xx:00", "+05"] {
        let json = event(&format!(r#""time":"2025-03-14T09:26:53{offset}""#));
        assert!(matches!(refused(&json), JsonError::Event(EventError::Time)), "{offset}");
    }
    for (members, what) in [
        (r#""datacontenttype":"xyz""#, "no media type"),
        (r#""datacontenttype":"""#, "an empty content type"),
        (r#""dataschema":"""#, "an empty schema"),
        (r#""subject":"""#, "an empty subject"),
        (r#""MyExtension":"a""#, "a name in capitals"),
        (r#""my.extension":"a""#, "a name with a full stop"),
        (r#""myextension":1.5"#, "a number that is not whole"),
        (r#""data":"text","data_base64":"dGV4dA==""#, "data twice"),
    ] {
        assert!(Event::from_json(event(members).as_bytes()).is_err(), "{what}");
    }

    let old = event("").replace("1.0", "0.9");
    for (batch, index) in [
        (format!("[{},{old}]", event("")), 1),
        (r#"[{"specversion":"1.0","type":"t","source":"/s"}]"#.to_owned(), 0),
        (format!(r#"["not an object",{}]"#, event("")), 0),
    ] {
        let error = batch_from_json(batch.as_bytes());
        assert!(matches!(error, Err(JsonError::InBatch { index: it, .. }) if it == index), "{batch}");
    }
}

// What the Kafka binding's own text says beyond the suite.

fn record<'a>(more: &[(&'a str, &'a [u8])]) -> Vec<(&'a str, &'a [u8])> {
    let minimal: [(&str, &[u8]); 4] =
        [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_source", b"/gauges/north"), ("ce_type", b"t")];
    minimal.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn kafka_headers_are_utf_8_and_not_percent_encoded() {
    let event = Event::builder("1", "/s", "t").subject("Euro € 100%").extension("flag", true).build().unwrap();
    let (headers, value) = kafka::to_binary(&event);
    let subject = headers.iter().find(|(name, _)| name == "ce_subject").unwrap();
    assert_eq!(subject.1, "Euro € 100%".as_bytes());
    let read = kafka::read(headers, value.as_deref()).unwrap();
    assert_eq!((read.subject(), read.extension("flag").unwrap().as_str()), (event.subject(), Some("true")));
    assert_eq!(kafka::read(record(&[("ce_subject", b"100%25")]), None).unwrap().subject(), Some("100%25"));
    let error = kafka::read(record(&[("ce_subject", b"\xFF")]), None);
    assert!(matches!(error, Err(KafkaError::Encoding(name)) if name == "ce_subject"));
}

#[test]
fn no_data_is_a_tombstone_in_binary_mode_and_an_event_in_structured_mode() {
    let event = Event::builder("1", "/s", "t").build().unwrap();
    assert_eq!(kafka::to_binary(&event).1, None);
    assert_eq!(kafka::to_structured(&event).1, event.to_json().as_bytes());
    assert!(kafka::read(record(&[]), None).unwrap().data().is_none());

    let (headers, value) =
        kafka::to_binary(&Event::builder("1", "/s", "t").data_text("text/plain", "").build().unwrap());
    assert_eq!(value.as_deref(), Some(&b""[..]), "an empty text is not a tombstone");
    assert!(!kafka::read(headers, value.as_deref()).unwrap().data().is_none());
    let empty = record(&[("content-type", b"application/json")]);
    assert!(kafka::read(empty, Some(b"")).unwrap().data().is_none(), "some senders have no null");
}

#[test]
fn kafka_headers_that_break_the_binding_are_refused() {
    let read = |more: &[(&str, &[u8])]| kafka::read(record(more), None);
    assert!(read(&[("Content-Type", b"text/plain"), ("other", b"\xFF"), ("other", b"")]).is_ok());
    assert!(matches!(read(&[("ce_id", b"2")]), Err(KafkaError::Repeated(name)) if name == "ce_id"));
    assert!(matches!(read(&[("content-type", b"a/b"), ("Content-Type", b"a/b")]), Err(KafkaError::Repeated(_))));
    assert!(matches!(read(&[("ce_My", b"a")]), Err(KafkaError::Event(EventError::Name(_)))));
    assert!(matches!(read(&[("ce_data", b"a")]), Err(KafkaError::Event(EventError::ReservedName(_)))));
    assert!(matches!(read(&[("ce_x", b"a\nb")]), Err(KafkaError::Event(EventError::Character { .. }))));
    assert!(matches!(read(&[("ce_time", b"now")]), Err(KafkaError::Event(EventError::Time))));
    assert!(matches!(kafka::read([("content-type", "text/plain")], None), Err(KafkaError::NotACloudEvent)));

    let said_twice = read(&[("content-type", b"text/plain"), ("ce_datacontenttype", b"text/plain")]).unwrap();
    assert_eq!(said_twice.datacontenttype(), Some("text/plain"));
    let differs = read(&[("content-type", b"text/plain"), ("ce_datacontenttype", b"text/xml")]);
    assert!(matches!(differs, Err(KafkaError::DataContentType)));

    for format in ["application/cloudevents+avro", "Application/CloudEvents-batch+json", "application/cloudevents"] {
        let error = read(&[("content-type", format.as_bytes())]);
        assert!(matches!(error, Err(KafkaError::Format)), "{format}");
    }
    let structured = kafka::read([("content-type", "application/cloudevents+json")], None);
    assert!(matches!(structured, Err(KafkaError::Json(JsonError::Syntax(_)))));
}

#[test]
fn what_http_refuses_for_its_headers_it_names() {
    let attributes = ATTRIBUTES.iter().map(|(name, value)| (format!("ce-{name}"), *value));
    let error = binding::read(&headers(attributes.chain([("ce-x".to_owned(), "100%")])), b"");
    assert!(matches!(error, Err(HttpError::Encoding(name)) if name == "ce-x"));
}
