//! What `tidegate callbacks retry` builds on.

use tidegate_callbacks::{DeliveryError, Status};
use tidegate_cloudevents::messaging;

use crate::fixtures::{Desk, Fate, batch, confirmed};
use crate::server::answer;

#[tokio::test]
async fn what_was_given_up_is_sent_again_under_the_same_id_when_an_operator_says_so() {
    let desk = Desk::new(vec![answer("500 Oops")]).await;
    while let Fate::Back(delay) = desk.deliver().await {
        desk.skip(delay);
    }
    desk.endpoint.answers(answer("200 OK"));
    let order = "ord_1".parse().unwrap();
    let (was, message) = desk.deliverer.deliveries.retry(&order, desk.present()).await.unwrap();
    assert_eq!(was.status, Status::Exhausted);
    assert_eq!(messaging::from_message(message.as_bytes()).unwrap(), confirmed("ord_1"));
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "delivered: 500 500 500 500 500 500 500 500 200");
    let ids: std::collections::BTreeSet<_> =
        desk.endpoint.seen().iter().map(|it| it.headers["webhook-id"].to_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_retry_enables_the_endpoint() {
    let desk = Desk::new(vec![answer("410 Gone"), answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Done);
    let order = "ord_1".parse().unwrap();
    desk.deliverer.deliveries.retry(&order, desk.present()).await.unwrap();
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "delivered: 410 200");
    desk.place("ord_2", Some(&desk.url("/hooks?token=made-up"))).await;
    assert_eq!(desk.handle(batch([&confirmed("ord_2")])).await, [""; 0]);
    assert_eq!(desk.ended("ord_2").await, "delivered: 200");
}

#[tokio::test]
async fn there_is_nothing_to_retry_where_nothing_was_to_be_sent() {
    let desk = Desk::new(Vec::new()).await;
    let absent = desk.deliverer.deliveries.retry(&"ord_9".parse().unwrap(), desk.present()).await;
    assert!(matches!(absent, Err(DeliveryError::Absent { .. })));
}
