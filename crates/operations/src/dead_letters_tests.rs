use serde_json::json;

use super::*;
use crate::queues::{Attribute, MemoryQueues};

fn queue() -> DeadLetterQueue {
    DeadLetterQueue {
        source: "http://localhost/0/orders".to_owned(),
        letters: "http://localhost/0/orders-dlq".to_owned(),
    }
}

async fn with_letters(count: usize) -> MemoryQueues {
    let queues = MemoryQueues::default();
    for number in 0..count {
        let attributes = ["type", "reason", "error"].map(|name| (name.to_owned(), Attribute::text(name)));
        queues.send(&queue().letters, &json!({"id": number.to_string()}).to_string(), attributes.into()).await.unwrap();
    }
    queues
}

#[test]
fn a_dead_letter_is_named_by_its_event_or_by_its_command() {
    let event = json!({"type": "com.github.push", "id": "d-1"});
    assert_eq!(named(&event, Some("another")), (Some("com.github.push"), Some("d-1")));
    let command = json!({"command": "UndoPayment", "command_id": "ord_1/UndoPayment"});
    assert_eq!(named(&command, None), (Some("UndoPayment"), Some("ord_1/UndoPayment")));
    assert_eq!(named(&Value::Null, Some("com.github.push")), (Some("com.github.push"), None));
}

#[test]
fn reason_attributes_stay_behind_and_all_others_go_along() {
    let names = ["type", "source", "subject", "reason", "error", "function", "failed_at", "reasonable"];
    let kept = without_reasons(names.map(|name| (name.to_owned(), Attribute::text(""))).into());
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["reasonable", "source", "subject", "type"]);
}

#[tokio::test]
async fn looking_leaves_every_dead_letter_where_it_is() {
    let queues = with_letters(3).await;
    assert_eq!(list(&queues, vec![queue()], 2).await.unwrap().len(), 2);
    let shown = show(&queues, vec![queue()], "m-2").await.unwrap();
    assert_eq!((shown.attribute("reason"), shown.event().1.as_deref()), (Some("reason"), Some("1")));
    assert!(show(&queues, vec![queue()], "m-9").await.is_err());
    assert_eq!(queues.depth(&queue().letters).await.unwrap().waiting, 3);
}

#[tokio::test]
async fn one_dead_letter_or_all_of_them_go_back_as_they_first_came() {
    let queues = with_letters(23).await;
    let one = redrive(&queues, vec![queue()], "m-2").await.unwrap();
    assert_eq!((one.message.as_str(), one.queue.as_str()), ("m-2", "orders"));
    let mut rest = Vec::new();
    redrive_all(&queues, &queue(), |moved| rest.push(moved)).await.unwrap();
    assert_eq!(rest.len(), 22);
    assert!(queues.messages(&queue().letters).is_empty());
    let back = queues.messages(&queue().source);
    assert_eq!(back.len(), 23);
    assert!(back.iter().all(|message| message.attributes.keys().eq(["type"])));
}

#[test]
fn a_dead_letter_queue_is_found_by_each_of_its_names() {
    let both = crate::resources::Queue {
        url: "http://q/0/t-orders".to_owned(),
        dead_letters: Some("http://q/0/t-orders-dlq".to_owned()),
    };
    let without = crate::resources::Queue { url: "http://q/0/t-quick".to_owned(), dead_letters: None };
    let resources = Resources { queues: vec![both, without], ..Resources::default() };
    for name in ["t-orders", "orders", "t-orders-dlq", "orders-dlq"] {
        assert_eq!(queues(&resources, "t", Some(name)).unwrap().len(), 1, "{name}");
    }
    let error = queues(&resources, "t", Some("quick")).unwrap_err();
    assert_eq!(error.to_string(), "deployment t has no dead-letter queue quick");
}
