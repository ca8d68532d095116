//! One request for one outcome, signed so that the client knows whose it is.

use std::sync::Arc;

use deliver_callback::Deliverer;
use deliver_callback::sender::{Sender, TIMEOUT};
use deliver_callback::signers::Signers;
use serde_json::{Value, json};
use tidegate_callbacks::DeliveryStore;
use tidegate_outbox::DynamoDbAggregates;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_testkit::PrimingTest;
use tidegate_webhooks::outbound::RetrySchedule;

use crate::fixtures::{Desk, Fate, NEW, OLD, batch, cancelled, confirmed, event};
use crate::server::answer;

#[tokio::test]
async fn a_client_is_told_that_its_order_is_confirmed() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Done);
    let [request] = desk.endpoint.seen().try_into().unwrap();
    assert_eq!(request.target, "/hooks?token=made-up");
    assert_eq!(request.headers["content-type"], "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&request.body).unwrap(),
        json!({
            "type": "order.confirmed",
            "timestamp": "2026-09-21T14:13:20.5Z",
            "data": {
                "order_id": "ord_1",
                "status": "confirmed",
                "total": {"minor_units": 12_950, "currency": "EUR"},
            },
        })
    );
    assert!(desk.verifies(&request, NEW));
    assert!(!desk.verifies(&request, OLD));
    assert_eq!(desk.ended("ord_1").await, "delivered: 200");
    assert_eq!((desk.count(Metric::CallbackDelivered), desk.count(Metric::CallbackFailed)), (1, 0));
}

#[tokio::test]
async fn a_client_is_told_why_its_order_is_cancelled() {
    let desk = Desk::new(vec![answer("204 No Content")]).await;
    assert_eq!(desk.handle(batch([&cancelled("ord_1", "payment_declined")])).await, [""; 0]);
    let [request] = desk.endpoint.seen().try_into().unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["reason"]), (&json!("order.cancelled"), &json!("payment_declined")));
}

#[tokio::test]
async fn during_a_rotation_both_secrets_verify_and_a_new_one_signs_within_a_minute() {
    let desk = Desk::new(vec![answer("500 Oops"), answer("500 Oops"), answer("200 OK")]).await;
    desk.configure(&[OLD]);
    assert_eq!(desk.deliver().await, Fate::Back(5));
    desk.configure(&[NEW, OLD]);
    desk.skip(5);
    assert_eq!(desk.deliver().await, Fate::Back(300));
    desk.skip(300);
    assert_eq!(desk.deliver().await, Fate::Done);

    let [first, second, third] = desk.endpoint.seen().try_into().unwrap();
    let signatures =
        |request: &crate::server::Request| request.headers["webhook-signature"].to_str().unwrap().split(' ').count();
    assert_eq!([&first, &second, &third].map(signatures), [1, 1, 2], "a document is kept for a minute");
    assert!(desk.verifies(&third, NEW) && desk.verifies(&third, OLD));
    assert_eq!(first.headers["webhook-id"], third.headers["webhook-id"], "the same over all attempts");
    assert_ne!(first.headers["webhook-timestamp"], third.headers["webhook-timestamp"], "each attempt's own");
    assert_eq!(first.body, third.body);
}

#[tokio::test]
async fn a_message_that_comes_again_sends_nothing_and_writes_nothing() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Done);
    let writes = desk.table.writes();
    desk.skip(86_400);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!((desk.endpoint.seen().len(), desk.table.writes()), (1, writes));
    assert_eq!(desk.count(Metric::CallbackDelivered), 1);
}

#[tokio::test]
async fn of_two_that_come_at_once_one_is_sent_and_the_other_waits() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    let back = desk.handle(batch([&confirmed("ord_1"), &confirmed("ord_1")])).await;
    assert_eq!((back.len(), desk.endpoint.seen().len()), (1, 1));
    assert_eq!(desk.ended("ord_1").await, "delivered: 200");
}

#[tokio::test]
async fn each_order_is_told_of_on_its_own() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.place("ord_2", Some(&desk.url("/other"))).await;
    assert_eq!(desk.handle(batch([&confirmed("ord_1"), &confirmed("ord_2")])).await, [""; 0]);
    let [one, two] = desk.endpoint.seen().try_into().unwrap();
    assert_ne!(one.headers["webhook-id"], two.headers["webhook-id"]);
}

#[tokio::test]
async fn who_does_not_want_to_be_told_costs_one_read() {
    let desk = Desk::new(Vec::new()).await;
    desk.place("ord_2", None).await;
    assert_eq!(desk.handle(batch([&confirmed("ord_2")])).await, [""; 0]);
    let parked = json!({"step": "ReleaseStock", "error": "States.Timeout"});
    let other = event("ord_1", "com.tidegate.orders.compensation-parked.v1", &parked);
    assert_eq!(desk.handle(batch([&other])).await, [""; 0], "an event that is no outcome");
    assert_eq!((desk.table.writes(), desk.secrets.reads().len()), (0, 0));
}

#[tokio::test]
async fn what_is_no_order_and_a_second_outcome_are_for_a_person() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Done);
    let other = cancelled("ord_1", "out_of_stock").with_id("ord_1/4/0").unwrap();
    let unknown = confirmed("ord_9");
    assert_eq!(desk.handle(batch([&other, &unknown])).await, [""; 0]);
    assert_eq!(desk.count(Metric::MessageDeadLettered), 2);
    assert_eq!(desk.endpoint.seen().len(), 1);
}

#[tokio::test]
async fn priming_tells_no_customer() {
    let primed = PrimingTest::start("no document").await.consumer(|function| {
        let tables = aws_sdk_dynamodb::Client::new(&function.aws);
        let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
        Deliverer {
            ports: function.ports.clone(),
            orders: DynamoDbAggregates::new(tables.clone(), "orders"),
            deliveries: DeliveryStore(DynamoDbAggregates::new(tables, "callbacks")),
            signers: Signers::new(Arc::new(secrets), "tidegate"),
            sender: Sender::new(false, TIMEOUT),
            schedule: RetrySchedule::default(),
        }
    });
    let primed = primed.await;
    assert!(primed.sent.iter().all(|it| ["GetSecretValue", "GetItem", "HEAD /"].contains(&it.as_str())), "{primed:?}");
    assert_eq!((primed.letters, primed.retried), (vec![], true));
    assert_eq!(primed.ports.total(Metric::CallbackFailed), 1, "the sample comes as far as it can without a secret");
}
