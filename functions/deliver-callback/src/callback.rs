//! What a client is sent: a document of its own, so that what travels inside may change without a client noticing.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#payload-structure>

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tidegate_cloudevents::Event;
use tidegate_events::{CancelReason, Money, OrderEvent, OrderId};

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Confirmed,
    /// It is undone.
    Cancelled(CancelReason),
}

impl End {
    /// The end that an event reports; most report none.
    #[must_use]
    pub fn of(event: &OrderEvent) -> Option<Self> {
        match event {
            OrderEvent::OrderConfirmed(_) => Some(Self::Confirmed),
            OrderEvent::OrderCancelled(cancelled) => Some(Self::Cancelled(cancelled.reason)),
            OrderEvent::OrderPlaced(_)
            | OrderEvent::OrderCancellationRequested(_)
            | OrderEvent::StockReserved(_)
            | OrderEvent::StockRejected(_)
            | OrderEvent::StockReleased(_)
            | OrderEvent::PaymentAuthorised(_)
            | OrderEvent::PaymentDeclined(_)
            | OrderEvent::PaymentCaptured(_)
            | OrderEvent::PaymentVoided(_)
            | OrderEvent::PaymentRefunded(_)
            | OrderEvent::PaymentExpired(_)
            | OrderEvent::ShipmentCreated(_)
            | OrderEvent::ShipmentRejected(_)
            | OrderEvent::ShipmentCancelled(_)
            | OrderEvent::CompensationParked(_)
            | OrderEvent::CompensationAnswered(_) => None,
        }
    }
}

#[derive(Serialize)]
struct Callback<'a> {
    #[serde(rename = "type")]
    ty: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    order_id: &'a OrderId,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<CancelReason>,
    total: Money,
}

/// The body of the request. The same input makes the same bytes, so all attempts send the same.
///
/// # Errors
/// None that these types can have.
pub fn body(order_id: &OrderId, end: End, total: Money, at: Timestamp) -> Result<Vec<u8>, serde_json::Error> {
    let (ty, status, reason) = match end {
        End::Confirmed => ("order.confirmed", "confirmed", None),
        End::Cancelled(reason) => ("order.cancelled", "cancelled", Some(reason)),
    };
    serde_json::to_vec(&Callback { ty, timestamp: at, data: Data { order_id, status, reason, total } })
}

/// `webhook-id` of an event: derived from source and id, which together are unique, and without the dot that separates
/// the signed parts. A client that sees it twice has seen it once.
#[must_use]
pub fn webhook_id(event: &Event) -> String {
    let mut hash = Sha256::new();
    // A source is a URI reference and has no line feed, so no two pairs make the same text.
    hash.update(event.source());
    hash.update("\n");
    hash.update(event.id());
    format!("msg_{}", hex::encode(&hash.finalize()[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(end: End) -> String {
        let total = Money { minor_units: 12_950, currency: "EUR".parse().unwrap() };
        let at = "2026-03-02T09:00:00.5Z".parse().unwrap();
        String::from_utf8(body(&"ord_1".parse().unwrap(), end, total, at).unwrap()).unwrap()
    }

    #[test]
    fn a_body_says_how_the_order_ended_and_no_more() {
        assert_eq!(
            text(End::Confirmed),
            r#"{"type":"order.confirmed","timestamp":"2026-03-02T09:00:00.5Z","data":{"order_id":"ord_1","status":"confirmed","total":{"minor_units":12950,"currency":"EUR"}}}"#
        );
        assert_eq!(
            text(End::Cancelled(CancelReason::OutOfStock)),
            r#"{"type":"order.cancelled","timestamp":"2026-03-02T09:00:00.5Z","data":{"order_id":"ord_1","status":"cancelled","reason":"out_of_stock","total":{"minor_units":12950,"currency":"EUR"}}}"#
        );
    }

    #[test]
    fn an_id_has_no_dot_and_is_of_source_and_id() {
        let id = |source: &str, id: &str| webhook_id(&Event::builder(id, source, "t").build().unwrap());
        assert_eq!(id("/orders", "ord_1/3/0"), id("/orders", "ord_1/3/0"));
        assert_ne!(id("/orders", "ord_1/3/0"), id("/orders/ord_1", "3/0"));
        assert!(id("/orders", "a.b").bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
    }
}
