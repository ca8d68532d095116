//! Events into JSON text.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::data::Payload;
use crate::event::Event;
use crate::extensions::ExtensionValue;

impl Event {
    /// The event in the JSON format. JSON data is copied as it was written.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(self.json_size());
        write_event(&mut out, self);
        out
    }

    /// About how long the JSON will be, so that it is written without moving it.
    fn json_size(&self) -> usize {
        let data = match &self.data {
            Payload::None => 0,
            Payload::Json(json) => json.get().len(),
            Payload::Text(text) => text.len() + text.len() / 16,
            Payload::Binary(bytes) => bytes.len().div_ceil(3) * 4,
        };
        let attributes = [&self.subject, &self.datacontenttype, &self.dataschema]
            .into_iter()
            .flatten()
            .chain([&self.id, &self.source, &self.ty])
            .chain(self.extensions.iter().flat_map(|(name, value)| match value {
                ExtensionValue::String(value) => [name, value],
                ExtensionValue::Boolean(_) | ExtensionValue::Integer(_) => [name, name],
            }))
            .map(String::len)
            .sum::<usize>();
        // 16 for the punctuation of each extension; 192 for that, the names and the time of the rest.
        data + attributes + self.extensions.len() * 16 + 192
    }
}

/// Writes a batch: an array of events in the JSON format.
pub fn batch_to_json<'a>(events: impl IntoIterator<Item = &'a Event>) -> String {
    let mut out = String::from("[");
    for (index, event) in events.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.reserve(event.json_size() + 1);
        write_event(&mut out, event);
    }
    out.push(']');
    out
}

fn write_event(out: &mut String, event: &Event) {
    out.push_str(r#"{"specversion":"1.0""#);
    write_attribute(out, "id", &event.id);
    write_attribute(out, "source", &event.source);
    write_attribute(out, "type", &event.ty);
    if let Some(subject) = &event.subject {
        write_attribute(out, "subject", subject);
    }
    if let Some(time) = event.time {
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, r#","time":"{time}""#);
    }
    if let Some(content_type) = &event.datacontenttype {
        write_attribute(out, "datacontenttype", content_type);
    }
    if let Some(schema) = &event.dataschema {
        write_attribute(out, "dataschema", schema);
    }
    for (name, value) in &event.extensions {
        match value {
            ExtensionValue::String(value) => write_attribute(out, name, value),
            ExtensionValue::Boolean(value) => {
                let _ = write!(out, r#","{name}":{value}"#);
            }
            ExtensionValue::Integer(value) => {
                let _ = write!(out, r#","{name}":{value}"#);
            }
        }
    }
    match &event.data {
        Payload::None => {}
        Payload::Json(json) => {
            out.push_str(r#","data":"#);
            out.push_str(json.get());
        }
        Payload::Text(text) => write_attribute(out, "data", text),
        Payload::Binary(bytes) => {
            out.push_str(r#","data_base64":""#);
            STANDARD.encode_string(bytes, out);
            out.push('"');
        }
    }
    out.push('}');
}

/// Writes a member with a string value. Names need no escapes.
fn write_attribute(out: &mut String, name: &str, value: &str) {
    out.push_str(",\"");
    out.push_str(name);
    out.push_str("\":");
    write_string(out, value);
}

fn write_string(out: &mut String, value: &str) {
    out.push('"');
    let mut written = 0;
    for (index, byte) in value.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&value[written..index]);
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        written = index + 1;
    }
    out.push_str(&value[written..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_serde_json_does() {
        let every: String = (0..0x300u32).filter_map(char::from_u32).collect();
        for value in ["", "plain", "\"", "a\\b\"c", "\n\r\t\x08\x0C\x00", "Euro € 😀 \u{7F}\u{2028}", &every] {
            let mut out = String::new();
            write_string(&mut out, value);
            assert_eq!(serde_json::from_str::<String>(&out).unwrap(), value);
        }
    }

    #[test]
    fn the_size_is_guessed_high_enough_for_one_allocation() {
        let event = Event::builder("id", "/source", "type")
            .subject("subject")
            .time("2018-04-05T17:31:00.123456789Z".parse().unwrap())
            .dataschema("https://example.com/schema")
            .extension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .extension("n", i32::MIN)
            .extension("flag", false)
            .data_json(b"[1,2,3]")
            .build()
            .unwrap();
        let json = event.to_json();
        assert!(json.len() <= event.json_size() && event.json_size() < json.len() + 192, "{}", json.len());
    }
}
