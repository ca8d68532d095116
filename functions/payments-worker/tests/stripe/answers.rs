//! What an answer means for the payment.

use serde_json::{Value, json};
use tidegate_orders::payment::{Answer, Request};

use crate::stub::{Reply, Stub};
use crate::{
    METHOD, ask, authorise, authorised, cancel, capture, declined, outcome, payment, permanent, refund, transient,
};

fn intent(status: &str) -> Value {
    json!({"id": "pi_1", "object": "payment_intent", "status": status, "last_payment_error": null})
}

fn ok(body: &Value) -> Reply {
    Reply::with("200 OK", &body.to_string())
}

/// The refusal of a request about a payment that is in such a status.
fn unexpected(status: &str) -> Reply {
    let code = "payment_intent_unexpected_state";
    let message = "This PaymentIntent of the harbour could not be captured.";
    let error =
        json!({"type": "invalid_request_error", "code": code, "message": message, "payment_intent": intent(status)});
    Reply::error("400 Bad Request", &error)
}

fn refused(head: &str, code: &str) -> Reply {
    Reply::error(head, &json!({"type": "invalid_request_error", "code": code, "message": "of the harbour"}))
}

fn requires_action() -> Answer {
    Answer::RequiresAction { payment_id: payment(), reason: "requires_action".parse().unwrap() }
}

#[tokio::test]
async fn an_authorisation_is_what_its_status_says() {
    let asked = authorise(METHOD);
    let mut failed = intent("requires_payment_method");
    failed["last_payment_error"] = json!({"code": "card_declined", "decline_code": "do_not_honor"});
    for (body, expected) in [
        (intent("requires_capture"), authorised()),
        (intent("succeeded"), authorised()),
        (intent("requires_action"), requires_action()),
        (failed, declined("do_not_honor")),
        (intent("requires_payment_method"), declined("card_declined")),
        (intent("canceled"), declined("canceled")),
    ] {
        assert_eq!(outcome(&asked, ok(&body)).await, Ok(expected), "{body}");
    }
    let other = outcome(&asked, ok(&intent("requires_confirmation"))).await;
    assert_eq!(other, permanent("at Stripe the payment is requires_confirmation"));
}

#[tokio::test]
async fn a_decline_is_a_no_in_the_banks_word_or_stripes() {
    let asked = authorise(METHOD);
    let no = |error: Value| Reply::error("402 Payment Required", &error);
    for (error, word) in [
        (
            json!({"type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds"}),
            "insufficient_funds",
        ),
        (json!({"type": "card_error", "code": "expired_card"}), "expired_card"),
        (json!({"type": "card_error", "code": "authentication_required"}), "authentication_required"),
        (json!({"type": "card_error", "decline_code": "Of the harbour!"}), "card_declined"),
        // As a means of payment that was used before without a customer is refused.
        (json!({"type": "invalid_request_error", "message": "It may not be used again."}), "card_declined"),
    ] {
        assert_eq!(outcome(&asked, no(error.clone())).await, Ok(declined(word)), "{error}");
    }
    let late = no(json!({"type": "card_error", "code": "card_declined", "decline_code": "generic_decline"}));
    assert_eq!(outcome(&capture(), late).await, Ok(declined("generic_decline")));
}

#[tokio::test]
async fn an_order_that_cannot_be_paid_like_this_is_declined() {
    let asked = authorise(METHOD);
    let about = |param: &str, code: &str| {
        Reply::error("400 Bad Request", &json!({"type": "invalid_request_error", "code": code, "param": param}))
    };
    for (reply, word) in [
        (about("payment_method", "resource_missing"), "resource_missing"),
        (about("currency", "parameter_invalid"), "parameter_invalid"),
        (about("amount", "amount_too_small"), "amount_too_small"),
        (refused("400 Bad Request", "amount_too_large"), "amount_too_large"),
    ] {
        assert_eq!(outcome(&asked, reply).await, Ok(declined(word)));
    }
    let ours = about("payment_method_types[0]", "parameter_invalid");
    let reason = "Stripe says parameter_invalid about `payment_method_types[0]` (400 Bad Request)";
    assert_eq!(outcome(&asked, ours).await, permanent(reason));
}

#[tokio::test]
async fn one_that_is_being_processed_is_looked_at_because_its_key_repeats_the_answer() {
    let stub = Stub::start().await;
    stub.then([ok(&intent("processing")), ok(&intent("requires_capture"))]);
    assert_eq!(ask(&stub, &authorise(METHOD)).await, Ok(authorised()));
    assert_eq!(stub.requests()[1].line, "GET /v1/payment_intents/pi_1");
    stub.then([ok(&intent("processing")), ok(&intent("processing"))]);
    assert_eq!(ask(&stub, &authorise(METHOD)).await, transient("at Stripe the payment is processing"));
}

#[tokio::test]
async fn a_refusal_of_what_is_so_already_is_an_answer() {
    for (asked, status, expected) in [
        (capture(), "succeeded", Answer::Captured),
        (capture(), "canceled", Answer::Cancelled),
        (capture(), "requires_payment_method", declined("card_declined")),
        (cancel(), "canceled", Answer::Cancelled),
        (cancel(), "succeeded", Answer::Captured),
    ] {
        assert_eq!(outcome(&asked, unexpected(status)).await, Ok(expected.clone()), "{asked:?} {status}");
        // Where the refusal does not show the payment, as with servers that stand in for Stripe.
        let stub = Stub::start().await;
        stub.then([refused("400 Bad Request", "payment_intent_unexpected_state"), ok(&intent(status))]);
        assert_eq!(ask(&stub, &asked).await, Ok(expected), "{asked:?} {status}");
    }
    let again = refused("400 Bad Request", "charge_already_refunded");
    assert_eq!(outcome(&refund(), again).await, Ok(Answer::Refunded));
    let lapsed = refused("400 Bad Request", "charge_expired_for_capture");
    assert_eq!(outcome(&capture(), lapsed).await, Ok(Answer::Cancelled));
}

#[tokio::test]
async fn a_refusal_that_the_payments_status_does_not_explain_is_permanent() {
    let word = "Stripe says payment_intent_unexpected_state (400 Bad Request)";
    for (asked, status) in
        [(capture(), "requires_capture"), (capture(), "requires_action"), (cancel(), "requires_capture")]
    {
        let reason = format!("{word}; at Stripe the payment is {status}");
        assert_eq!(outcome(&asked, unexpected(status)).await, permanent(&reason));
    }
    let waiting = transient("at Stripe the payment is processing");
    assert_eq!(outcome(&capture(), unexpected("processing")).await, waiting);
    assert_eq!(outcome(&cancel(), unexpected("processing")).await, waiting);
    let gone = |asked: Request| async move { outcome(&asked, refused("404 Not Found", "resource_missing")).await };
    for asked in [capture(), cancel(), refund()] {
        assert_eq!(gone(asked).await, permanent("Stripe says resource_missing (404 Not Found)"));
    }
    let disputed = refused("400 Bad Request", "charge_disputed");
    assert_eq!(outcome(&refund(), disputed).await, permanent("Stripe says charge_disputed (400 Bad Request)"));
}

#[tokio::test]
async fn what_was_accepted_but_is_not_so_yet_is_asked_again() {
    for (asked, status) in [(capture(), "processing"), (capture(), "requires_capture"), (cancel(), "requires_capture")]
    {
        let reason = format!("at Stripe the payment is {status}");
        assert_eq!(outcome(&asked, ok(&intent(status))).await, transient(&reason));
    }
}

#[tokio::test]
async fn a_refund_counts_when_it_is_on_its_way() {
    let refund_is = |status: Value| ok(&json!({"id": "re_1", "object": "refund", "status": status}));
    for status in ["succeeded", "pending"] {
        assert_eq!(outcome(&refund(), refund_is(json!(status))).await, Ok(Answer::Refunded));
    }
    for (status, reason) in [
        (json!("failed"), "at Stripe the refund has failed"),
        (json!("canceled"), "at Stripe the refund is canceled"),
        (json!("requires_action"), "at Stripe the refund requires an action"),
        (json!(null), "at Stripe the refund is of an unknown status"),
    ] {
        assert_eq!(outcome(&refund(), refund_is(status)).await, permanent(reason));
    }
}
