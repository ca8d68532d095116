//! `POST /orders`: one conditional write, and nothing that could be left half done.
//!
//! An order is created without being loaded first ([`handle`](tidegate_outbox::handle) has the timeline). Where it is there
//! already, an equal request placed it (the same one, after a stop, a crash or a lost answer): 202, replayed. With another
//! body the key is refused: 422.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::header::LOCATION;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tidegate_events::{CustomerId, Fault, Invalid, OrderId, PlaceOrder};
use tidegate_orders::{Order, order};
use tidegate_outbox::{AggregateId, AggregateStore, Image, Write};
use tidegate_runtime::problem::{self, ErrorAt, Problem};
use tidegate_runtime::trace::TraceContext;
use tracing::info;

use crate::answer::{Placed, path};
use crate::orders::{self, Operation, RequestContext};
use crate::request::Request;
use crate::{Api, Views};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Of SHA-256, so that nobody finds a key that names another customer's order: 160 bits.
const ID_BYTES: usize = 20;

impl<C: AggregateStore, V: Views> Api<C, V> {
    pub(crate) async fn place(
        &self,
        request: &Request,
        trace: TraceContext,
    ) -> Result<ApiGatewayV2httpResponse, Problem> {
        let key = request.idempotency_key()?;
        let body = request.json()?;
        let digest = digest(body)?;
        let wanted = PlaceOrder::parse(body).map_err(invalid)?;
        let id = order_id(&request.customer, key).map_err(|_| orders::broken())?;
        tracing::Span::current().record("order_id", id.as_str());

        let (operation, now) = (Operation::PlaceOrder, self.ports.now());
        let context = RequestContext { operation, now, correlation_id: request.correlation_id(), trace };
        let placed_by = wanted.placed_by(request.customer.clone());
        let transition = order::place(placed_by, Some(digest.clone()), orders::timestamp(now));
        let home = AggregateId::from(&id);
        let write = Write::to(home.clone()).over(Image::absent(home)).at_most(1);
        let place = |stored: Option<Order>| match stored {
            None => Ok(Some(transition.clone())),
            // An equal request's order, perhaps from this very write, whose answer was lost.
            Some(order) if order.customer_id == request.customer && order.request_digest.as_ref() == Some(&digest) => {
                Ok(None)
            }
            Some(_) => Err(reused()),
        };
        let handled = orders::write(&self.store, &write, &id, &context, place).await?;
        let order = orders::stored(handled.home())?.ok_or_else(orders::broken)?;
        let replayed = handled.written.is_none();
        info!(replayed, "placed");
        let replayed = replayed.then(|| (REPLAYED, HeaderValue::from_static("true")));
        placed(&id, &order, replayed.into_iter().collect())
    }
}

/// The same for all equal requests, whenever they come: it has only what never changes.
fn placed(id: &OrderId, order: &Order, mut headers: HeaderMap) -> Result<ApiGatewayV2httpResponse, Problem> {
    let location = HeaderValue::try_from(path(id)).map_err(|_| orders::broken())?;
    headers.insert(LOCATION, location);
    Ok(problem::json_with(StatusCode::ACCEPTED, headers, &Placed::of(id, order)))
}

/// The customer's id has no control characters, so nothing but this customer and key makes this text.
fn order_id(customer: &CustomerId, key: &str) -> Result<OrderId, Invalid> {
    let name = Sha256::digest(format!("{}\0{key}", customer.as_str()));
    format!("ord_{}", hex::encode(&name[..ID_BYTES])).parse()
}

/// Of the body's canonical form, so that a client may write the same again in another way.
fn digest(body: &[u8]) -> Result<String, Problem> {
    let malformed =
        |detail| Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body cannot be read").detail(detail);
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("it is not JSON at line {}, column {}", error.line(), error.column())))?;
    let canonical =
        serde_json_canonicalizer::to_vec(&json).map_err(|_| malformed("it has no canonical form".to_owned()))?;
    Ok(hex::encode(Sha256::digest(canonical)))
}

fn invalid(faults: Vec<Fault>) -> Problem {
    let detail =
        if faults.len() == 1 { "one thing is wrong".to_owned() } else { format!("{} things are wrong", faults.len()) };
    let errors = faults.into_iter().map(|it| ErrorAt { pointer: it.pointer, detail: it.detail.into_owned() });
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-order", "The body is not an order")
        .detail(detail)
        .errors(errors)
}

fn reused() -> Problem {
    let detail = "this Idempotency-Key is another order's; a new order needs a new key";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The key was used with another body")
        .detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_named_by_its_customer_and_key_and_by_nothing_else() {
        let id = |customer: &str, key| order_id(&customer.parse().unwrap(), key).unwrap().as_str().to_owned();
        // Written down: an order that is placed again after an update must be the same one.
        assert_eq!(id("customer-mona", "key-1"), "ord_40a5053f882cd6ba306621d9b5d7316d4651819f");
        assert_ne!(id("customer-mona", "key-1"), id("customer-mona", "key-2"));
        assert_ne!(id("customer-mona", "key-1"), id("customer-monak", "ey-1"));
        assert!(!id("customer-mona", "key-1").contains("mona"));
    }

    #[test]
    fn equal_json_has_an_equal_digest_however_it_is_written() {
        let one = digest(br#"{"a": [1, 2], "b": "\u00e9"}"#).unwrap();
        assert_eq!(digest("\n{\"b\":\"é\",\"a\":[1,2]}".as_bytes()).unwrap(), one);
        assert_ne!(digest(br#"{"a": [2, 1], "b": "\u00e9"}"#).unwrap(), one);
        for bad in [&b""[..], b"{", b"\xff", b"{} {}", br#""\ud800""#, b"1e999", "[".repeat(200).as_bytes()] {
            assert_eq!(digest(bad).unwrap_err().kind(), "malformed-body");
        }
    }
}
