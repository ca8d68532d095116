//! `slack`: `X-Slack-Signature` over timestamp and body, and the check of a new request URL.
//!
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use serde::Deserialize;

use crate::{
    headers,
    mac::{Algorithm, Encoding, Keys},
    scheme::Scheme,
    secret::Secrets,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};

static SIGNATURE: HeaderName = HeaderName::from_static("x-slack-signature");
static TIMESTAMP: HeaderName = HeaderName::from_static("x-slack-request-timestamp");
const PREFIX: &str = "v0=";

pub(crate) struct Slack {
    keys: Keys,
}

impl Slack {
    pub(crate) fn new(secrets: &Secrets) -> Slack {
        Slack { keys: Keys::of(Algorithm::Sha256, secrets) }
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8], fresh: Freshness) -> Result<Verified, Rejection> {
        let claimed = headers::single_token(headers, &SIGNATURE)?
            .strip_prefix(PREFIX.as_bytes())
            .and_then(|hex| Encoding::Hex.decode(hex, Algorithm::Sha256))
            .ok_or_else(|| Rejection::Malformed(SIGNATURE.clone()))?;
        let (digits, time) = headers::timestamp(headers, &TIMESTAMP)?;
        let tag = self.keys.find(&[b"v0:", digits, b":", body], &[claimed]).ok_or(Rejection::BadSignature)?;
        fresh.check(time)?;
        Ok(Verified::signed(Scheme::Slack, tag.as_bytes(), true))
    }

    pub(crate) fn sign(&self, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        let time = headers::timestamp_value(at)?;
        let tag = self.keys.sign(&[b"v0:", time.as_bytes(), b":", body]);
        let signature = format!("{PREFIX}{}", Encoding::Hex.encode(tag.as_bytes()));
        let mut signed = HeaderMap::new();
        signed.insert(TIMESTAMP.clone(), time);
        signed.insert(SIGNATURE.clone(), headers::credential_value(signature));
        Ok(signed)
    }
}

/// A `url_verification` body is some 150 bytes. Longer ones are events and are not parsed here.
const MAX_VERIFICATION_LEN: usize = 4096;

/// Slack's challenges have about 50 characters; what is echoed to a caller stays short.
const MAX_CHALLENGE_LEN: usize = 256;

/// The text to answer with when Slack checks a request URL (`"type": "url_verification"`); `None` for every other body.
/// The check is signed like an event, so verify first.
///
/// ```
/// use tidegate_webhooks::slack::challenge;
///
/// let check = br#"{"type":"url_verification","token":"x","challenge":"3eZbrw1aBm2r"}"#;
/// assert_eq!(challenge(check).as_deref(), Some("3eZbrw1aBm2r"));
/// assert_eq!(challenge(br#"{"type":"event_callback"}"#), None);
/// ```
pub fn challenge(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Check<'b> {
        #[serde(borrow, rename = "type")]
        kind: Cow<'b, str>,
        #[serde(borrow)]
        challenge: Cow<'b, str>,
    }
    if body.len() > MAX_VERIFICATION_LEN {
        return None;
    }
    let check: Check<'_> = serde_json::from_slice(body).ok()?;
    // Visible characters only: the answer may go out as plain text.
    let echoed = (1..=MAX_CHALLENGE_LEN).contains(&check.challenge.len())
        && check.challenge.bytes().all(|c| c.is_ascii_graphic());
    (check.kind == "url_verification" && echoed).then(|| check.challenge.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(challenge: &str) -> Vec<u8> {
        format!(r#"{{"type":"url_verification","challenge":"{challenge}"}}"#).into_bytes()
    }

    #[test]
    fn only_a_short_visible_challenge_of_the_right_type_is_echoed() {
        assert_eq!(super::challenge(&check("abc\\u0064")).as_deref(), Some("abcd"));
        assert!(super::challenge(&check(&"x".repeat(MAX_CHALLENGE_LEN))).is_some());
        for refused in [
            check(""),
            check("a b"),
            check("a\\nb"),
            check("é"),
            check(&"x".repeat(MAX_CHALLENGE_LEN + 1)),
            check(&"x".repeat(MAX_VERIFICATION_LEN)),
            br#"{"type":"event_callback","challenge":"abc"}"#.to_vec(),
            br#"{"type":"url_verification"}"#.to_vec(),
            br#"{"type":"url_verification","challenge":7}"#.to_vec(),
            br#"{"type":"url_verification","challenge":"a","challenge":"b"}"#.to_vec(),
            b"[]".to_vec(),
            b"\xff".to_vec(),
            b"".to_vec(),
        ] {
            assert_eq!(super::challenge(&refused), None, "{}", String::from_utf8_lossy(&refused));
        }
    }
}
