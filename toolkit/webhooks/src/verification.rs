//! The result of verification: accepted with what is known of the delivery, or rejected with a reason that is safe to log.

use http::HeaderName;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::scheme::Scheme;

/// An authentic delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The delivery's id, where the scheme carries it in a header: `X-GitHub-Delivery`, `X-Shopify-Webhook-Id`,
    /// `webhook-id`, or the id header of an `hmac` source. `None` where it stands in the body (Stripe's `id`, Slack's
    /// `event_id`, a CloudEvent's `id`, Pub/Sub's `messageId`, an Event Grid event's `id`), which verification does not
    /// parse.
    ///
    /// GitHub and Shopify do not sign this header: who has captured one delivery can send it again under another id.
    /// That is what [`replay_key`](Self::replay_key) is for.
    pub delivery_id: Option<String>,
    /// The same for every copy of a captured request, whatever headers that are not signed were changed: 64 lower-case
    /// hex digits, the SHA-256 of the scheme's name and of the decoded signature that matched. `None` for `cloudevents`,
    /// `pubsub` and `event-grid`, whose tokens do not cover the body.
    ///
    /// It is derived from the signature and not from the body because that saves a second pass over the body. The price:
    /// a sender that signs the same delivery anew with another secret (a redelivery after a rotation) makes another
    /// key, and only the delivery id shows that the two are one. An attacker without a secret can never make another
    /// key for a captured body under GitHub, Shopify and Slack. Where a header carries several signatures (Stripe,
    /// Standard Webhooks) one of them can be taken out; there the id and the timestamp are signed.
    pub replay_key: Option<String>,
    /// Whether a signed timestamp bounds how long the request can be replayed. False for the schemes that sign the body
    /// alone (GitHub, Shopify, `hmac` without a timestamp header) and for a secret that is sent as it is (`cloudevents`,
    /// `event-grid` with a header). A signed token (`pubsub`, `event-grid` with Entra) is good until it expires, which is
    /// an hour or so, and with any body.
    pub timestamped: bool,
}

impl Verified {
    /// `authenticator` is the decoded signature that matched.
    pub(crate) fn signed(scheme: Scheme, authenticator: &[u8], timestamped: bool) -> Verified {
        let mut hash = Sha256::new();
        hash.update(scheme.name());
        // The separator keeps "hmac" + bytes apart from any later scheme whose name begins with "hmac".
        hash.update([0]);
        hash.update(authenticator);
        Verified { delivery_id: None, replay_key: Some(hex::encode(hash.finalize())), timestamped }
    }

    /// Authenticated by a token, which does not cover the body.
    pub(crate) fn vouched_for(timestamped: bool) -> Verified {
        Verified { delivery_id: None, replay_key: None, timestamped }
    }

    pub(crate) fn with_id(self, id: String) -> Verified {
        Verified { delivery_id: Some(id), ..self }
    }
}

/// Why a request is not an authentic delivery. Names headers and never their values, so it is safe to log; the sender
/// should get no more than the status.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Rejection {
    /// A header that the signature needs is absent.
    #[error("the header {0} is missing")]
    Missing(HeaderName),
    /// A header that the signature needs came more than once, also when a proxy joined the copies with commas.
    #[error("the header {0} is repeated")]
    Repeated(HeaderName),
    /// A header that the signature needs cannot be read.
    #[error("the header {0} is malformed")]
    Malformed(HeaderName),
    /// No active secret made any of the signatures, or the token is none of the active ones.
    #[error("the signature matches no active secret")]
    BadSignature,
    /// The token is signed with a key that is not in the key set: the issuer may have begun to use a new one. Fetch the
    /// set anew, not more often than every few seconds since any request can name a key, and verify once more.
    #[error("the token is signed with a key that is not in the key set")]
    UnknownKey,
    /// Rightly signed, but by or for another party.
    #[error("the token's claim `{0}` is not what this source expects")]
    WrongClaim(&'static str),
    /// Rightly signed, but longer ago than the tolerance.
    #[error("the signed timestamp is too old")]
    TooOld,
    /// Rightly signed, but dated further ahead than the tolerance.
    #[error("the signed timestamp is in the future")]
    TooNew,
    /// Authentic, but without the header that carries the delivery's id.
    #[error("the delivery id header {0} is missing")]
    MissingId(HeaderName),
    /// Authentic, but with several delivery ids.
    #[error("the delivery id header {0} is repeated")]
    RepeatedId(HeaderName),
    /// Authentic, but the delivery's id is empty, longer than 256 characters, or has others than visible ASCII ones.
    #[error("the delivery id header {0} is malformed")]
    MalformedId(HeaderName),
}

impl Rejection {
    /// True when the sender has not proved who it is (answer 401); false when it has, and the request is malformed
    /// (answer 400).
    pub fn is_unauthenticated(&self) -> bool {
        !matches!(self, Rejection::MissingId(_) | Rejection::RepeatedId(_) | Rejection::MalformedId(_))
    }
}

/// Why a delivery cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The id cannot be sent in the scheme's id header.
    #[error("a delivery id is 1 to 256 visible ASCII characters without commas, nor what the scheme separates it with")]
    Id,
    /// The time is before 1970.
    #[error("a signed timestamp cannot be before 1970")]
    Time,
    /// The source's first secret is a public key, which verifies only.
    #[error("the first secret is a public key, which can only verify")]
    PublicKey,
    /// The source's document holds no secret: only the issuer of its tokens can sign.
    #[error("the source has no key of its own, only the issuer of its tokens can sign")]
    NoKey,
}
