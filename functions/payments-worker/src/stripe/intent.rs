//! A payment intent, as far as it is read.

use serde::Deserialize;
use tidegate_events::{PaymentId, Reason};

#[derive(Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: PaymentId,
    /// <https://docs.stripe.com/payments/paymentintents/lifecycle>
    status: String,
    last_payment_error: Option<LastError>,
}

#[derive(Debug, Deserialize)]
struct LastError {
    code: Option<String>,
    decline_code: Option<String>,
}

/// How far a payment is, in Stripe's view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Authorised, not captured.
    RequiresCapture,
    Succeeded,
    /// Cancelled by somebody, or lapsed.
    Canceled,
    /// Only the customer can go on.
    RequiresAction,
    RequiresPaymentMethod,
    /// Not yet known.
    Processing,
    /// One that a confirmed payment by card cannot have.
    Other,
}

impl Intent {
    pub(super) fn status(&self) -> Status {
        match self.status.as_str() {
            "requires_capture" => Status::RequiresCapture,
            "succeeded" => Status::Succeeded,
            "canceled" => Status::Canceled,
            "requires_action" => Status::RequiresAction,
            "requires_payment_method" => Status::RequiresPaymentMethod,
            "processing" => Status::Processing,
            _ => Status::Other,
        }
    }

    /// The bank's word for why it was declined, or Stripe's.
    pub(super) fn decline(&self) -> Option<Reason> {
        let error = self.last_payment_error.as_ref()?;
        word(error.decline_code.as_deref()).or_else(|| word(error.code.as_deref()))
    }

    /// The status in Stripe's word, for people.
    pub(super) fn describe(&self) -> String {
        let status = word(Some(&self.status));
        format!("at Stripe the payment is {}", status.as_ref().map_or("of an unknown status", Reason::as_str))
    }
}

/// A word of Stripe's, if it can be one of ours.
pub(super) fn word(text: Option<&str>) -> Option<Reason> {
    text.and_then(|text| text.parse().ok())
}
