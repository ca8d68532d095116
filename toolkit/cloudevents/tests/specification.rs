//! The examples and rules of the CloudEvents 1.0.2 documents, as far as they can be tried.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;
use tidegate_cloudevents::http::{Mode, read, to_batched, to_binary, to_structured};
use tidegate_cloudevents::json::{batch_from_json, batch_to_json};
use tidegate_cloudevents::{Data, DataError, Event, EventError, ExtensionValue, HttpError, JsonError, extensions};

fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap()))
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}

/// An event as the JSON format's examples have it, with these members in addition.
fn example(members: &str) -> String {
    let sep = if members.is_empty() { "" } else { "," };
    format!(
        r#"{{"specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "subject": null,
        "id" : "C234-1234-1234", "time" : "2018-04-05T17:31:00Z", "comexampleextension1" : "value",
        "comexampleothervalue" : 5{sep}{members}}}"#
    )
}

fn parse(members: &str) -> Result<Event, JsonError> {
    Event::from_json(example(members).as_bytes())
}

/// An event's HTTP message in binary mode, as text.
fn binary(event: &Event) -> (Vec<(String, String)>, String) {
    let (headers, body) = to_binary(event);
    let mut list: Vec<_> =
        headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    list.sort();
    (list, String::from_utf8(body).unwrap())
}

/// The headers that the JSON format's examples have when sent in binary mode.
fn example_headers(content_type: &str) -> Vec<(String, String)> {
    [
        ("ce-comexampleextension1", "value"),
        ("ce-comexampleothervalue", "5"),
        ("ce-id", "C234-1234-1234"),
        ("ce-source", "/mycontext"),
        ("ce-specversion", "1.0"),
        ("ce-time", "2018-04-05T17:31:00Z"),
        ("ce-type", "com.example.someevent"),
        ("content-type", content_type),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

#[test]
fn the_fixture_reads_as_it_says() {
    let event = Event::from_json(include_bytes!("fixtures/push.json")).unwrap();
    assert_eq!(event.id(), "72d3162e-cc78-11e3-81ab-4c9367dc0958");
    assert_eq!(event.source(), "/webhooks/github");
    assert_eq!(event.ty(), "com.github.push");
    assert_eq!(event.subject(), Some("octo-harbour/tide-tables"));
    assert_eq!(event.time(), Some("2025-03-14T09:26:53Z".parse().unwrap()));
    assert_eq!(event.datacontenttype(), Some("application/json"));
    assert_eq!(event.dataschema(), None);
    let traceparent = event.extension(extensions::TRACEPARENT).and_then(ExtensionValue::as_str);
    assert_eq!(traceparent, Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert_eq!(event.extensions().map(|(name, _)| name).collect::<Vec<_>>(), ["partitionkey", "traceparent"]);
    let data: serde_json::Value = event.data_as().unwrap();
    assert_eq!(data["pusher"]["name"], "mona-example");
}

#[test]
fn an_event_is_written_in_one_order_without_white_space() {
    let event = Event::builder("1", "/s", "t")
        .extension("zeta", true)
        .extension("alpha", -7)
        .subject("a \"quote\"")
        .time("2018-04-05T17:31:00Z".parse().unwrap())
        .dataschema("https://example.com/schema")
        .data_json(b" {\"a\": 1} ")
        .build()
        .unwrap();
    assert_eq!(
        event.to_json(),
        concat!(
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"a \"quote\"","#,
            r#""time":"2018-04-05T17:31:00Z","datacontenttype":"application/json","#,
            r#""dataschema":"https://example.com/schema","alpha":-7,"zeta":true,"data":{"a": 1}}"#,
        )
    );
}

#[test]
fn binary_data_is_base64_in_json_and_itself_in_http() {
    let event = parse(
        r#""datacontenttype":"application/vnd.apache.thrift.binary","data_base64":"dGhyaWZ0\/w=="#.to_owned().as_str(),
    );
    assert!(matches!(event, Err(JsonError::Syntax(_))), "the string is not closed");
    let event =
        parse(r#""datacontenttype":"application/vnd.apache.thrift.binary","data_base64":"dGhyaWZ0\/w==""#).unwrap();
    assert!(matches!(event.data(), Data::Binary(b"thrift\xFF")));
    assert!(event.to_json().ends_with(r#","data_base64":"dGhyaWZ0/w=="}"#));
    let (headers, body) = to_binary(&event);
    assert_eq!(headers["content-type"], "application/vnd.apache.thrift.binary");
    assert_eq!(body, b"thrift\xFF");
}

#[test]
fn xml_is_a_string_in_json_and_itself_in_http() {
    let event =
        parse(r#""unsetextension":null,"datacontenttype":"application/xml","data":"<much wow=\"xml\"/>""#).unwrap();
    assert!(matches!(event.data(), Data::Text(r#"<much wow="xml"/>"#)));
    assert_eq!(event.extension("unsetextension"), None);
    assert_eq!(binary(&event), (example_headers("application/xml"), r#"<much wow="xml"/>"#.to_owned()));
}

#[test]
fn json_is_itself_in_json_and_in_http() {
    let data = r#"{ "appinfoA" : "abc", "appinfoB" : 123, "appinfoC" : true }"#;
    let event = parse(&format!(r#""datacontenttype":"application/json","data":{data}"#)).unwrap();
    assert!(matches!(event.data(), Data::Json(json) if json.get() == data));
    assert_eq!(binary(&event), (example_headers("application/json"), data.to_owned()));
}

#[test]
fn data_without_a_content_type_is_json_and_http_says_so() {
    let event = parse(r#""data" : "I'm just a string""#).unwrap();
    assert_eq!(event.datacontenttype(), None);
    assert_eq!(event.data_as::<String>().unwrap(), "I'm just a string");
    assert_eq!(binary(&event), (example_headers("application/json"), r#""I'm just a string""#.to_owned()));
}

#[test]
fn a_string_of_json_is_not_parsed_again() {
    let event = parse(r#""datacontenttype":"application/json","data":"{\"a\":1}""#).unwrap();
    assert_eq!(event.data_as::<String>().unwrap(), r#"{"a":1}"#);
}

#[test]
fn null_data_is_a_json_value_and_not_a_text() {
    assert!(matches!(parse(r#""data":null"#).unwrap().data(), Data::Json(json) if json.get() == "null"));
    assert!(parse(r#""data":null,"datacontenttype":"text/plain""#).unwrap().data().is_none());
    assert!(parse(r#""data_base64":null"#).unwrap().data().is_none());
    assert!(parse("").unwrap().data().is_none());
}

#[test]
fn extensions_have_types_in_json_and_none_in_http() {
    let event = parse(r#""flag":true,"empty":"","low":-2147483648,"escaped":"a\/b\u00e9""#).unwrap();
    assert_eq!(event.extension("flag"), Some(&ExtensionValue::Boolean(true)));
    assert_eq!(event.extension("low"), Some(&ExtensionValue::Integer(i32::MIN)));
    assert_eq!(event.extension("empty").unwrap().as_str(), Some(""));
    assert_eq!(event.extension("escaped").unwrap().as_str(), Some("a/bé"));
    let (headers, body) = to_binary(&event);
    let back = read(&headers, &body).unwrap().events.remove(0);
    assert_eq!(back.extension("flag").unwrap().as_str(), Some("true"));
    assert_eq!(back.extension("low").unwrap().as_str(), Some("-2147483648"));
}

#[test]
fn members_of_wrong_types_are_refused() {
    for members in [
        r#""a":[1]"#,
        r#""a":{}"#,
        r#""a":1.0"#,
        r#""a":1e3"#,
        r#""a":2147483648"#,
        r#""a":99999999999999999999999"#,
        r#""a":"\ud800""#,
        r#""datacontenttype":1"#,
        r#""dataschema":true"#,
    ] {
        assert!(matches!(parse(members), Err(JsonError::Type { .. })), "{members}");
    }
    for (members, data) in
        [(r#""data":{"a":1}"#, "text/xml"), (r#""data":"\udead""#, "text/xml"), (r#""data":5"#, "a/b")]
    {
        let event = parse(&format!(r#"{members},"datacontenttype":"{data}""#));
        assert!(matches!(event, Err(JsonError::DataNotText)), "{members}");
    }
    for members in [r#""data_base64":5"#, r#""data_base64":"a""#, r#""data_base64":"AA""#, r#""data_base64":"A A=""#] {
        assert!(matches!(parse(members), Err(JsonError::Base64)), "{members}");
    }
    assert!(matches!(parse(r#""data":1,"data_base64":"AA==""#), Err(JsonError::DataTwice)));
    assert!(matches!(parse(r#""data_base64":"AA==","data":null"#), Err(JsonError::DataTwice)));
}

#[test]
fn members_are_there_once_however_they_are_spelt() {
    for members in [r#""id":"2""#, r#""\u0069d":"2""#, r#""x":1,"x":1"#, r#""x":null,"x":1"#, r#""data":1,"data":1"#] {
        assert!(matches!(parse(members), Err(JsonError::Duplicate(_))), "{members}");
    }
}

#[test]
fn names_outside_the_alphabet_are_refused() {
    for members in [r#""Subject":"a""#, r#""trace-parent":"a""#, r#""":"a""#, r#""data_base65":null"#] {
        assert!(matches!(parse(members), Err(JsonError::Event(EventError::Name(_)))), "{members}");
    }
}

#[test]
fn required_attributes_are_required() {
    let all = [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t")];
    for (missing, _) in all {
        let rest: serde_json::Map<_, _> = all
            .iter()
            .filter(|(name, _)| *name != missing)
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        let error = Event::from_json(json!(rest).to_string().as_bytes());
        assert!(matches!(error, Err(JsonError::Event(EventError::Missing(name))) if name == missing), "{missing}");

        let mut with_null = rest.clone();
        with_null.insert(missing.to_owned(), json!(null));
        let error = Event::from_json(json!(with_null).to_string().as_bytes());
        assert!(matches!(error, Err(JsonError::Event(EventError::Missing(name))) if name == missing), "{missing}");

        let list: Vec<_> = all
            .iter()
            .filter(|(name, _)| *name != missing)
            .map(|(name, value)| (format!("ce-{name}"), *value))
            .collect();
        let list: Vec<_> = list.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let error = read(&headers(&list), b"");
        if missing == "specversion" {
            assert!(matches!(error, Err(HttpError::NotACloudEvent)));
        } else {
            assert!(matches!(error, Err(HttpError::Event(EventError::Missing(name))) if name == missing), "{missing}");
        }
    }
    for version in ["0.3", "1.0.2", "", "1"] {
        let event = format!(r#"{{"specversion":"{version}","id":"1","source":"/s","type":"t"}}"#);
        assert!(
            matches!(Event::from_json(event.as_bytes()), Err(JsonError::Event(EventError::SpecVersion))),
            "{version}"
        );
    }
}

#[test]
fn attributes_that_are_there_are_not_empty() {
    for (id, source, ty) in [("", "/s", "t"), ("1", "", "t"), ("1", "/s", "")] {
        assert!(matches!(Event::builder(id, source, ty).build(), Err(EventError::Empty(_))));
    }
    let minimal = || Event::builder("1", "/s", "t");
    assert!(matches!(minimal().subject("").build(), Err(EventError::Empty("subject"))));
    assert!(matches!(minimal().dataschema("").build(), Err(EventError::Empty("dataschema"))));
    assert!(matches!(minimal().datacontenttype("").build(), Err(EventError::MediaType)));
}

#[test]
fn data_has_to_fit_its_content_type() {
    let minimal = || Event::builder("1", "/s", "t");
    let unlike = |event: Result<Event, _>| assert!(matches!(event, Err(EventError::DataUnlikeContentType)));
    unlike(minimal().data_text("application/json", "{}").build());
    unlike(minimal().data_json(b"{}").datacontenttype("text/xml").build());
    assert!(matches!(minimal().data_json(b"{").build(), Err(EventError::DataNotJson(_))));
    assert!(matches!(minimal().data_json(b"{} {}").build(), Err(EventError::DataNotJson(_))));
    assert!(matches!(minimal().data_json(b"").build(), Err(EventError::DataNotJson(_))));
    let event = minimal().datacontenttype("application/vnd.example+json").data_of(&[1, 2]).build().unwrap();
    assert_eq!(event.datacontenttype(), Some("application/vnd.example+json"));
    let event = minimal().data_binary("application/json", *b"[1]").build().unwrap();
    assert_eq!(event.data_as::<Vec<u8>>().unwrap(), [1]);
    let event = minimal().data_binary("application/json", *b"[1").build();
    assert!(matches!(event, Err(EventError::DataNotJson(_))));
    let event = minimal().data_text("text/plain", "[1]").build().unwrap();
    assert!(matches!(event.data_as::<Vec<u8>>(), Err(DataError::NotJson)));
    assert!(matches!(minimal().build().unwrap().data_as::<Vec<u8>>(), Err(DataError::Absent)));
}

#[test]
fn a_binary_message_is_read() {
    let message = headers(&[
        ("CE-SpecVersion", "1.0"),
        ("ce-type", "com.example.someevent"),
        ("ce-time", "2018-04-05T03:56:24Z"),
        ("ce-id", "1234-1234-1234"),
        ("ce-source", "/mycontext/subcontext"),
        ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ("ce-comexample", "\"quoted \\\"value\\\"\""),
        ("Content-Type", "application/json; charset=utf-8"),
        ("Content-Length", "9"),
    ]);
    let received = read(&message, b"{\"a\": 1}\n").unwrap();
    assert_eq!(received.mode, Mode::Binary);
    let [event] = received.events.as_slice() else { panic!("one event") };
    assert_eq!(event.subject(), Some("Euro € 😀"));
    assert_eq!(event.extension("comexample").unwrap().as_str(), Some("quoted \"value\""));
    assert_eq!(event.datacontenttype(), Some("application/json; charset=utf-8"));
    assert!(matches!(event.data(), Data::Json(json) if json.get() == "{\"a\": 1}"));
    assert_eq!(to_binary(event).0["ce-subject"], "Euro%20%E2%82%AC%20%F0%9F%98%80");
}

#[test]
fn a_binary_body_is_what_its_content_type_says() {
    let minimal = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-id", "1"), ("ce-source", "/s")];
    let event = |content_type: Option<&'static str>, body: &[u8]| {
        let list: Vec<_> = minimal.into_iter().chain(content_type.map(|value| ("content-type", value))).collect();
        read(&headers(&list), body).map(|mut received| received.events.remove(0))
    };
    assert!(matches!(event(Some("text/plain"), b"a").unwrap().data(), Data::Text("a")));
    assert!(matches!(event(Some("text/plain"), b"\xFF").unwrap().data(), Data::Binary(b"\xFF")));
    assert!(matches!(event(Some("text/plain; charset=latin1"), b"a").unwrap().data(), Data::Binary(b"a")));
    assert!(matches!(event(Some("application/pdf"), b"a").unwrap().data(), Data::Binary(b"a")));
    assert!(matches!(event(None, b"{}").unwrap().data(), Data::Binary(b"{}")));
    assert!(event(None, b"").unwrap().data().is_none());
    assert!(event(Some("application/json"), b"").unwrap().data().is_none());
    for (content_type, body) in [(Some("application/json"), &b"I'm just a string"[..]), (Some("a/b+json"), b"\"\xFF\"")]
    {
        assert!(matches!(event(content_type, body), Err(HttpError::Event(EventError::DataNotJson(_)))));
    }
    assert!(matches!(event(Some("json"), b"{}"), Err(HttpError::Event(EventError::MediaType))));
    assert!(matches!(event(Some("text/pläin"), b"{}"), Err(HttpError::Event(EventError::MediaType))));
}

#[test]
fn headers_that_break_the_binding_are_refused() {
    let with = |more: &[(&str, &str)]| {
        let minimal = [("ce-specversion", "1.0"), ("ce-type", "t"), ("ce-id", "1"), ("ce-source", "/s")];
        let list: Vec<_> = minimal.iter().chain(more).copied().collect();
        read(&headers(&list), b"")
    };
    assert!(with(&[("ce-subject", "s")]).is_ok());
    assert!(matches!(with(&[("ce-id", "2")]), Err(HttpError::Repeated(name)) if name == "ce-id"));
    assert!(matches!(with(&[("ce-x", "2"), ("ce-x", "2")]), Err(HttpError::Repeated(_))));
    assert!(matches!(with(&[("content-type", "a/b"), ("content-type", "a/b")]), Err(HttpError::Repeated(_))));
    assert!(matches!(with(&[("ce-datacontenttype", "a/b")]), Err(HttpError::DataContentType)));
    assert!(matches!(with(&[("ce-my-extension", "a")]), Err(HttpError::Event(EventError::Name(_)))));
    assert!(matches!(with(&[("ce-data", "a")]), Err(HttpError::Event(EventError::ReservedName(_)))));
    assert!(matches!(with(&[("ce-subject", "")]), Err(HttpError::Event(EventError::Empty("subject")))));
    assert!(matches!(with(&[("ce-subject", "100%")]), Err(HttpError::Encoding(name)) if name == "ce-subject"));
    assert!(matches!(with(&[("ce-x", "a%00")]), Err(HttpError::Event(EventError::Character { character: 0, .. }))));
    assert!(matches!(with(&[("ce-x", "a%0D%0Ab: c")]), Err(HttpError::Event(EventError::Character { .. }))));
    assert!(matches!(with(&[("ce-time", "yesterday")]), Err(HttpError::Event(EventError::Time))));
}

#[test]
fn the_content_type_chooses_the_mode() {
    let one = example(r#""data":1"#);
    let two = format!("[{one},{one}]");
    for (content_type, body, mode, count) in [
        ("application/cloudevents+json", one.as_str(), Mode::Structured, 1),
        ("Application/CloudEvents+JSON; charset=\"UTF-8\"", &one, Mode::Structured, 1),
        ("application/cloudevents-batch+json", &two, Mode::Batched, 2),
        ("application/cloudevents-batch+json;charset=utf-8", "[]", Mode::Batched, 0),
    ] {
        let received =
            read(&headers(&[("content-type", content_type), ("ce-id", "ignored")]), body.as_bytes()).unwrap();
        assert_eq!((received.mode, received.events.len()), (mode, count), "{content_type}");
    }
    for content_type in [
        "application/cloudevents",
        "application/cloudevents+avro",
        "application/cloudevents-batch+avro",
        "application/cloudevents+json; charset=utf-16",
    ] {
        let error = read(&headers(&[("content-type", content_type), ("ce-specversion", "1.0")]), one.as_bytes());
        assert!(matches!(error, Err(HttpError::Format)), "{content_type}");
    }
    let plain = read(&headers(&[("content-type", "application/json")]), one.as_bytes());
    assert!(matches!(plain, Err(HttpError::NotACloudEvent)));
    let mixed_up = read(&headers(&[("content-type", "application/cloudevents+json")]), two.as_bytes());
    assert!(matches!(mixed_up, Err(HttpError::Json(JsonError::NotAnObject))));
    let mixed_up = read(&headers(&[("content-type", "application/cloudevents-batch+json")]), one.as_bytes());
    assert!(matches!(mixed_up, Err(HttpError::Json(JsonError::NotAnArray))));
}

#[test]
fn structured_and_batched_messages_say_what_they_are() {
    let event = parse(r#""data":1"#).unwrap();
    let (headers, body) = to_structured(&event);
    assert_eq!(headers["content-type"], "application/cloudevents+json; charset=utf-8");
    assert_eq!(body, event.to_json().as_bytes());
    let (headers, body) = to_batched([&event, &event]);
    assert_eq!(headers["content-type"], "application/cloudevents-batch+json; charset=utf-8");
    assert_eq!(body, format!("[{0},{0}]", event.to_json()).as_bytes());
    assert_eq!(batch_to_json([]), "[]");
}

#[test]
fn a_wrong_event_in_a_batch_is_named_by_its_place() {
    let batch = format!("[{0}, {0}, 5]", example(""));
    let Err(JsonError::InBatch { index: 2, source }) = batch_from_json(batch.as_bytes()) else { panic!("the third") };
    assert!(matches!(*source, JsonError::NotAnObject));
    assert!(matches!(batch_from_json(format!("[{}", example("")).as_bytes()), Err(JsonError::Syntax(_))));
    assert!(matches!(batch_from_json(b"[] []"), Err(JsonError::Syntax(_))));
}

#[test]
fn a_claim_check_drops_the_data_and_puts_it_back() {
    let original = parse(r#""data":{"a":1}"#).unwrap();
    let checked = original.clone().with_dataref("s3://payloads-example/payloads/1").unwrap();
    assert!(checked.data().is_none());
    assert_eq!(checked.dataref(), Some("s3://payloads-example/payloads/1"));
    let arrived = Event::from_json(checked.to_json().as_bytes()).unwrap();
    assert_eq!(arrived.dataref_to_fetch(), checked.dataref());

    let stored = original.data().bytes().unwrap();
    let restored = arrived.clone().with_data(stored).unwrap();
    assert!(matches!(restored.data(), Data::Json(json) if json.get() == r#"{"a":1}"#));
    assert_eq!((restored.dataref_to_fetch(), restored.dataref()), (None, checked.dataref()));
    assert_eq!(arrived.with_data_json(stored).unwrap(), restored);

    let text = Event::builder("1", "/s", "t").data_text("text/plain", "a").build().unwrap();
    assert!(matches!(text.clone().with_dataref("a b"), Err(EventError::Uri("dataref"))));
    let text = text.with_dataref("/kept").unwrap();
    assert!(matches!(text.clone().with_data_json(b"1"), Err(EventError::DataUnlikeContentType)));
    assert!(matches!(text.with_data(b"b").unwrap().data(), Data::Text("b")));
}

#[test]
fn an_event_can_be_renamed_but_not_to_nothing() {
    let event = parse("").unwrap();
    assert_eq!(event.clone().with_id("2").unwrap().id(), "2");
    assert!(matches!(event.clone().with_id(""), Err(EventError::Empty("id"))));
    assert!(matches!(event.with_id("a\nb"), Err(EventError::Character { .. })));
}

#[test]
fn an_extension_can_be_set_on_an_event() {
    let event = parse("").unwrap().with_extension(extensions::SEQUENCE, "0042").unwrap();
    assert_eq!(event.extension("sequence").unwrap().to_string(), "0042");
    let name = |name| parse("").unwrap().with_extension(name, 1);
    assert!(matches!(name("id"), Err(EventError::ReservedName(_))));
    assert!(matches!(name("Sequence"), Err(EventError::Name(_))));
}

#[test]
fn debug_output_and_errors_do_not_show_the_data() {
    let event = parse(r#""data":{"secret":"It's a Secret to Everybody"}"#).unwrap();
    let shown = format!("{event:?}");
    assert!(
        shown.contains("C234-1234-1234") && shown.contains("Json(39 bytes)") && !shown.contains("Everybody"),
        "{shown}"
    );
    for body in [r#""It's a Secret""#, r#"{"a":"It's a Secret","a":1}"#, r#"{"id":"It's a Secret"}"#, "It's a Secret"] {
        let error = Event::from_json(body.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("Secret"), "{error:?}");
    }
}
