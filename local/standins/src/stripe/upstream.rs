//! localstripe behind the stand-in, and what it does differently from Stripe put right.
//!
//! It captures what was cancelled, refunds twice, forgets a decline's type, refuses parameters that it does not know, and expands
//! `latest_charge` unasked. A worker that was tried on that alone would fail at the real service, or pass where it should not.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::http::{HeaderMap, Method, Request, header};
use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::StripeAnswer;
use crate::http_client::HttpClient;

/// It is on this machine, and does nothing slow.
const LIMIT: Duration = Duration::from_secs(20);
/// What localstripe knows of a new payment intent.
const INTENT_PARAMETERS: [&str; 10] = [
    "amount",
    "currency",
    "customer",
    "payment_method",
    "metadata",
    "payment_method_types",
    "capture_method",
    "confirm",
    "off_session",
    "expand",
];

/// Stripe's payment methods that are declined, and why: <https://docs.stripe.com/testing#declined-payments>. localstripe accepts the
/// first as if it were any other, does not know most, and declines the last.
const DECLINED: [(&str, &str); 6] = [
    ("pm_card_visa_chargeDeclined", "generic_decline"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
    ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
    ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
    ("pm_card_chargeCustomerFail", "generic_decline"),
];

/// A request on its way to localstripe.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    pub(super) client: HttpClient,
    pub(super) url: String,
    /// Of the request that is passed on; requests made beside it use the same key.
    pub(super) authorization: HeaderMap,
}

impl Upstream {
    /// Carries a request out as Stripe would.
    pub(super) async fn carry_out(&self, method: &Method, path: &str, query: &str, body: &str) -> Result<StripeAnswer> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let is_post = *method == Method::POST;
        let refused = match parts.as_slice() {
            ["v1", "payment_intents", id, "capture"] if is_post => {
                self.unless(id, &["requires_capture"], "captured").await?
            }
            ["v1", "payment_intents", id, "cancel"] if is_post => {
                let may = ["requires_payment_method", "requires_capture", "requires_confirmation", "requires_action"];
                self.unless(id, &may, "canceled").await?
            }
            ["v1", "refunds"] if is_post => self.refund_is_refused(body).await?,
            _ => None,
        };
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let sent = match parts.as_slice() {
            ["v1", "payment_intents"] if is_post => with_known_method(&keeping(body, &INTENT_PARAMETERS)),
            ["v1", "payment_intents", _, "cancel" | "confirm"] => keeping(body, &["expand"]),
            ["v1", "payment_intents", _, "capture"] => keeping(body, &["expand", "amount_to_capture"]),
            ["v1", "refunds"] if is_post => {
                keeping(body, &["charge", "payment_intent", "amount", "metadata", "expand"])
            }
            _ => body.to_owned(),
        };
        let answer = self.request(method, path, query, &sent).await?;
        self.as_stripe(answer, query, body).await
    }

    async fn request(&self, method: &Method, path: &str, query: &str, body: &str) -> Result<StripeAnswer> {
        let question = if query.is_empty() { "" } else { "?" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}{question}{query}", self.url))
            .body(Bytes::from(body.to_owned()))
            .context("not a request that can be passed on")?;
        *request.headers_mut() = self.authorization.clone();
        if !body.is_empty() {
            let form = header::HeaderValue::from_static("application/x-www-form-urlencoded");
            request.headers_mut().insert(header::CONTENT_TYPE, form);
        }
        let response = self.client.send(request, LIMIT).await?;
        let body = response.json().context("localstripe answered something that is not JSON")?;
        Ok(StripeAnswer::new(response.status.as_u16(), body))
    }

    async fn get(&self, path: &str) -> Result<Option<Value>> {
        let answer = self.request(&Method::GET, path, "", "").await?;
        Ok(answer.is_success().then_some(answer.body))
    }

    async fn intent(&self, id: &str) -> Result<Option<Value>> {
        self.get(&format!("/v1/payment_intents/{id}")).await
    }

    async fn unless(&self, id: &str, states: &[&str], what: &str) -> Result<Option<StripeAnswer>> {
        let Some(mut intent) = self.intent(id).await? else { return Ok(None) };
        let status = intent["status"].as_str().unwrap_or_default().to_owned();
        if states.contains(&status.as_str()) {
            return Ok(None);
        }
        fold_charge(&mut intent);
        let message = format!("This PaymentIntent could not be {what} because it has a status of {status}.");
        let mut answer =
            StripeAnswer::error(400, "invalid_request_error", Some("payment_intent_unexpected_state"), &message);
        answer.body["error"]["payment_intent"] = intent;
        Ok(Some(answer))
    }

    async fn refund_is_refused(&self, body: &str) -> Result<Option<StripeAnswer>> {
        let charge = match (parameter(body, "payment_intent"), parameter(body, "charge")) {
            (Some(id), _) => self.intent(id).await?.map(|intent| intent["latest_charge"].clone()),
            (None, Some(id)) => self.get(&format!("/v1/charges/{id}")).await?,
            (None, None) => None,
        };
        let Some(charge) = charge.filter(Value::is_object) else { return Ok(None) };
        let number = |name: &str| charge[name].as_u64().unwrap_or_default();
        let left = number("amount").saturating_sub(number("amount_refunded"));
        let wanted = parameter(body, "amount").and_then(|text| text.parse().ok()).unwrap_or(left);
        let id = charge["id"].as_str().unwrap_or_default();
        let refused = |code, message: String| StripeAnswer::error(400, "invalid_request_error", code, &message);
        Ok(if charge["captured"] == false {
            Some(refused(None, format!("Charge {id} has not been captured and cannot be refunded.")))
        } else if left == 0 {
            Some(refused(Some("charge_already_refunded"), format!("Charge {id} has already been refunded.")))
        } else if wanted > left {
            Some(refused(
                None,
                format!("Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})."),
            ))
        } else {
            None
        })
    }

    async fn as_stripe(&self, mut answer: StripeAnswer, query: &str, body: &str) -> Result<StripeAnswer> {
        let expands = [query, body].iter().any(|text| text.contains("latest_charge"));
        if answer.body["object"] == "payment_intent" && !expands {
            fold_charge(&mut answer.body);
        }
        match answer.status {
            402 => {
                let intent = self.intent_of_charge(&answer.body["error"]["charge"]).await?;
                let error = &mut answer.body["error"];
                error["type"] = "card_error".into();
                error["decline_code"] = declined(body).unwrap_or("generic_decline").into();
                if let Some(intent) = intent {
                    error["payment_intent"] = intent;
                }
            }
            404 => answer.body["error"]["code"] = "resource_missing".into(),
            _ => {}
        }
        Ok(answer)
    }

    async fn intent_of_charge(&self, charge: &Value) -> Result<Option<Value>> {
        let Some(charge) = charge.as_str() else { return Ok(None) };
        let Some(charge) = self.get(&format!("/v1/charges/{charge}")).await? else { return Ok(None) };
        let Some(id) = charge["payment_intent"].as_str() else { return Ok(None) };
        let mut intent = self.intent(id).await?;
        intent.iter_mut().for_each(fold_charge);
        Ok(intent)
    }
}

/// Puts the charge's id in the place of the charge, as Stripe does unless the request expands it.
fn fold_charge(intent: &mut Value) {
    let id = intent["latest_charge"]["id"].clone();
    if id.is_string() {
        intent["latest_charge"] = id;
    }
    // Stripe has not had this member for years; localstripe still has.
    if let Some(members) = intent.as_object_mut() {
        members.remove("charges");
    }
    let amount = intent["amount"].clone();
    let none = json!(0);
    let (capturable, received) = match intent["status"].as_str() {
        Some("requires_capture") => (amount, none),
        Some("succeeded") => (none, amount),
        _ => (none.clone(), none),
    };
    intent["amount_capturable"] = capturable;
    intent["amount_received"] = received;
}

/// A form without the parameters that are not listed. Stripe knows the others too; for a stand-in they have no effect.
fn keeping(body: &str, names: &[&str]) -> String {
    let known = |pair: &&str| {
        let name = pair.split(['=', '[', '%']).next().unwrap_or_default();
        names.contains(&name)
    };
    body.split('&').filter(known).collect::<Vec<_>>().join("&")
}

/// Why this payment is declined, if it is.
fn declined(body: &str) -> Option<&'static str> {
    let method = parameter(body, "payment_method")?;
    DECLINED.iter().find(|(name, _)| *name == method).map(|(_, reason)| *reason)
}

/// A form whose payment method is one that localstripe declines, where Stripe declines it.
fn with_known_method(body: &str) -> String {
    match (declined(body), parameter(body, "payment_method")) {
        (Some(_), Some(method)) => body.replace(
            &format!("payment_method={method}"),
            &format!("payment_method={}", DECLINED[DECLINED.len() - 1].0),
        ),
        _ => body.to_owned(),
    }
}

/// A parameter that needs no decoding: ids and numbers.
fn parameter<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').find_map(|pair| pair.split_once('=').filter(|(own, _)| *own == name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_that_localstripe_would_stumble_over_are_left_out() {
        let body = "amount=5&metadata[order_id]=ord_1&metadata%5Ba%5D=b&description=x&error_on_requires_action=true";
        assert_eq!(keeping(body, &INTENT_PARAMETERS), "amount=5&metadata[order_id]=ord_1&metadata%5Ba%5D=b");
    }

    #[test]
    fn what_stripe_declines_is_something_that_localstripe_declines() {
        let body = "amount=5&payment_method=pm_card_visa_chargeDeclinedInsufficientFunds&confirm=true";
        assert_eq!(declined(body), Some("insufficient_funds"));
        assert_eq!(with_known_method(body), "amount=5&payment_method=pm_card_chargeCustomerFail&confirm=true");
        let fine = "amount=5&payment_method=pm_card_visa";
        assert_eq!((declined(fine), with_known_method(fine).as_str()), (None, fine));
    }

    #[test]
    fn a_charge_is_folded_into_its_id_and_the_amounts_follow_the_status() {
        let mut intent =
            json!({"amount": 5, "status": "requires_capture", "latest_charge": {"id": "ch_1"}, "charges": {}});
        fold_charge(&mut intent);
        let folded = json!({
            "amount": 5, "status": "requires_capture", "latest_charge": "ch_1", "amount_capturable": 5, "amount_received": 0,
        });
        assert_eq!(intent, folded);
    }
}
