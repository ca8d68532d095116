//! The Stripe client on the wire: what it sends, and what each answer means.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "clippy sees tests in #[test] functions only, not in what they call"
)]

mod answers;
mod requests;
#[allow(dead_code, reason = "the handler's tests do more with it")]
#[path = "../stub/mod.rs"]
mod stub;
mod trouble;

use std::time::Duration;

use payments_worker::stripe::{Account, AskError, StripeClient};
use tidegate_events::{Money, OrderId, PaymentId};
use tidegate_orders::payment::{Answer, Request};
use tidegate_runtime::ApiUrl;

use stub::{KEY, Reply, Stub};

pub(crate) const METHOD: &str = "pm_card_visa";

pub(crate) fn account(api_url: &ApiUrl) -> Account {
    let document = serde_json::json!({"api_key": KEY, "api_url": api_url.to_string()});
    Account::from_json(document.to_string().as_bytes()).unwrap()
}

pub(crate) fn order() -> OrderId {
    "ord_17".parse().unwrap()
}

pub(crate) fn payment() -> PaymentId {
    "pi_1".parse().unwrap()
}

pub(crate) fn authorise(method: &str) -> Request {
    authorise_so(method, Money { minor_units: 6500, currency: "EUR".parse().unwrap() })
}

pub(crate) fn authorise_so(method: &str, amount: Money) -> Request {
    let key = "ord_17/AuthorisePayment".parse().unwrap();
    Request::Authorise { key, amount, payment_method: method.parse().unwrap() }
}

pub(crate) fn capture() -> Request {
    Request::Capture { payment_id: payment() }
}

pub(crate) fn cancel() -> Request {
    Request::Cancel { payment_id: payment() }
}

pub(crate) fn refund() -> Request {
    Request::Refund { payment_id: payment() }
}

pub(crate) fn authorised() -> Answer {
    Answer::Authorised { payment_id: payment() }
}

pub(crate) fn declined(reason: &str) -> Answer {
    Answer::Declined { reason: reason.parse().unwrap() }
}

/// Asks, and makes sure that nothing shows what nobody may see.
pub(crate) async fn ask(stub: &Stub, request: &Request) -> Result<Answer, AskError> {
    ask_with(&StripeClient::default(), &stub.api_url, request).await
}

pub(crate) async fn ask_with(client: &StripeClient, api_url: &ApiUrl, request: &Request) -> Result<Answer, AskError> {
    let account = account(api_url);
    let answer = client.ask(&account, &order(), request).await;
    let shown = format!("{answer:?} {client:?} {account:?} {request:?}");
    assert!(!shown.contains(KEY) && !shown.contains("pm_card") && !shown.contains("harbour"), "{shown}");
    answer
}

/// What one prepared answer means for a request.
pub(crate) async fn outcome(request: &Request, reply: Reply) -> Result<Answer, AskError> {
    let stub = Stub::start().await;
    stub.then([reply]);
    ask(&stub, request).await
}

pub(crate) fn permanent(reason: &str) -> Result<Answer, AskError> {
    Err(AskError::Permanent { reason: reason.to_owned() })
}

pub(crate) fn transient(reason: &str) -> Result<Answer, AskError> {
    Err(AskError::Transient { reason: reason.to_owned(), retry_after: None })
}

pub(crate) fn wait(seconds: u64, reason: &str) -> Result<Answer, AskError> {
    Err(AskError::Transient { reason: reason.to_owned(), retry_after: Some(Duration::from_secs(seconds)) })
}
