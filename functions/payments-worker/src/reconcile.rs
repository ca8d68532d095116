//! What Stripe reports by itself, as a command: an authorisation lapsed, a person captured or refunded in the dashboard, a
//! capture's worker died before its write.
//!
//! | event | reports | where |
//! |---|---|---|
//! | `payment_intent.canceled` | cancelled | always |
//! | `payment_intent.succeeded` | captured | always |
//! | `charge.refunded` | refunded | all of it was, and it had been captured: Stripe reports a cancelled authorisation as a refund, too |
//!
//! Only what receive-webhook published for the source named `stripe` is believed. The type alone proves nothing, for
//! whoever sends CloudEvents chooses it; nor would any source under `/webhooks/` do, for a sender by Event Grid chooses
//! its types as well. One deployment has one account at Stripe, so one name is enough.

use serde::Deserialize;
use tidegate_cloudevents::Event;
use tidegate_events::{Command, Envelope, OrderId, PaymentCommand, PaymentFact};

/// Where the events come from that are believed.
const SOURCE: &str = "/webhooks/stripe";

/// An event of Stripe's that is not what its type says. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No JSON, or not of a payment or charge.
    #[error("the data of Stripe's event are not what its type says")]
    Data,
    /// Its source and id do not make a name for a command.
    #[error("the event's source and id do not name a command")]
    Unnamed,
}

/// Stripe's event, as receive-webhook passes it on (<https://docs.stripe.com/api/events/object>).
#[derive(Deserialize)]
struct StripeEvent {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Object,
}

/// A payment intent or a charge; a charge has the metadata of its intent.
#[derive(Deserialize)]
struct Object {
    metadata: Option<Metadata>,
    /// A charge was captured.
    #[serde(default)]
    captured: bool,
    /// All of a charge was refunded.
    #[serde(default)]
    refunded: bool,
}

#[derive(Deserialize)]
struct Metadata {
    order_id: Option<String>,
}

/// The command that follows from an event, if one does. Payments that are not of an order here are passed over: an
/// account may serve other shops as well.
///
/// # Errors
/// [`Unreadable`]. Trying again does not help.
pub fn reconcile(event: &Event) -> Result<Option<Envelope>, Unreadable> {
    if event.source() != SOURCE {
        return Ok(None);
    }
    let status = match event.ty() {
        "com.stripe.payment_intent.canceled" => PaymentFact::Cancelled,
        "com.stripe.payment_intent.succeeded" => PaymentFact::Captured,
        "com.stripe.charge.refunded" => PaymentFact::Refunded,
        _ => return Ok(None),
    };
    let StripeEvent { data: Data { object } } = event.data_as().map_err(|_| Unreadable::Data)?;
    if status == PaymentFact::Refunded && !(object.captured && object.refunded) {
        return Ok(None);
    }
    let order_id = object.metadata.and_then(|it| it.order_id).and_then(|id| id.parse::<OrderId>().ok());
    let Some(order_id) = order_id else { return Ok(None) };
    let command_id = format!("{}/{}", event.source(), event.id()).parse().map_err(|_| Unreadable::Unnamed)?;
    Ok(Some(Envelope {
        command_id,
        order_id,
        task_token: None,
        // The event's own is the delivery's; what follows belongs to the order.
        correlation_id: None,
        traceparent: event.traceparent().map(str::to_owned),
        command: Command::Payment(PaymentCommand::Reconcile { status }),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn event(source: &str, ty: &str, object: &Value) -> Event {
        let told = json!({"id": "evt_1", "object": "event", "type": ty, "data": {"object": object}, "livemode": false});
        let event = Event::builder("evt_1", source, format!("com.stripe.{ty}"));
        event.subject("pi_1").extension("traceparent", TRACEPARENT).data_of(&told).build().unwrap()
    }

    fn told(ty: &str, object: Value) -> Option<PaymentFact> {
        let envelope = reconcile(&event(SOURCE, ty, &object)).unwrap()?;
        assert_eq!(envelope.order_id.as_str(), "ord_17");
        let Command::Payment(PaymentCommand::Reconcile { status }) = envelope.command else { panic!("{envelope:?}") };
        Some(status)
    }

    fn intent() -> Value {
        json!({"id": "pi_1", "object": "payment_intent", "metadata": {"order_id": "ord_17"}})
    }

    fn charge(captured: bool, refunded: bool) -> Value {
        let metadata = json!({"order_id": "ord_17", "campaign": "harbour"});
        json!({"id": "ch_1", "object": "charge", "captured": captured, "refunded": refunded, "metadata": metadata})
    }

    #[test]
    fn what_stripe_did_to_a_payment_is_a_command_under_the_events_name() {
        let envelope = reconcile(&event(SOURCE, "payment_intent.canceled", &intent())).unwrap().unwrap();
        assert_eq!(envelope.command_id.as_str(), "/webhooks/stripe/evt_1");
        assert_eq!(envelope.traceparent.as_deref(), Some(TRACEPARENT));
        assert_eq!((envelope.task_token, envelope.correlation_id), (None, None));
        assert_eq!(told("payment_intent.canceled", intent()), Some(PaymentFact::Cancelled));
        assert_eq!(told("payment_intent.succeeded", intent()), Some(PaymentFact::Captured));
        assert_eq!(told("charge.refunded", charge(true, true)), Some(PaymentFact::Refunded));
    }

    #[test]
    fn a_part_of_the_money_or_an_authorisation_given_back_is_no_refund() {
        assert_eq!(told("charge.refunded", charge(true, false)), None);
        assert_eq!(told("charge.refunded", charge(false, true)), None);
        assert_eq!(told("charge.refunded", intent()), None);
    }

    #[test]
    fn what_is_not_about_an_order_here_is_passed_over() {
        for metadata in [json!(null), json!({}), json!({"order_id": "7"}), json!({"order": "ord_17"})] {
            assert_eq!(told("payment_intent.canceled", json!({"id": "pi_1", "metadata": metadata})), None);
        }
        assert_eq!(told("payment_intent.canceled", json!({"id": "pi_1"})), None);
        for ty in ["payment_intent.created", "charge.succeeded", "payment_intent.canceled.v2", "customer.created"] {
            assert_eq!(told(ty, intent()), None);
        }
    }

    #[test]
    fn only_the_source_that_was_verified_as_stripe_is_believed() {
        for source in ["/webhooks/azure", "/webhooks/stripe/", "/webhooks/stripe2", "https://stripe.com", "stripe"] {
            assert_eq!(reconcile(&event(source, "payment_intent.canceled", &intent())), Ok(None), "{source}");
        }
    }

    #[test]
    fn an_event_that_is_not_what_it_says_is_unreadable() {
        let ty = "com.stripe.payment_intent.canceled";
        let broken = Event::builder("evt_1", SOURCE, ty).data_of(&json!({"data": "made up"})).build().unwrap();
        assert_eq!(reconcile(&broken), Err(Unreadable::Data));
        let empty = Event::builder("evt_1", SOURCE, ty).build().unwrap();
        assert_eq!(reconcile(&empty), Err(Unreadable::Data));
        let unnamed = event(SOURCE, "payment_intent.canceled", &intent()).with_id("évt").unwrap();
        assert_eq!(reconcile(&unnamed), Err(Unreadable::Unnamed));
    }
}
