//! SNS and SQS: the event in the JSON format as the message's body, and some attributes as message attributes.
//!
//! There is no official binding to these services. This one is what their users do: the body alone is the event, and
//! the message attributes repeat what subscriptions filter on.

use serde::Deserialize;

use crate::error::JsonError;
use crate::event::Event;

/// Writes the body of a message.
///
/// SQS keeps [no U+FFFE and U+FFFF](https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)
/// and puts other characters in their place; JSON data may have them, and they are written as escapes here.
pub fn to_body(event: &Event) -> String {
    let json = event.to_json();
    // In UTF-8 both start with EF, which has hardly any other use in most of the world's text.
    if !json.as_bytes().contains(&0xEF) {
        return json;
    }
    // Only strings contain them in valid JSON, so an escape means the same.
    json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
}

/// The message attributes (of type String) for subscriptions to filter on: `type`, `source`, and `subject` where there
/// is one. None is empty, which SNS would refuse.
pub fn attributes(event: &Event) -> impl Iterator<Item = (&'static str, &str)> {
    [("type", Some(event.ty())), ("source", Some(event.source())), ("subject", event.subject())]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .filter(|(_, value)| !value.is_empty())
}

/// Reads the body of a message. A subscription without raw delivery wraps it in SNS's own JSON; that is seen through.
pub fn from_message(body: &[u8]) -> Result<Event, JsonError> {
    Event::from_json(body).or_else(|error| match serde_json::from_slice::<Notification>(body) {
        Ok(notification) if notification.kind == "Notification" => Event::from_json(notification.message.as_bytes()),
        _ => Err(error),
    })
}

/// The parts of an [SNS notification](https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html) that
/// matter here.
#[derive(Deserialize)]
struct Notification {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Message")]
    message: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::EventError;

    fn event() -> Event {
        Event::builder("1", "/webhooks/github", "com.github.push")
            .subject("octo-harbour/tide-tables")
            .data_json(br#"{"ref":"refs/heads/main"}"#)
            .build()
            .unwrap()
    }

    #[test]
    fn attributes_are_what_subscriptions_filter_on() {
        assert_eq!(
            attributes(&event()).collect::<Vec<_>>(),
            [("type", "com.github.push"), ("source", "/webhooks/github"), ("subject", "octo-harbour/tide-tables")]
        );
        let plain = Event::builder("1", "/s", "t").build().unwrap();
        assert_eq!(attributes(&plain).collect::<Vec<_>>(), [("type", "t"), ("source", "/s")]);
    }

    #[test]
    fn a_body_comes_back_raw_or_wrapped() {
        let body = to_body(&event());
        assert_eq!(from_message(body.as_bytes()).unwrap(), event());
        let wrapped = serde_json::json!({
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": "arn:aws:sns:us-east-1:000000000000:tidegate-events",
            "Message": body,
            "MessageAttributes": {"type": {"Type": "String", "Value": "com.github.push"}},
        });
        assert_eq!(from_message(wrapped.to_string().as_bytes()).unwrap(), event());
    }

    #[test]
    fn what_is_no_event_is_told_as_such() {
        assert!(matches!(from_message(b"plain text"), Err(JsonError::Syntax(_))));
        assert!(matches!(from_message(b"{}"), Err(JsonError::Event(EventError::Missing("specversion")))));
        assert!(matches!(from_message(br#"{"Type":"Notification","Message":"hello"}"#), Err(JsonError::Syntax(_))));
        assert!(matches!(
            from_message(br#"{"Type":"SubscriptionConfirmation","Message":"{}"}"#),
            Err(JsonError::Event(EventError::Name(_)))
        ));
    }

    #[test]
    fn characters_that_sqs_would_replace_are_escaped_in_the_body() {
        let data = "{\"a\u{FFFE}\":\"\u{FFFF}\u{FFFD}ﬁ\"}";
        let event = Event::builder("1", "/s", "t").data_json(data.as_bytes()).build().unwrap();
        let body = to_body(&event);
        assert!(!body.contains(['\u{FFFE}', '\u{FFFF}']));
        let read: std::collections::BTreeMap<String, String> =
            from_message(body.as_bytes()).unwrap().data_as().unwrap();
        assert_eq!(read, serde_json::from_str(data).unwrap());
    }
}
