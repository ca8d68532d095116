//! What is sent: form-encoded bodies, as <https://docs.stripe.com/api> has them.

use aws_smithy_types::body::SdkBody;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method, Request as HttpRequest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tidegate_events::{CommandId, Money, OrderId, PaymentId, PaymentMethod};
use tidegate_orders::payment::Request;
use tidegate_runtime::ApiUrl;

use super::account::Account;
use super::amount::in_stripes_units;
use super::error::{AskError, permanent};

/// The version of Stripe's API that this client is written for. Without it the account's own would hold, which changes
/// when somebody presses a button in the dashboard.
const VERSION: &str = "2025-04-30.basil";
const AGENT: &str = concat!("tidegate-payments-worker/", env!("CARGO_PKG_VERSION"));
/// What stays as it is in a form and in a path: RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One request to Stripe.
pub(super) struct Call {
    method: Method,
    path: String,
    form: String,
    key: Option<CommandId>,
}

impl Call {
    /// The first request for what is asked; nothing where Stripe has no such amount.
    pub(super) fn of(request: &Request, order: &OrderId) -> Option<Self> {
        Some(match request {
            Request::Authorise { key, amount, payment_method } => {
                Self::authorise(key, order, *amount, in_stripes_units(*amount)?, payment_method)
            }
            Request::Capture { payment_id } => Self::post(&format!("v1/payment_intents/{}/capture", path(payment_id))),
            Request::Cancel { payment_id } => Self::post(&format!("v1/payment_intents/{}/cancel", path(payment_id))),
            Request::Refund { payment_id } => Self {
                form: form(&[("payment_intent", payment_id.as_str()), ("metadata[order_id]", order.as_str())]),
                ..Self::post("v1/refunds")
            },
        })
    }

    pub(super) fn look(payment: &PaymentId) -> Self {
        let path = format!("v1/payment_intents/{}", path(payment));
        Self { method: Method::GET, ..Self::post(&path) }
    }

    fn authorise(key: &CommandId, order: &OrderId, money: Money, units: u64, method: &PaymentMethod) -> Self {
        let form = form(&[
            ("amount", &units.to_string()),
            ("currency", &money.currency.code().to_ascii_lowercase()),
            ("payment_method", method.as_str()),
            // Cards (wallets among them) can be captured later and never need a page to come back to.
            ("payment_method_types[]", "card"),
            ("capture_method", "manual"),
            ("confirm", "true"),
            ("metadata[order_id]", order.as_str()),
        ]);
        Self { form, key: Some(key.clone()), ..Self::post("v1/payment_intents") }
    }

    fn post(path: &str) -> Self {
        Self { method: Method::POST, path: path.to_owned(), form: String::new(), key: None }
    }

    pub(super) fn to_http(&self, account: &Account) -> Result<HttpRequest<SdkBody>, AskError> {
        let unsendable = |what| permanent(format!("{what} cannot be sent over HTTP"));
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", account.api_key.expose()))
            .map_err(|_| unsendable("the API key"))?;
        authorization.set_sensitive(true);
        let mut request = HttpRequest::builder()
            .method(&self.method)
            .uri(account.api_url.join(&self.path))
            .header(AUTHORIZATION, authorization)
            .header("stripe-version", VERSION)
            .header(USER_AGENT, AGENT);
        if self.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if let Some(key) = &self.key {
            request = request.header("idempotency-key", key.as_str());
        }
        request.body(SdkBody::from(self.form.as_str())).map_err(|_| unsendable("the request"))
    }
}

/// A request that any server answers, without the key.
pub(super) fn reach(api_url: &ApiUrl) -> Result<HttpRequest<SdkBody>, http::Error> {
    HttpRequest::get(api_url.join("healthcheck")).header(USER_AGENT, AGENT).body(SdkBody::empty())
}

fn form(members: &[(&str, &str)]) -> String {
    let pairs = members.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// An id is Stripe's own, so this changes nothing; but nothing in it may lead elsewhere.
fn path(payment: &PaymentId) -> String {
    encoded(payment.as_str())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
