//! What is sent.

use payments_worker::stripe::StripeClient;
use tidegate_events::Money;

use crate::stub::{KEY, Reply, Stub};
use crate::{
    METHOD, account, ask, authorise, authorise_so, authorised, cancel, capture, declined, order, payment, refund,
};
use tidegate_orders::payment::{Answer, Request};

/// Snapshots name no version of this program, which changes with each release.
fn shown(stub: &Stub) -> String {
    let requests = stub.requests().iter().map(|it| it.show()).collect::<Vec<_>>().join("\n\n");
    requests.replace(env!("CARGO_PKG_VERSION"), "[version]")
}

#[tokio::test]
async fn an_authorisation_is_asked_for_as_stripe_documents_it() {
    let stub = Stub::start().await;
    assert_eq!(ask(&stub, &authorise(METHOD)).await, Ok(authorised()));
    insta::assert_snapshot!(shown(&stub));
}

#[tokio::test]
async fn what_follows_names_the_payment_and_has_no_key() {
    let stub = Stub::start().await;
    ask(&stub, &authorise(METHOD)).await.unwrap();
    stub.requests();
    assert_eq!(ask(&stub, &capture()).await, Ok(Answer::Captured));
    assert_eq!(ask(&stub, &refund()).await, Ok(Answer::Refunded));
    assert_eq!(ask(&stub, &cancel()).await, Ok(Answer::Captured));
    insta::assert_snapshot!(shown(&stub));
}

#[tokio::test]
async fn a_payment_is_looked_at_where_the_refusal_does_not_show_it() {
    let stub = Stub::start().await;
    ask(&stub, &authorise(METHOD)).await.unwrap();
    stub.becomes("canceled");
    stub.requests();
    stub.then([Reply::error("400 Bad Request", &serde_json::json!({"type": "invalid_request_error"}))]);
    assert_eq!(ask(&stub, &capture()).await, Ok(Answer::Cancelled));
    insta::assert_snapshot!(shown(&stub));
}

#[tokio::test]
async fn nothing_in_a_value_adds_a_parameter_or_leads_elsewhere() {
    let stub = Stub::start().await;
    let hostile = "pm_1&amount=1#?/../%00+=";
    assert_eq!(ask(&stub, &authorise(hostile)).await, Ok(declined("resource_missing")));
    let [request] = stub.requests().try_into().unwrap();
    assert_eq!(request.member("payment_method").as_deref(), Some(hostile));
    assert_eq!(request.form.matches("amount=").count(), 1);
    let elsewhere = Request::Cancel { payment_id: "pi_1/../../refunds?a".parse().unwrap() };
    assert!(ask(&stub, &elsewhere).await.is_err());
    assert_eq!(stub.requests()[0].line, "POST /v1/payment_intents/pi_1%2F..%2F..%2Frefunds%3Fa/cancel");
}

#[tokio::test]
async fn an_amount_goes_in_stripes_units() {
    let stub = Stub::start().await;
    let of = |minor_units, currency: &str| Money { minor_units, currency: currency.parse().unwrap() };
    ask(&stub, &authorise_so(METHOD, of(65, "ISK"))).await.unwrap();
    assert_eq!(stub.requests()[0].member("amount").as_deref(), Some("6500"));
    let fraction = ask(&stub, &authorise_so(METHOD, of(65, "MGA"))).await;
    assert_eq!(fraction, Ok(declined("invalid_charge_amount_no_decimal_compatible")));
    assert_eq!(stub.requests(), [], "nobody has to be asked");
}

#[tokio::test]
async fn the_same_key_is_one_payment_and_the_same_answer() {
    let stub = Stub::start().await;
    for _ in 0..3 {
        assert_eq!(ask(&stub, &authorise(METHOD)).await, Ok(authorised()));
    }
    stub.becomes("canceled");
    assert_eq!(ask(&stub, &authorise(METHOD)).await, Ok(authorised()), "the answer is the one that was kept");
    assert_eq!(stub.payments(), ["canceled"]);
}

#[tokio::test]
async fn requests_share_a_connection_that_was_opened_without_the_key() {
    let stub = Stub::start().await;
    let client = StripeClient::default();
    client.warm(&stub.api_url).await;
    let [warming] = stub.requests().try_into().unwrap();
    assert_eq!((warming.line.as_str(), warming.header("authorization")), ("GET /healthcheck", None));
    let account = account(&stub.api_url);
    for reply in [Reply::with("503 Service Unavailable", "busy"), Reply::with("302 Found", ""), Reply::Honest] {
        stub.then([reply]);
        let _ = client.ask(&account, &order(), &authorise(METHOD)).await;
    }
    client.ask(&account, &order(), &Request::Capture { payment_id: payment() }).await.unwrap();
    assert_eq!((stub.requests().len(), stub.connections()), (4, 1));
    assert!(!format!("{account:?}").contains(KEY));
}
