//! Reading: where an order is, how it got there, and whether that is news.

use serde_json::{Value, json};
use tidegate_events::{
    CommandName, Lines, Nothing, OrderCommand, OrderEvent, PaymentDeclined, StepError, StockOf, TimelineEntry,
};
use tidegate_orders::Order;

use crate::fixtures::{Call, Shop, body};

fn read(id: &str) -> Call {
    Call::get(&format!("/orders/{id}"))
}

fn reserved(shop: &Shop) -> OrderEvent {
    let order: Order = shop.orders.images()[0].state_as().unwrap().unwrap();
    let lines: Vec<_> = order.lines.into_iter().map(|it| it.line).collect();
    OrderEvent::StockReserved(StockOf { lines: Lines::try_from(lines).unwrap() })
}

fn types(order: &Value) -> Vec<&str> {
    let short = |it: &Value| it["type"].as_str().map(str::to_owned).unwrap();
    let all = order["timeline"].as_array().unwrap();
    all.iter()
        .map(|it| it["type"].as_str().unwrap().split('.').nth(3).unwrap_or_else(|| panic!("{}", short(it))))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_order_tells_what_where_and_how() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    shop.tell(&id, &reserved(&shop));
    let answer = shop.ask(&read(&id)).await;
    let order = &answer.body;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "private, no-cache"));
    assert_eq!(
        (&order["status"], &order["current_step"], &order["parked"]),
        (&json!("placed"), &json!("AuthorisePayment"), &json!(false))
    );
    assert_eq!((&order["lines"], &order["callback_url"]), (&body()["lines"], &body()["callback_url"]));
    assert_eq!(types(order), ["order-placed", "stock-reserved"]);
    let first = &order["timeline"][0];
    assert_eq!((&first["cause"], &first["time"]), (&json!(format!("{id}/PlaceOrder")), &order["placed_at"]));
    assert_eq!(order["links"]["cancellation"], format!("/orders/{id}/cancellation"));
    let text = order.to_string();
    assert!(!text.contains("pm_made_up") && !text.contains("Harbour"), "neither address nor means of payment: {text}");
}

#[tokio::test(start_paused = true)]
async fn the_status_is_never_behind_the_timeline() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    shop.command(&id, OrderCommand::Confirm {}).await; // and the timeline has not heard of it
    let order = shop.ask(&read(&id)).await.body;
    assert_eq!((&order["status"], &order["current_step"]), (&json!("confirmed"), &Value::Null));
    assert_eq!(types(&order), ["order-placed"]);
    assert_eq!(*shop.orders.reads.lock().unwrap(), ["timeline", "order"], "what ends in between shows in the status");
    shop.tell(&id, &OrderEvent::OrderConfirmed(Nothing {}));
    assert_eq!(types(&shop.ask(&read(&id)).await.body), ["order-placed", "order-confirmed"]);
}

#[tokio::test(start_paused = true)]
async fn the_way_back_and_its_end_are_told() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    shop.tell(&id, &reserved(&shop));
    let amount = serde_json::from_value(json!({ "minor_units": 6500, "currency": "EUR" })).unwrap();
    let declined = PaymentDeclined { amount, reason: "insufficient_funds".parse().unwrap() };
    shop.tell(&id, &OrderEvent::PaymentDeclined(declined));
    assert_eq!(shop.ask(&read(&id)).await.body["current_step"], "ReleaseStock");

    let step = CommandName::ReleaseStock;
    shop.command(&id, OrderCommand::Park { step, error: StepError { name: "States.Timeout".to_owned() } }).await;
    let order = shop.ask(&read(&id)).await.body;
    assert_eq!((&order["current_step"], &order["parked"]), (&json!("ReleaseStock"), &json!(true)));

    shop.command(&id, OrderCommand::Cancel { reason: "PaymentDeclined".to_owned() }).await;
    let order = shop.ask(&read(&id)).await.body;
    assert_eq!((&order["status"], &order["cancel_reason"]), (&json!("cancelled"), &json!("payment_declined")));
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_program_says_is_shown_and_means_nothing_yet() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    let newer = TimelineEntry::of(&shop.orders.events()[0]).unwrap();
    let event_type = "com.tidegate.orders.order-painted.v1".to_owned();
    let newer = TimelineEntry { event_type, id: "made-up".to_owned(), cause: None, ..newer };
    shop.orders.said.lock().unwrap().push(newer);
    let order = shop.ask(&read(&id)).await.body;
    assert_eq!((order["timeline"].as_array().unwrap().len(), &order["current_step"]), (2, &json!("ReserveStock")));
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_was_is_not_sent_again() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    let mut tags = Vec::new();
    for step in 0..4 {
        match step {
            1 => shop.tell(&id, &reserved(&shop)), // the timeline changes it
            2 => assert_eq!(shop.ask(&Call::cancel(&id)).await.status, 202), // the order does
            3 => shop.command(&id, OrderCommand::Cancel { reason: "OrderCancelledByCustomer".to_owned() }).await,
            _ => {}
        }
        let answer = shop.ask(&read(&id)).await;
        let tag = answer.header("etag").to_owned();
        assert!(!tags.contains(&tag), "{step}");
        for sent in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
            let again = shop.ask(&read(&id).with("if-none-match", &sent)).await;
            assert_eq!((again.status, again.header("etag"), &again.body), (304, tag.as_str(), &Value::Null));
        }
        for old in &tags {
            assert_eq!(shop.ask(&read(&id).with("if-none-match", old)).await.status, 200);
        }
        let several = read(&id).with("if-none-match", "\"x\"").and("if-none-match", &tag);
        assert_eq!(shop.ask(&several).await.status, 304);
        tags.push(tag);
    }
}
