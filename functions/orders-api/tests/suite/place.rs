//! Placing: one write, one order, one answer, however often and whatever happens.

use std::pin::pin;
use std::time::Duration;

use futures::{join, poll};
use serde_json::json;
use tidegate_events::OrderCommand;
use tidegate_orders::Order;

use crate::fixtures::{Call, OTTO, Shop, body};
use crate::memory::Broken;

fn place(key: &str) -> Call {
    Call::place(key, body().to_string())
}

#[tokio::test(start_paused = true)]
async fn an_order_is_one_write_with_its_event() {
    let shop = Shop::new();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let call = place("key-1").with("x-correlation-id", "cart-7").with("traceparent", trace);
    let answer = shop.ask(&call).await;
    let id = answer.order_id();
    assert_eq!((answer.status, answer.header("location")), (202, format!("/orders/{id}").as_str()));
    assert!(!answer.headers.contains_key("idempotency-replayed"));
    assert_eq!(answer.body["total"], json!({ "minor_units": 6500, "currency": "EUR" }));

    let [image] = shop.orders.images().try_into().unwrap();
    assert_eq!((image.aggregate().as_str(), image.index()["customer_id"].as_str()), (id, "customer-mona"));
    assert_eq!(image.index()["placed_at"], "2026-09-21T14:13:20.123456789Z");
    let order: Order = image.state_as().unwrap().unwrap();
    assert!(order.request_digest.is_some_and(|it| it.len() == 64));
    let [event] = shop.orders.events().try_into().unwrap();
    assert_eq!((event.ty(), event.id()), ("com.tidegate.orders.order-placed.v1", format!("{id}/1/0").as_str()));
    assert_eq!(event.causationid(), Some(format!("{id}/PlaceOrder").as_str()));
    assert_eq!((event.correlationid(), event.subject()), (Some("cart-7"), Some(id)));
    let spans = event.traceparent().unwrap();
    assert!(spans.starts_with(&trace[..36]) && spans != trace, "a span of its own in the client's trace: {spans}");
}

#[tokio::test(start_paused = true)]
async fn the_same_again_gets_the_same_answer_whenever_and_however_it_is_written() {
    let shop = Shop::new();
    let first = shop.ask(&place("key-1")).await;
    shop.api.ports.skip(Duration::from_secs(86_400));
    let again = shop.ask(&place("key-1")).await;
    shop.command(first.order_id(), OrderCommand::Confirm {}).await;
    let pretty =
        Call::place("key-1", format!("\n{:#}", body())).in_base64().with("content-type", "Application/JSON;x=y");
    let ended = shop.ask(&pretty).await;
    for answer in [again, ended] {
        assert_eq!(answer.headers["idempotency-replayed"], "true");
        assert_eq!((answer.status, &answer.body), (202, &first.body));
        assert_eq!(answer.headers["location"], first.headers["location"]);
    }
    assert_eq!(shop.orders.events().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_one_customers_and_one_bodys() {
    let shop = Shop::new();
    let mine = shop.ask(&place("key-1")).await;
    let mut other = body();
    other["lines"][0]["quantity"] = 3.into();
    let refused = shop.ask(&Call::place("key-1", other.to_string())).await;
    assert_eq!((refused.status, refused.problem()), (422, "idempotency-key-reused"));
    assert!(refused.body.get("order_id").is_none() && !refused.headers.contains_key("location"));

    let theirs = shop.ask(&place("key-1").by(OTTO)).await;
    let another = shop.ask(&place("key-2")).await;
    assert!(theirs.order_id() != mine.order_id() && another.order_id() != mine.order_id());
    assert_eq!(shop.orders.events().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn of_equal_requests_at_once_one_places_and_both_get_the_order() {
    let shop = Shop::new();
    let (call, mut other) = (place("key-1"), body());
    other["lines"][0]["quantity"] = 3.into();
    let other = Call::place("key-1", other.to_string());
    let (one, two, three) = join!(shop.ask(&call), shop.ask(&call), shop.ask(&other));
    assert_eq!((one.status, one.body), (202, two.body.clone()));
    let replayed = [one.headers, two.headers].map(|it| it.contains_key("idempotency-replayed"));
    assert_eq!(replayed.iter().filter(|it| **it).count(), 1);
    assert_eq!((three.status, three.problem()), (422, "idempotency-key-reused"));
    assert_eq!(shop.orders.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_was_not_told_sends_it_again_and_is() {
    for (broken, first, replayed) in
        [(Broken::Unwritten, 503, false), (Broken::Unheard, 503, true), (Broken::Repeated, 202, true)]
    {
        let shop = Shop::new();
        shop.orders.broken.lock().unwrap().push_back(broken);
        let answer = shop.ask(&place("key-1")).await;
        assert_eq!(answer.status, first, "{broken:?}");
        let again = shop.ask(&place("key-1")).await;
        assert_eq!((again.status, again.headers.contains_key("idempotency-replayed")), (202, replayed), "{broken:?}");
        assert!(first == 503 || again.body == answer.body);
        assert_eq!(shop.orders.events().len(), 1, "{broken:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_point_leaves_an_order_or_nothing() {
    let mut stopped = 0;
    for steps in 0.. {
        let shop = Shop::new();
        let call = place("key-1");
        let done = {
            let mut asked = pin!(shop.ask(&call));
            let mut done = false;
            for _ in 0..=steps {
                done = done || poll!(asked.as_mut()).is_ready();
            }
            done
        }; // dropped here: the process is gone
        let written = shop.orders.images().len();
        assert!(written <= 1);
        let again = shop.ask(&call).await;
        assert_eq!((again.status, again.headers.contains_key("idempotency-replayed")), (202, written == 1));
        assert_eq!(shop.orders.events().len(), 1, "placed once, told once");
        if done {
            break;
        }
        stopped += 1;
    }
    assert!(stopped >= 2, "{stopped}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_without_an_order_being_there_is_to_be_tried_again() {
    let shop = Shop::new();
    shop.orders.broken.lock().unwrap().push_back(Broken::Conflicting);
    assert_eq!(shop.ask(&place("key-1")).await.status, 503);
    shop.orders.broken.lock().unwrap().push_back(Broken::Conflicting);
    *shop.orders.silent.lock().unwrap() = true;
    assert_eq!(shop.ask(&place("key-1")).await.status, 503);
    assert!(shop.orders.images().is_empty());
}
