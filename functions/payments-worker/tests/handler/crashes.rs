//! Answers that are lost, and workers that die.

use std::time::Duration;

use tidegate_orders::PaymentStatus;

use crate::fixtures::{Desk, VISA, authorise, capture, undo};
use crate::stub::Reply;

/// The worker dies while it asks: what it does from then on never happens. `body` is a command that asks Stripe.
async fn dies_asking(desk: &Desk, body: String, reply: Reply) {
    desk.stripe.then([reply]);
    // The worker's own patience with Stripe is longer.
    let died = tokio::time::timeout(Duration::from_millis(150), desk.handle([body])).await;
    assert!(died.is_err(), "it was to die");
}

#[tokio::test]
async fn a_worker_that_dies_asking_is_followed_by_one_that_asks_the_same_under_the_same_key() {
    let desk = Desk::new().await;
    dies_asking(&desk, authorise(VISA, "t1"), Reply::Nothing).await;
    assert!(matches!(desk.status().await, PaymentStatus::Authorising { .. }));
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["payment-authorised", r#"t1: "authorised""#]);
    let requests = desk.stripe.requests();
    let keys: Vec<_> = requests.iter().map(|it| it.header("idempotency-key")).collect();
    assert_eq!(keys, [Some("ord_17/AuthorisePayment"); 2]);
    assert_eq!(requests[0].form, requests[1].form);
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_and_is_one_payment() {
    let desk = Desk::new().await;
    desk.stripe.then([Reply::Lost]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["payment-authorised", r#"t1: "authorised""#]);
    desk.stripe.then([Reply::Lost]);
    assert_eq!(desk.handle([capture("t2")]).await, ["m0"]);
    assert_eq!(desk.says(capture("t2")).await, ["payment-captured", r#"t2: "captured""#]);
    desk.stripe.then([Reply::Lost]);
    assert_eq!(desk.handle([undo("t3")]).await, ["m0"]);
    assert_eq!(desk.says(undo("t3")).await, ["payment-refunded", r#"t3: "refunded""#]);
    assert_eq!(desk.stripe.payments(), ["refunded"]);
}

#[tokio::test]
async fn an_undoing_finds_the_payment_whose_answer_was_lost_and_the_late_copy_is_refused() {
    let desk = Desk::new().await;
    desk.stripe.then([Reply::Lost]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    let said = desk.says(undo("t2")).await;
    assert_eq!(said, ["payment-authorised", "payment-voided", r#"t2: "voided""#]);
    assert_eq!(desk.stripe.payments(), ["canceled"]);
    desk.asked();
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["t1: Compensated"]);
    assert_eq!(desk.asked(), [""; 0]);
}

#[tokio::test]
async fn an_undoing_that_comes_first_refuses_the_payment_without_stripe() {
    let desk = Desk::new().await;
    assert_eq!(desk.says(undo("t2")).await, [r#"t2: "undone""#]);
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["t1: Compensated"]);
    assert_eq!((desk.asked(), desk.stripe.payments()), (vec![], vec![]));
}

#[tokio::test]
async fn a_capture_whose_worker_died_is_refunded_by_the_undoing() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.stripe.then([Reply::Lost]);
    assert_eq!(desk.handle([capture("t2")]).await, ["m0"]);
    assert_eq!(desk.says(undo("t3")).await, ["payment-captured", "payment-refunded", r#"t3: "refunded""#]);
    assert_eq!(desk.stripe.payments(), ["refunded"]);
}

#[tokio::test]
async fn once_stripe_has_forgotten_the_key_a_lost_authorisation_is_left_to_lapse() {
    let desk = Desk::new().await;
    desk.stripe.then([Reply::Lost]);
    assert_eq!(desk.handle([authorise(VISA, "t1")]).await, ["m0"]);
    desk.stripe.forget_keys();
    desk.says(undo("t2")).await;
    assert_eq!(desk.stripe.payments(), ["requires_capture", "canceled"], "nobody knows the first, nobody captures it");
}
