//! `pubsub`: Google Pub/Sub's push, with a token that Google signs; and the message in it.
//!
//! <https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions>

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use thiserror::Error;

#[cfg(feature = "jwt")]
pub(crate) use scheme::PubSub;

use crate::headers;

static MESSAGE_ID: HeaderName = HeaderName::from_static("x-goog-pubsub-message-id");
static SUBSCRIPTION: HeaderName = HeaderName::from_static("x-goog-pubsub-subscription-name");
static PUBLISH_TIME: HeaderName = HeaderName::from_static("x-goog-pubsub-publish-time");
static ORDERING_KEY: HeaderName = HeaderName::from_static("x-goog-pubsub-ordering-key");

/// A message that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Push {
    /// The delivery's id: unique within the topic, the same however often the message is delivered.
    pub message_id: String,
    /// `projects/{project}/subscriptions/{name}`.
    pub subscription: String,
    /// When it was published (RFC 3339).
    pub publish_time: Option<String>,
    /// Messages with the same key come in order.
    pub ordering_key: Option<String>,
    /// What the publisher put beside the data. Empty for an unwrapped push, which has them among its headers, where
    /// nothing tells them from others.
    pub attributes: BTreeMap<String, String>,
    /// The publisher's bytes.
    pub data: Vec<u8>,
}

/// Why a body is no push.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushError {
    /// Neither Pub/Sub's envelope nor an unwrapped message with its metadata in headers. A subscription that unwraps has
    /// to have *write metadata* turned on: without an id a message cannot be told from its own redelivery.
    #[error("neither a push envelope nor an unwrapped message with its id in X-Goog-Pubsub-Message-Id")]
    NoMessage,
    /// The message id is empty, repeated, over 256 characters long or not visible ASCII.
    #[error("the message id is malformed")]
    MessageId,
    /// The data is not base64.
    #[error("the message's data is not base64")]
    Data,
}

/// Reads a push, wrapped in Pub/Sub's envelope or unwrapped with its metadata in headers. Nothing of it is signed but
/// the fact that Google sends it, so verify first.
///
/// ```
/// use http::HeaderMap;
/// use tidegate_webhooks::pubsub::push;
///
/// let body = br#"{"message": {"data": "aGlnaCB0aWRl", "messageId": "2070443601311540", "attributes": {"port": "A"}},
///     "subscription": "projects/harbour/subscriptions/tides"}"#;
/// let push = push(&HeaderMap::new(), body)?;
/// assert_eq!((push.message_id.as_str(), push.data.as_slice()), ("2070443601311540", &b"high tide"[..]));
/// # Ok::<_, tidegate_webhooks::pubsub::PushError>(())
/// ```
///
/// # Errors
/// See [`PushError`].
pub fn push(headers: &HeaderMap, body: &[u8]) -> Result<Push, PushError> {
    if headers.contains_key(&MESSAGE_ID) {
        return unwrapped(headers, body);
    }
    let Envelope { message, subscription } = serde_json::from_slice(body).map_err(|_| PushError::NoMessage)?;
    if !headers::is_id(message.message_id.as_bytes()) {
        return Err(PushError::MessageId);
    }
    Ok(Push {
        message_id: message.message_id,
        subscription,
        publish_time: message.publish_time,
        ordering_key: message.ordering_key.filter(|key| !key.is_empty()),
        attributes: message.attributes,
        data: STANDARD.decode(message.data).map_err(|_| PushError::Data)?,
    })
}

fn unwrapped(headers: &HeaderMap, body: &[u8]) -> Result<Push, PushError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Push {
        message_id: headers::unsigned_id(headers, &MESSAGE_ID).map_err(|_| PushError::MessageId)?,
        subscription: text(&SUBSCRIPTION).unwrap_or_default(),
        publish_time: text(&PUBLISH_TIME),
        ordering_key: text(&ORDERING_KEY).filter(|key| !key.is_empty()),
        attributes: BTreeMap::new(),
        data: body.to_vec(),
    })
}

#[derive(Deserialize)]
struct Envelope {
    message: Message,
    subscription: String,
}

/// Pub/Sub writes some members twice, in camel and in snake case; these are the ones it documents.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    #[serde(default)]
    data: String,
    message_id: String,
    publish_time: Option<String>,
    ordering_key: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[cfg(feature = "jwt")]
mod scheme {
    use http::HeaderMap;

    use crate::{
        document::{Members, SourceError},
        jwt::{Party, Tokens},
        secret::Secrets,
        time::{Freshness, UnixTime},
        verification::{Rejection, SignError, Verified},
    };

    const KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";

    pub(crate) struct PubSub {
        pub(crate) tokens: Tokens,
    }

    impl PubSub {
        /// `audience` is what the subscription has as its token's audience: the endpoint's URL unless another was set.
        /// `service_account` is the account that the subscription pushes as.
        pub(crate) fn new(own_keys: Option<&Secrets>, options: &mut Members<'_>) -> Result<PubSub, SourceError> {
            const AUDIENCE: &str = "must be the audience of the subscription's token";
            const ACCOUNT: &str = "must be the e-mail address of the service account that pushes";
            let audience: String = options.required("audience", AUDIENCE)?;
            let account: String = options.required("service_account", ACCOUNT)?;
            if audience.is_empty() {
                return Err(options.invalid("audience", AUDIENCE));
            }
            if !account.contains('@') {
                return Err(options.invalid("service_account", ACCOUNT));
            }
            let issuers = ["https://accounts.google.com", "accounts.google.com"].map(str::to_owned).to_vec();
            let party = Party::ServiceAccount(account);
            Ok(PubSub { tokens: Tokens::new(issuers, audience, party, KEYS.to_owned(), own_keys)? })
        }

        pub(crate) fn verify(&self, headers: &HeaderMap, fresh: Freshness) -> Result<Verified, Rejection> {
            self.tokens.verify(headers, fresh)
        }

        pub(crate) fn sign(&self, at: UnixTime) -> Result<HeaderMap, SignError> {
            self.tokens.sign(at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(message: &str) -> Result<Push, PushError> {
        let body = format!(r#"{{"message":{{{message}}},"subscription":"projects/harbour/subscriptions/tides"}}"#);
        push(&HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn an_envelope_is_read_in_full_and_the_members_written_twice_once() {
        let read = wrapped(
            r#""data":"eyJhIjoxfQ==","messageId":"7","message_id":"7","publishTime":"2026-01-01T00:00:00Z",
               "publish_time":"2026-01-01T00:00:00Z","orderingKey":"pier","attributes":{"port":"A"}"#,
        )
        .unwrap();
        assert_eq!(read.data, br#"{"a":1}"#);
        assert_eq!(read.attributes["port"], "A");
        assert_eq!(read.ordering_key.as_deref(), Some("pier"));
        assert_eq!(read.publish_time.as_deref(), Some("2026-01-01T00:00:00Z"));
        assert_eq!(wrapped(r#""messageId":"7""#).unwrap().data, b"");
    }

    #[test]
    fn an_unwrapped_message_has_its_metadata_in_headers() {
        let mut headers = HeaderMap::new();
        headers.insert(&MESSAGE_ID, "7".parse().unwrap());
        headers.insert(&SUBSCRIPTION, "projects/harbour/subscriptions/tides".parse().unwrap());
        let read = push(&headers, b"\xff").unwrap();
        assert_eq!((read.message_id.as_str(), read.data.as_slice()), ("7", &b"\xff"[..]));
        headers.append(&MESSAGE_ID, "8".parse().unwrap());
        assert_eq!(push(&headers, b"{}"), Err(PushError::MessageId));
    }

    #[test]
    fn what_has_no_message_or_no_id_is_refused() {
        for body in
            [&b""[..], b"{}", b"[]", br#"{"message":{},"subscription":"s"}"#, br#"{"message":{"messageId":"7"}}"#]
        {
            assert_eq!(push(&HeaderMap::new(), body), Err(PushError::NoMessage));
        }
        assert_eq!(wrapped(r#""messageId":"""#), Err(PushError::MessageId));
        assert_eq!(wrapped(r#""messageId":"a b""#), Err(PushError::MessageId));
        assert_eq!(wrapped(r#""messageId":"7","data":"?""#), Err(PushError::Data));
    }
}
