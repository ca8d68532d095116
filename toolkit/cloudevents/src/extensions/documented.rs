//! What the documents of extensions ask of their attributes.
//!
//! An event that is made here keeps these rules. One that is read may break them, because an intermediary need not
//! care; the attribute is then as good as absent, which is what
//! [W3C Trace Context](https://www.w3.org/TR/trace-context/) asks for by name.

use std::collections::BTreeMap;

use crate::attribute;
use crate::error::EventError;
use crate::extensions::{
    CAUSATIONID, CORRELATIONID, DATAREF, ExtensionValue, PARTITIONKEY, SEQUENCE, SEQUENCETYPE, TRACEPARENT, TRACESTATE,
};

/// The sequence type that the document defines; all others are somebody's own.
pub(super) const INTEGER: &str = "Integer";

/// Checks one attribute. Of other extensions nothing is known.
pub(crate) fn check(name: &str, value: &ExtensionValue) -> Result<(), EventError> {
    let (name, expected, keeps): (_, _, fn(&str) -> bool) = match name {
        TRACEPARENT => (TRACEPARENT, "a W3C traceparent", is_traceparent),
        TRACESTATE => (TRACESTATE, "a W3C tracestate", is_tracestate),
        DATAREF => (DATAREF, "a URI-reference", |value| attribute::check_uri_reference(DATAREF, value).is_ok()),
        PARTITIONKEY => (PARTITIONKEY, TEXT, is_filled),
        SEQUENCE => (SEQUENCE, TEXT, is_filled),
        SEQUENCETYPE => (SEQUENCETYPE, TEXT, is_filled),
        CORRELATIONID => (CORRELATIONID, TEXT, is_filled),
        CAUSATIONID => (CAUSATIONID, TEXT, is_filled),
        _ => return Ok(()),
    };
    if value.as_str().is_some_and(keeps) { Ok(()) } else { Err(EventError::Extension { name, expected }) }
}

/// Checks all attributes, each alone and then those that need another.
pub(crate) fn check_all(extensions: &BTreeMap<String, ExtensionValue>) -> Result<(), EventError> {
    extensions.iter().try_for_each(|(name, value)| check(name, value))?;
    for (attribute, needed) in [(TRACESTATE, TRACEPARENT), (SEQUENCETYPE, SEQUENCE)] {
        if extensions.contains_key(attribute) && !extensions.contains_key(needed) {
            return Err(EventError::Missing(needed));
        }
    }
    let text = |name| extensions.get(name).and_then(ExtensionValue::as_str);
    let is_integer = text(SEQUENCE).is_some_and(|sequence| sequence.parse::<i32>().is_ok());
    if text(SEQUENCETYPE) == Some(INTEGER) && !is_integer {
        return Err(EventError::Extension { name: SEQUENCE, expected: "an integer of 32 bits, as its type says" });
    }
    Ok(())
}

const TEXT: &str = "a string with at least one character";

fn is_filled(value: &str) -> bool {
    !value.is_empty()
}

/// [`version-trace-parent-flags`](https://www.w3.org/TR/trace-context/#traceparent-header), to which versions after 00
/// may add.
fn is_traceparent(value: &str) -> bool {
    let mut fields = value.split('-');
    let mut hex = |digits: usize| {
        fields.next().filter(|field| {
            field.len() == digits && field.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
    };
    let (Some(version), Some(trace), Some(parent), Some(_flags)) = (hex(2), hex(32), hex(16), hex(2)) else {
        return false;
    };
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    version != "ff" && !is_zero(trace) && !is_zero(parent) && (version != "00" || fields.next().is_none())
}

/// [A list](https://www.w3.org/TR/trace-context/#tracestate-header) of at most 32 members `key=value`; empty ones do not
/// count.
fn is_tracestate(value: &str) -> bool {
    let members: Vec<_> = value.split(',').map(str::trim).filter(|member| !member.is_empty()).collect();
    let mut keys = Vec::with_capacity(members.len().min(32));
    members.len() <= 32
        && members.into_iter().all(|member| {
            let Some((key, value)) = member.split_once('=') else { return false };
            let is_new = !keys.contains(&key);
            keys.push(key);
            is_new && is_trace_key(key) && is_trace_value(value)
        })
}

fn is_trace_key(key: &str) -> bool {
    let is_start = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=256).contains(&key.len())
        && key.bytes().next().is_some_and(is_start)
        && key.bytes().all(|byte| is_start(byte) || b"_-*/@".contains(&byte))
}

fn is_trace_value(value: &str) -> bool {
    (1..=256).contains(&value.len()) && value.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn made(extensions: &[(&str, &str)]) -> Result<Event, EventError> {
        let start = Event::builder("1", "/s", "t");
        extensions.iter().fold(start, |builder, (name, value)| builder.extension(*name, *value)).build()
    }

    fn read(members: &str) -> Event {
        let json = format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t",{members}}}"#);
        Event::from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn a_traceparent_is_what_the_w3c_says() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings";
        for good in [PARENT, later] {
            assert_eq!(made(&[("traceparent", good)]).unwrap().traceparent(), Some(good));
        }
        for bad in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert!(matches!(made(&[("traceparent", bad)]), Err(EventError::Extension { .. })), "{bad}");
        }
    }

    #[test]
    fn a_tracestate_is_a_list_of_the_w3c_and_needs_its_traceparent() {
        let most: Vec<_> = (0..32).map(|index| format!("k{index}=v")).collect();
        for good in ["rojo=00f067aa0ba902b7", "a@b=1, ,c/d=!@#$%^&*() x,", "0a=x", "", &most.join(",")] {
            let event = made(&[("traceparent", PARENT), ("tracestate", good)]).unwrap();
            assert_eq!(event.tracestate(), Some(good));
        }
        let long = format!("k={}", "v".repeat(257));
        for bad in
            ["a", "=a", "A=1", "@a=1", "a=1,a=2", "a=b=c", "a=", "a=é", &long, &format!("{},x=y", most.join(","))]
        {
            let event = made(&[("traceparent", PARENT), ("tracestate", bad)]);
            assert!(matches!(event, Err(EventError::Extension { name: "tracestate", .. })), "{bad}");
        }
        assert!(matches!(made(&[("tracestate", "a=1")]), Err(EventError::Missing("traceparent"))));
        assert_eq!(read(r#""tracestate":"a=1""#).tracestate(), None);
    }

    #[test]
    fn keys_and_ids_have_at_least_one_character() {
        let names = ["partitionkey", "correlationid", "causationid", "sequence"];
        for name in names {
            assert!(matches!(made(&[(name, "")]), Err(EventError::Extension { name: it, .. }) if it == name));
            let number = made(&[]).unwrap().with_extension(name, 5);
            assert!(matches!(number, Err(EventError::Extension { name: it, .. }) if it == name));
        }
        let event = made(&names.map(|name| (name, "a"))).unwrap();
        let read = [event.partitionkey(), event.correlationid(), event.causationid(), event.sequence()];
        assert_eq!(read, [Some("a"); 4]);
        assert!(matches!(made(&[("dataref", "a b")]), Err(EventError::Extension { name: "dataref", .. })));
    }

    #[test]
    fn a_sequence_of_integers_is_one_whatever_pads_it() {
        for (sequence, integer) in [("1", 1), ("0000000042", 42), ("2147483647", i32::MAX), ("-2147483648", i32::MIN)] {
            let event = made(&[("sequence", sequence), ("sequencetype", "Integer")]).unwrap();
            assert_eq!((event.sequence(), event.sequence_integer()), (Some(sequence), Some(integer)));
        }
        let wrong = made(&[("sequence", "2147483648"), ("sequencetype", "Integer")]);
        assert!(matches!(wrong, Err(EventError::Extension { name: "sequence", .. })));
        assert!(matches!(made(&[("sequencetype", "Integer")]), Err(EventError::Missing("sequence"))));
        let own = made(&[("sequence", "01JD"), ("sequencetype", "com.example.ulid")]).unwrap();
        assert_eq!((own.sequencetype(), own.sequence_integer()), (Some("com.example.ulid"), None));
        assert_eq!(made(&[("sequence", "1")]).unwrap().sequence_integer(), None);
    }

    #[test]
    fn what_others_get_wrong_is_carried_and_not_believed() {
        let event = read(r#""traceparent":"00-abc","partitionkey":"","sequence":7,"correlationid":true"#);
        assert_eq!((event.traceparent(), event.partitionkey()), (None, None));
        assert_eq!((event.sequence(), event.correlationid()), (None, None));
        assert_eq!(Event::from_json(event.to_json().as_bytes()).unwrap(), event);
        assert!(event.with_extension("x", 1).is_ok());
    }

    #[test]
    fn an_event_says_what_caused_it() {
        let first = made(&[("traceparent", PARENT), ("tracestate", "a=1")]).unwrap();
        let second = Event::builder("2", "/s", "t").caused_by(&first).build().unwrap();
        assert_eq!((second.causationid(), second.correlationid()), (Some("1"), Some("1")));
        assert_eq!((second.traceparent(), second.tracestate()), (Some(PARENT), Some("a=1")));
        let third = Event::builder("3", "/s", "t").caused_by(&second).build().unwrap();
        assert_eq!((third.causationid(), third.correlationid()), (Some("2"), Some("1")));
        let odd = read(r#""traceparent":"00-abc""#);
        assert_eq!(Event::builder("2", "/s", "t").caused_by(&odd).build().unwrap().traceparent(), None);
    }
}
