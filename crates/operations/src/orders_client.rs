//! The orders API, as a customer's server calls it.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Value, json};

use crate::failure::Hint;
use crate::http_client::{Answer, HttpClient};
use crate::resources::Api;
use crate::token::Token;

/// Longer than the HTTP API lets a function work.
const LIMIT: Duration = Duration::from_secs(35);

#[derive(Debug)]
pub struct OrdersClient {
    client: HttpClient,
    api: Api,
    authorization: HeaderValue,
    /// The app client, which is the customer's id.
    pub customer_id: String,
}

impl OrdersClient {
    pub fn new(api: Api, token: Token) -> Result<Self> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .context("the token is not one that a header can hold; sign in again")?;
        authorization.set_sensitive(true);
        Ok(Self { client: HttpClient::new(), api, authorization, customer_id: token.client_id })
    }

    pub async fn place(&self, key: &str, body: Bytes) -> Result<Answer> {
        let key = HeaderValue::from_str(key)
            .map_err(|_| Hint::new("the key is not one that a header can hold", "use visible ASCII characters"))?;
        let headers = [
            (HeaderName::from_static("idempotency-key"), key),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ];
        self.send(Method::POST, "/orders", headers.into_iter().collect(), body).await
    }

    /// A page of the customer's orders.
    pub async fn list(&self, limit: u32, cursor: Option<&str>) -> Result<Answer> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        self.send(Method::GET, &format!("/orders?limit={limit}{cursor}"), HeaderMap::new(), Bytes::new()).await
    }

    pub async fn show(&self, id: &str) -> Result<Answer> {
        self.send(Method::GET, &format!("/orders/{id}"), HeaderMap::new(), Bytes::new()).await
    }

    pub async fn cancel(&self, id: &str) -> Result<Answer> {
        self.send(Method::POST, &format!("/orders/{id}/cancellation"), HeaderMap::new(), Bytes::new()).await
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: Bytes) -> Result<Answer> {
        let address = self.api.address(path);
        let mut request = Request::builder()
            .method(method)
            .uri(&address)
            .body(body)
            .with_context(|| format!("{address} is not a URL"))?;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::AUTHORIZATION, self.authorization.clone());
        self.client.send(request, LIMIT).await
    }
}

/// What is ordered, as the API takes it.
#[derive(Clone, Debug)]
pub struct Draft {
    pub sku: String,
    pub quantity: u64,
    /// The price of one, in minor units.
    pub price: u64,
    pub currency: String,
    /// Where it is shipped to.
    pub country: String,
    /// Stripe's payment method.
    pub pay: String,
    pub callback_url: Option<String>,
}

impl Draft {
    /// The body of the request. The address is made up, but for the country.
    pub fn body(&self) -> Value {
        let price = json!({"minor_units": self.price, "currency": self.currency});
        let mut body = json!({
            "lines": [{"sku": self.sku, "quantity": self.quantity, "unit_price": price}],
            "payment_method": self.pay,
            "address": {
                "name": "Mona Harbour",
                "line1": "Quay 1",
                "city": "Port",
                "postal_code": "10115",
                "country": self.country,
            },
        });
        if let Some(url) = &self.callback_url {
            body["callback_url"] = url.as_str().into();
        }
        body
    }
}

/// An answer's problem (RFC 9457) as lines for people: what, why, and every fault with its place.
pub fn problem(answer: &Answer) -> Vec<String> {
    let body = answer.json().unwrap_or_default();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let title = Some(text(&body, "title")).filter(|title| !title.is_empty());
    let title = title.unwrap_or_else(|| answer.status.canonical_reason().unwrap_or("refused").to_owned());
    let mut lines = vec![format!("{} {title}", answer.status.as_u16())];
    lines.extend(Some(text(&body, "detail")).filter(|detail| !detail.is_empty()));
    let faults = body["errors"].as_array().into_iter().flatten();
    lines.extend(faults.map(|fault| {
        let pointer = Some(text(fault, "pointer")).filter(|pointer| !pointer.is_empty());
        format!("{}: {}", pointer.as_deref().unwrap_or("the body"), text(fault, "detail"))
    }));
    lines
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tidegate_events::PlaceOrder;

    use super::*;

    fn answer(status: StatusCode, body: &Value) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Bytes::from(body.to_string()), took: Duration::ZERO }
    }

    #[test]
    fn a_draft_is_an_order_that_the_api_takes() {
        let draft = Draft {
            sku: "tide-table".to_owned(),
            quantity: 2,
            price: 1_990,
            currency: "EUR".to_owned(),
            country: "DE".to_owned(),
            pay: "pm_card_visa".to_owned(),
            callback_url: Some("http://127.0.0.1:1/callbacks/demo".to_owned()),
        };
        PlaceOrder::parse(draft.body().to_string().as_bytes()).unwrap();
    }

    #[test]
    fn a_problem_lists_every_fault_with_its_place() {
        let body = json!({"title": "The order is not valid", "errors": [
            {"pointer": "/lines/0/sku", "detail": "must be another"},
            {"pointer": "", "detail": "must be JSON"},
        ]});
        let lines = problem(&answer(StatusCode::UNPROCESSABLE_ENTITY, &body));
        assert_eq!(lines, ["422 The order is not valid", "/lines/0/sku: must be another", "the body: must be JSON"]);
    }

    #[test]
    fn an_answer_that_is_no_problem_document_is_described_by_its_status() {
        assert_eq!(problem(&answer(StatusCode::UNAUTHORIZED, &json!({"message": "no"}))), ["401 Unauthorized"]);
    }
}
