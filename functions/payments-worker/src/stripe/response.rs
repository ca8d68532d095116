//! Stripe's response as it came over the wire, and what of it holds for every request.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, StatusCode, response};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use tidegate_events::Reason;

use super::error::{AskError, permanent, transient};
use super::intent::{Intent, word};

/// The longest wait that is granted: as often as a message is received, it stays within its queue's retention.
pub const LONGEST_WAIT: Duration = Duration::from_secs(4 * 60 * 60);
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// Set on an answer that was kept for the idempotency key.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What Stripe tells its own clients where the status alone would mislead.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("stripe-should-retry");

pub(super) struct StripeResponse {
    status: StatusCode,
    replayed: bool,
    should_retry: bool,
    retry_after: Option<Duration>,
    body: Result<Vec<u8>, String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Refusal {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    decline_code: Option<String>,
    param: Option<String>,
    /// The payment as it is, where the request was about one.
    #[serde(default, deserialize_with = "intent_or_else")]
    pub(super) payment_intent: Option<Intent>,
    payment_method: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Refusal,
}

impl StripeResponse {
    pub(super) fn new(head: &response::Parts, body: Result<impl Into<Vec<u8>>, String>) -> Self {
        let is = |name: &HeaderName| head.headers.get(name).is_some_and(|value| value == "true");
        Self {
            status: head.status,
            replayed: is(&REPLAYED),
            should_retry: is(&SHOULD_RETRY),
            retry_after: retry_after(&head.headers),
            body: body.map(Into::into),
        }
    }

    /// What was sent back, or why Stripe will not do it now and might another time, or why it refuses.
    pub(super) fn success<T: DeserializeOwned>(&self) -> Result<Result<T, Refusal>, AskError> {
        if self.status.is_success() {
            let body = self.body.as_ref();
            let body = body.map_err(|error| transient(format!("Stripe's answer could not be read: {error}")))?;
            // Something between here and Stripe may answer with a page of its own, and stop doing so.
            let parsed = serde_json::from_slice(body);
            return parsed.map(Ok).map_err(|_| self.later(format!("{}, but the answer is not Stripe's", self.status)));
        }
        let refusal = self.refusal();
        let reason = refusal.describe(self.status);
        match self.status {
            // Keeping an answer to a key includes Stripe's own failures, for a day at least.
            status if status.is_server_error() && self.replayed => {
                Err(permanent(format!("{reason}, which Stripe repeats for this key: whether it was done is unknown")))
            }
            // Another request has the key or the payment, a bank or network behind Stripe is away, Stripe's own timeout.
            StatusCode::CONFLICT
            | StatusCode::FAILED_DEPENDENCY
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS => Err(self.later(reason)),
            status if status.is_server_error() || self.should_retry => Err(self.later(reason)),
            StatusCode::UNAUTHORIZED => Err(AskError::UnknownKey { reason }),
            // The same key with other parameters: somebody has changed what a key stands for.
            _ if refusal.kind.as_deref() == Some("idempotency_error") => Err(permanent(reason)),
            StatusCode::PAYMENT_REQUIRED | StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Ok(Err(refusal)),
            // Of the others none passes by itself. A redirect is not followed: it would take the key to an address that
            // nobody configured.
            _ => Err(permanent(reason)),
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    fn later(&self, reason: String) -> AskError {
        AskError::Transient { reason, retry_after: self.retry_after }
    }

    /// A proxy's pages say less than the status; then there is nothing.
    fn refusal(&self) -> Refusal {
        let body = self.body.as_ref().ok();
        body.and_then(|body| serde_json::from_slice::<ErrorBody>(body).ok()).map(|it| it.error).unwrap_or_default()
    }
}

impl Refusal {
    /// Whether Stripe's word for it is this.
    pub(super) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// The bank's word for a decline, or Stripe's, if it can be one.
    pub(super) fn word(&self) -> Option<Reason> {
        word(self.decline_code.as_deref()).or_else(|| word(self.code.as_deref()))
    }

    /// Whether it is about what the customer chose and not about how this client asks.
    pub(super) fn blames_the_order(&self) -> bool {
        let chosen = ["amount", "currency", "payment_method"];
        self.payment_method.is_some()
            || self.param.as_deref().is_some_and(|param| chosen.contains(&param))
            || ["amount_too_large", "amount_too_small"].into_iter().any(|code| self.is(code))
    }

    /// Stripe's words and the status. Its sentences are left out, for they quote what was sent.
    pub(super) fn describe(&self, status: StatusCode) -> String {
        let word = self.word().or_else(|| word(self.kind.as_deref()));
        let about = word_of_param(self.param.as_deref()).map(|param| format!(" about `{param}`")).unwrap_or_default();
        match word {
            Some(word) => format!("Stripe says {}{about} ({status})", word.as_str()),
            None => format!("Stripe says {status}"),
        }
    }
}

/// Errors about a payment carry it whole; should one carry its id alone, the rest of the error still counts.
fn intent_or_else<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Intent>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Lenient {
        Intent(Intent),
        Else(IgnoredAny),
    }
    Ok(match Lenient::deserialize(from)? {
        Lenient::Intent(intent) => Some(intent),
        Lenient::Else(_) => None,
    })
}

/// `payment_method_types[0]` has brackets, and nothing else that a word has not.
fn word_of_param(param: Option<&str>) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'[' | b']');
    param.filter(|param| (1..=64).contains(&param.len()) && param.bytes().all(plain))
}

/// Stripe gives seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).clamp(SHORTEST_WAIT, LONGEST_WAIT))
}
