//! A payment's life, and what comes twice.

use std::sync::Arc;

use payments_worker::Payments;
use payments_worker::stripe::{StripeClient, TIMEOUT};
use tidegate_orders::PaymentStatus;
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_testkit::PrimingTest;
use tidegate_worker::Worker;

use crate::fixtures::{Desk, VISA, authorise, capture, undo};

#[tokio::test]
async fn an_order_is_authorised_and_captured() {
    let desk = Desk::new().await;
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["payment-authorised", r#"t1: "authorised""#]);
    assert_eq!(desk.says(capture("t2")).await, ["payment-captured", r#"t2: "captured""#]);
    assert_eq!(desk.asked(), ["POST /v1/payment_intents", "POST /v1/payment_intents/pi_1/capture"]);
    assert_eq!(desk.stripe.payments(), ["succeeded"]);
    assert_eq!(desk.worker.count(Metric::CommandHandled), 2);
    let written = desk.worker.service.store.records_from(0).len();
    assert_eq!(written, 3, "what is asked for is written down first");
}

#[tokio::test]
async fn an_authorisation_is_undone_by_cancelling_and_a_capture_by_refunding() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    assert_eq!(desk.says(undo("t2")).await, ["payment-voided", r#"t2: "voided""#]);
    assert_eq!(desk.stripe.payments(), ["canceled"]);

    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.says(capture("t2")).await;
    assert_eq!(desk.says(undo("t3")).await, ["payment-refunded", r#"t3: "refunded""#]);
    assert_eq!(desk.stripe.payments(), ["refunded"]);
}

#[tokio::test]
async fn a_decline_is_an_answer_and_leaves_nothing_to_undo() {
    let desk = Desk::new().await;
    let said = desk.says(authorise("pm_card_visa_chargeDeclinedInsufficientFunds", "t1")).await;
    assert_eq!(said, ["payment-declined", "t1: PaymentDeclined"]);
    desk.asked();
    assert_eq!(desk.says(undo("t2")).await, [r#"t2: "undone""#]);
    assert_eq!(desk.asked(), [""; 0]);
    assert_eq!((desk.worker.tasks.heartbeats().len(), desk.worker.tasks.failures().len()), (0, 0));
}

#[tokio::test]
async fn a_means_of_payment_that_stripe_does_not_have_is_a_decline() {
    let desk = Desk::new().await;
    assert_eq!(desk.says(authorise("pm_mistyped", "t1")).await, ["payment-declined", "t1: PaymentDeclined"]);
}

#[tokio::test]
async fn what_only_the_customer_at_a_screen_could_complete_is_cancelled_and_declined() {
    let desk = Desk::new().await;
    let said = desk.says(authorise("pm_card_threeDSecure2Required", "t1")).await;
    assert_eq!(said, ["payment-declined", "t1: PaymentDeclined"]);
    assert_eq!(desk.stripe.payments(), ["canceled"]);
}

#[tokio::test]
async fn a_command_that_comes_again_is_answered_the_same_without_asking_stripe() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.asked();
    assert_eq!(desk.says(authorise(VISA, "t1")).await, [""; 0], "t1 has its answer");
    assert_eq!(desk.says(authorise(VISA, "t2")).await, [r#"t2: "authorised""#], "a redriven saga has another token");
    assert_eq!(desk.asked(), [""; 0]);
    assert_eq!(desk.worker.count(Metric::CommandDuplicate), 2);
}

#[tokio::test]
async fn a_command_that_stands_twice_in_a_batch_is_one_payment() {
    let desk = Desk::new().await;
    assert_eq!(desk.handle([authorise(VISA, "t1"), authorise(VISA, "t1")]).await, [""; 0]);
    assert_eq!(desk.said_since(0), ["payment-authorised", r#"t1: "authorised""#]);
    assert_eq!(desk.stripe.payments(), ["requires_capture"]);
}

#[tokio::test]
async fn a_command_beside_its_undoing_leaves_no_hold_on_the_card() {
    let desk = Desk::new().await;
    assert_eq!(desk.handle([authorise(VISA, "t1"), undo("t2")]).await, [""; 0]);
    assert!(desk.stripe.payments().iter().all(|it| it == "canceled"), "{:?}", desk.stripe.payments());
    assert!(matches!(desk.status().await, PaymentStatus::Voided(_) | PaymentStatus::Undone));
}

#[tokio::test]
async fn priming_takes_no_money() {
    let test = PrimingTest::start(r#"{"api_key": "sk_test_made_up", "api_url": "{server}"}"#).await;
    let primed = test.consumer(|function| {
        let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), "payments");
        let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
        let account = payments_worker::document(Arc::new(secrets), "tidegate");
        let stripe = StripeClient::new(TIMEOUT, &function.priming);
        let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
        Worker { ports: function.ports.clone(), tasks, service: Payments { store, account, stripe } }
    });
    let primed = primed.await;
    assert!(primed.sent.iter().all(|it| ["GetSecretValue", "GetItem", "HEAD /"].contains(&it.as_str())), "{primed:?}");
    assert_eq!((primed.letters, primed.retried), (vec![], false));
    assert_eq!(primed.ports.total(Metric::CommandHandled), 1, "the sample comes to its end");
}
