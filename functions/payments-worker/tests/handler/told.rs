//! What is heard beside the saga's commands: the customer's wish, and what Stripe did by itself.

use tidegate_events::CommandName;
use tidegate_orders::PaymentStatus;

use crate::fixtures::{Desk, VISA, authorise, cancellation_requested, capture, resolved, told, undo};

const STRIPE: &str = "/webhooks/stripe";

#[tokio::test]
async fn a_customer_who_withdraws_in_time_is_not_asked_for_money() {
    let desk = Desk::new().await;
    assert_eq!(desk.says(cancellation_requested()).await, [""; 0]);
    assert_eq!(desk.says(authorise(VISA, "t1")).await, ["t1: OrderCancelledByCustomer"]);
    assert_eq!(desk.asked(), [""; 0]);
}

#[tokio::test]
async fn a_customer_who_withdraws_before_the_capture_gets_the_authorisation_back() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.says(cancellation_requested()).await;
    assert_eq!(desk.says(capture("t2")).await, ["t2: OrderCancelledByCustomer"]);
    assert_eq!(desk.says(undo("t3")).await, ["payment-voided", r#"t3: "voided""#]);
    assert_eq!(desk.stripe.payments(), ["canceled"]);
}

#[tokio::test]
async fn an_authorisation_that_lapsed_is_told_once_and_not_captured() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.stripe.becomes("canceled");
    let lapsed = told(STRIPE, "payment_intent.canceled", "ord_17");
    assert_eq!(desk.says(lapsed.clone()).await, ["payment-expired"]);
    assert_eq!(desk.says(lapsed).await, [""; 0]);
    desk.asked();
    assert_eq!(desk.says(capture("t2")).await, ["t2: PaymentDeclined"]);
    assert_eq!(desk.asked(), [""; 0]);
}

#[tokio::test]
async fn a_lapse_that_nobody_told_of_is_found_by_the_capture() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.stripe.becomes("canceled");
    assert_eq!(desk.says(capture("t2")).await, ["payment-expired", "t2: PaymentDeclined"]);
}

#[tokio::test]
async fn what_a_person_does_in_the_dashboard_comes_into_the_books() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    assert_eq!(desk.says(told(STRIPE, "payment_intent.succeeded", "ord_17")).await, ["payment-captured"]);
    assert!(matches!(desk.status().await, PaymentStatus::Captured(_)));
    desk.stripe.becomes("succeeded");
    assert_eq!(desk.says(undo("t2")).await, ["payment-refunded", r#"t2: "refunded""#]);

    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    let refunded = desk.says(told(STRIPE, "charge.refunded", "ord_17")).await;
    assert_eq!(refunded, ["payment-captured", "payment-refunded"]);
}

#[tokio::test]
async fn what_a_person_resolved_is_written_down_and_another_services_is_passed_over() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.stripe.becomes("canceled");
    for another in [CommandName::CancelShipment, CommandName::ReleaseStock, CommandName::CancelOrder] {
        assert_eq!(desk.says(resolved(another)).await, [""; 0]);
    }
    assert_eq!(desk.says(resolved(CommandName::UndoPayment)).await, ["payment-voided"]);
}

#[tokio::test]
async fn what_this_worker_did_itself_is_no_news() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    desk.says(capture("t2")).await;
    assert_eq!(desk.says(told(STRIPE, "payment_intent.succeeded", "ord_17")).await, [""; 0]);
}

#[tokio::test]
async fn foreign_payments_and_senders_that_are_not_stripe_change_nothing() {
    let desk = Desk::new().await;
    desk.says(authorise(VISA, "t1")).await;
    let written = desk.worker.service.store.records_from(0).len();
    for body in [
        told(STRIPE, "payment_intent.canceled", "7"),
        told(STRIPE, "payment_intent.created", "ord_17"),
        told("/webhooks/azure", "payment_intent.canceled", "ord_17"),
        told("https://stripe.example", "payment_intent.canceled", "ord_17"),
    ] {
        assert_eq!(desk.says(body).await, [""; 0]);
    }
    assert_eq!(desk.worker.service.store.records_from(0).len(), written);
    assert!(matches!(desk.status().await, PaymentStatus::Authorised(_)));
}
