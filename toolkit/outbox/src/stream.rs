//! What Lambda hands over from a DynamoDB stream with the view type `NEW_IMAGE` or `NEW_AND_OLD_IMAGES`.

use aws_lambda_events::dynamodb::{Event, EventRecord};
use serde_dynamo::AttributeValue::{N, S};
use serde_dynamo::Item;

use crate::image::{Image, Unreadable};
use crate::ports::Record;

/// The records in the order in which Lambda gave them.
#[must_use]
pub fn records(event: &Event) -> Vec<Record> {
    event.records.iter().map(record).collect()
}

fn record(record: &EventRecord) -> Record {
    // Without a number the checkpoint is empty, which Lambda takes for "all failed": the safe side.
    let sequence = record.change.sequence_number.clone().unwrap_or_default();
    let image = match record.event_name.as_str() {
        "REMOVE" => Ok(None),
        _ => image(&record.change.new_image),
    };
    Record::new(sequence, image)
}

/// Rows of other kinds may stand in the table; they have neither `outbox` nor `version`. A record without any image is no
/// such row but a stream that does not show what was written, and to pass it over would lose everything.
fn image(item: &Item) -> Result<Option<Image>, Unreadable> {
    if item.is_empty() {
        return Err(Unreadable { id: String::new(), attribute: "NewImage" });
    }
    if !item.contains_key("outbox") && !item.contains_key("version") {
        return Ok(None);
    }
    Image::read(|name| match item.get(name) {
        Some(S(text) | N(text)) => Some(text.as_str()),
        _ => None,
    })
    .map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;

    fn parse(json: serde_json::Value) -> Vec<Record> {
        records(&serde_json::from_value(serde_json::json!({ "Records": json })).unwrap())
    }

    fn change(name: &str, sequence: &str, image: serde_json::Value) -> serde_json::Value {
        serde_json::json!({
            "eventID": "0d1f", "eventName": name, "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2025-01-01T00:00:00.000",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_735_689_600.0, "Keys": { "id": { "S": "order-17" } },
                "NewImage": image, "SequenceNumber": sequence, "SizeBytes": 300, "StreamViewType": "NEW_IMAGE"
            }
        })
    }

    fn aggregate(outbox: &str) -> serde_json::Value {
        serde_json::json!({
            "id": { "S": "order-17" }, "version": { "N": "3" }, "state": { "S": "{\"lines\": 1}" },
            "proofs": { "S": "[]" }, "outbox": { "S": outbox }
        })
    }

    #[test]
    fn a_new_image_shows_its_messages() {
        let outbox = r#"[{"event":{"specversion":"1.0","id":"order-17/3/0","source":"/orders","type":"placed"}},
            {"reply":{"command":"saga-17/Place","token":"made-up-token","reply":{"success":{"output":{"ok":true}}}}}]"#;
        let records = parse(serde_json::json!([change("MODIFY", "111", aggregate(outbox))]));
        assert_eq!(records[0].sequence(), "111");
        let image = records[0].image().unwrap().unwrap();
        assert_eq!((image.aggregate().as_str(), image.version().0), ("order-17", 3));
        let [Message::Event(event), Message::Reply { reply, .. }] = image.outbox() else { panic!("{image:?}") };
        assert_eq!(event.id(), "order-17/3/0");
        assert_eq!(*reply, crate::Reply::success(&serde_json::json!({ "ok": true })).unwrap());
    }

    #[test]
    fn deleted_items_and_rows_of_other_kinds_have_no_messages() {
        let other = serde_json::json!({ "id": { "S": "counter" }, "count": { "N": "1" } });
        let records =
            parse(serde_json::json!([change("REMOVE", "1", serde_json::Value::Null), change("INSERT", "2", other)]));
        assert!(records.iter().all(|record| record.image() == Ok(None)));
    }

    #[test]
    fn what_cannot_be_read_is_never_passed_over() {
        let mut without_outbox = aggregate("[]");
        without_outbox.as_object_mut().unwrap().remove("outbox");
        let records = parse(serde_json::json!([
            change("MODIFY", "1", aggregate(r#"[{"event":{}}]"#)),
            change("MODIFY", "2", serde_json::Value::Null),
            change("INSERT", "3", without_outbox)
        ]));
        let named: Vec<_> = records.iter().map(|record| record.image().unwrap_err().attribute).collect();
        assert_eq!(named, ["outbox", "NewImage", "outbox"]);
    }
}
