//! What is no answer: the saga waits, or is told that nobody works on it any more.

use std::time::Duration;

use serde_json::json;
use tidegate_batch::Reason;
use tidegate_events::{Command, Envelope, ErrorName, OrderCommand};
use tidegate_orders::PaymentStatus;
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::Fault;

use crate::fixtures::{Desk, VISA, authorise, capture, told, undo};
use crate::stub::{KEY, Reply};

fn forbidden() -> Reply {
    let error =
        json!({"type": "invalid_request_error", "code": "more_permissions_required", "message": "of the harbour"});
    Reply::error("403 Forbidden", &error)
}

#[tokio::test]
async fn a_stripe_in_trouble_is_waited_for_and_the_saga_hears_so() {
    let desk = Desk::new().await;
    desk.stripe.then([Reply::with("503 Service Unavailable", "")]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    assert_eq!(desk.worker.tasks.heartbeats(), ["t1"]);
    let [(message, after)] = desk.worker.delays().try_into().unwrap();
    assert!(message == "m0" && after <= Duration::from_secs(200), "{after:?}: shorter than the saga's patience");
    assert_eq!((desk.worker.tasks.failures(), desk.worker.letters()), (vec![], vec![]));
    assert_eq!(desk.worker.count(Metric::CommandFailed), 1);
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["payment-authorised", r#"t1: "authorised""#]);
}

#[tokio::test]
async fn stripes_own_wait_is_kept_to() {
    let desk = Desk::new().await;
    desk.stripe.then([Reply::with("429 Too Many Requests\nRetry-After: 90", "")]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    assert_eq!(desk.worker.delays(), [("m0".to_owned(), Duration::from_secs(90))]);
}

#[tokio::test]
async fn what_stripe_refuses_for_good_is_told_to_the_saga_and_set_aside() {
    let desk = Desk::new().await;
    desk.stripe.then([forbidden()]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, [""; 0]);
    let cause = "Stripe says more_permissions_required (403 Forbidden)".to_owned();
    assert_eq!(desk.worker.tasks.failures(), [("t1".to_owned(), ErrorName::PermanentFailure, cause.clone())]);
    assert_eq!(desk.worker.letters(), [("m0".to_owned(), Reason::Permanent, cause)]);
    assert_eq!(desk.said_since(0), [""; 0]);
    // A failure leaves no proof: once it is mended, the same command is tried again.
    assert_eq!(desk.says(authorise(VISA, "t2")).await, ["payment-authorised", r#"t2: "authorised""#]);
}

#[tokio::test]
async fn a_saga_that_cannot_be_told_gets_the_command_again() {
    let desk = Desk::new().await;
    desk.worker.tasks.is_away(true);
    desk.stripe.then([forbidden()]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    assert_eq!(desk.worker.letters(), []);
}

#[tokio::test]
async fn a_compensation_that_failed_is_really_tried_again() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.stripe.then([forbidden()]);
    assert_eq!(desk.handle([undo("t2")]).await, [""; 0]);
    assert_eq!((desk.worker.tasks.failures().len(), desk.worker.letters().len()), (1, 1));
    assert_eq!(desk.says(undo("t3")).await, ["payment-voided", r#"t3: "voided""#]);
}

#[tokio::test]
async fn a_key_that_was_rotated_is_read_at_once_and_a_wrong_one_is_permanent() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.stripe.rotate("sk_test_rotated");
    desk.configure("sk_test_rotated");
    assert_eq!(desk.says(capture("t2")).await, ["payment-captured", r#"t2: "captured""#]);
    assert_eq!(desk.secrets.reads().len(), 2);

    desk.configure(KEY);
    desk.stripe.rotate("sk_test_another");
    assert_eq!(desk.handle([undo("t3")]).await, [""; 0]);
    let [(token, error, cause)] = desk.worker.tasks.failures().try_into().unwrap();
    assert_eq!((token.as_str(), error), ("t3", ErrorName::PermanentFailure));
    assert_eq!(cause, "Stripe says invalid_request_error (401 Unauthorized)");
}

#[tokio::test]
async fn a_missing_malformed_or_unreadable_document_is_waited_for() {
    let desk = Desk::new().await;
    for document in ["", "sk_test_made_up", r#"{"api_key": "pk_test_made_up"}"#] {
        desk.secrets.put("tidegate/stripe", document);
        assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"], "{document}");
    }
    desk.secrets.fail_next(Fault::Permanent);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    assert_eq!((desk.worker.tasks.heartbeats().len(), desk.asked().len()), (4, 0));
    desk.configure(KEY);
    assert_eq!(desk.says(authorise(VISA, "t1")).await.len(), 2);
}

#[tokio::test]
async fn a_document_is_read_once_a_minute() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.says(capture("t2")).await;
    assert_eq!(desk.secrets.reads(), ["tidegate/stripe"]);
    desk.worker.ports.skip(Duration::from_secs(61));
    desk.says(undo("t3")).await;
    assert_eq!(desk.secrets.reads().len(), 2);
}

#[tokio::test]
async fn what_is_no_command_for_payments_is_set_aside() {
    let desk = Desk::new().await;
    let foreign = Envelope {
        command_id: "ord_17/ConfirmOrder".parse().unwrap(),
        order_id: "ord_17".parse().unwrap(),
        task_token: Some("t1".parse().unwrap()),
        correlation_id: None,
        traceparent: None,
        command: Command::Order(OrderCommand::Confirm {}),
    };
    let unreadable = told("/webhooks/stripe", "payment_intent.canceled", "ord_17").replace("\"object\":", "\"made\":");
    let bodies = [foreign.to_json(), "made up".to_owned(), unreadable];
    assert_eq!(desk.handle(bodies).await, [""; 0]);
    let reasons: Vec<_> = desk.worker.letters().into_iter().map(|(id, reason, _)| (id, reason)).collect();
    let expected = [("m0", Reason::Permanent), ("m1", Reason::Undecodable), ("m2", Reason::Undecodable)];
    assert_eq!(reasons, expected.map(|(id, reason)| (id.to_owned(), reason)));
    assert_eq!(desk.worker.tasks.failures().len(), 1);
}

#[tokio::test]
async fn a_command_that_cannot_be_meant_is_a_permanent_failure() {
    let desk = Desk::new().await;
    assert_eq!(desk.handle([capture("t1")]).await, [""; 0]);
    let [(_, error, cause)] = desk.worker.tasks.failures().try_into().unwrap();
    assert_eq!(error, ErrorName::PermanentFailure);
    assert_eq!(cause, "invalid transition: CapturePayment does not fit a payment that is not authorised");
    assert_eq!(desk.status().await, PaymentStatus::None);
}
