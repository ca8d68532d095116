//! The client of Stripe's payment intents, and what each of its answers means for the payment.
//!
//! <https://docs.stripe.com/api/payment_intents>, <https://docs.stripe.com/api/errors>
//!
//! The only request with an idempotency key is the authorisation, whose key comes with it. To capture, cancel or refund
//! what already is so Stripe refuses; then the payment itself says what it is, in the refusal or by being asked for.

mod account;
mod amount;
mod answer;
mod error;
mod intent;
mod request;
mod response;

use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use tidegate_events::OrderId;
use tidegate_orders::payment::{Answer, Request};
use tidegate_runtime::ApiUrl;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::priming::Priming;

pub use account::{Account, AccountError, ApiKey};
use answer::{Read, read};
pub use error::AskError;
use error::transient;
use request::Call;
pub use response::LONGEST_WAIT;
use response::StripeResponse;

/// From the first byte of the first request to the last of the last answer. Stripe answers an authorisation within two or
/// three seconds and gives up on a bank after some ten; an undoing may ask twice within the function's 30 s.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// For opening a connection while the function initialises, which may take ten seconds in all.
const WARM_TIMEOUT: Duration = Duration::from_secs(2);
/// A payment is some 3 KB.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Asks Stripe. Keeps its connections, so share one.
#[derive(Clone, Debug)]
pub struct StripeClient {
    http: HttpClient,
    timeout: Duration,
}

impl Default for StripeClient {
    fn default() -> Self {
        Self::new(TIMEOUT, &Priming::default())
    }
}

impl StripeClient {
    /// A client that waits so long for an answer, all in all. [`TIMEOUT`] is the usual time.
    #[must_use]
    pub fn new(timeout: Duration, priming: &Priming) -> Self {
        // http only to this machine: `ApiUrl` sees to that.
        Self { http: HttpClient::trusting_web(priming), timeout }
    }

    /// Asks what a decision wants to know, for the payment of that order.
    ///
    /// # Errors
    /// [`AskError`] says whether and when to ask again.
    pub async fn ask(&self, account: &Account, order: &OrderId, request: &Request) -> Result<Answer, AskError> {
        match tokio::time::timeout(self.timeout, self.exchange_all(account, order, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(transient(format!("Stripe did not answer within {:?}", self.timeout))),
        }
    }

    /// Opens a connection, so that the first payment finds it open. That it fails is no harm.
    pub async fn warm(&self, api_url: &ApiUrl) {
        let Ok(request) = request::reach(api_url) else { return };
        let reached = tokio::time::timeout(WARM_TIMEOUT, async {
            let answer = self.http.send(request).await.ok()?;
            Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await.ok()
        });
        let _ = reached.await;
    }

    async fn exchange_all(&self, account: &Account, order: &OrderId, request: &Request) -> Result<Answer, AskError> {
        let Some(call) = Call::of(request, order) else {
            // Stripe's word for an amount with decimals that the currency has not.
            return Ok(answer::declined("invalid_charge_amount_no_decimal_compatible"));
        };
        match read(request, &self.exchange(account, &call).await?)? {
            Read::Answer(answer) => Ok(answer),
            Read::Look { payment_id, refused } => {
                let response = self.exchange(account, &Call::look(&payment_id)).await?;
                answer::look(request, &response, refused)
            }
        }
    }

    async fn exchange(&self, account: &Account, call: &Call) -> Result<StripeResponse, AskError> {
        let request = call.to_http(account)?;
        let response = self.http.send(request).await;
        let response = response.map_err(|error| transient(tidegate_runtime::chain(&error)))?;
        let (head, body) = response.into_parts();
        // Read to its end also where the status says it all: the connection is then good for the next request.
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map(|body| body.to_bytes());
        Ok(StripeResponse::new(&head, body.map_err(|error| tidegate_runtime::chain(&*error))))
    }
}
