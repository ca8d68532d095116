//! `github`: `X-Hub-Signature-256` over the body, and bodies in form encoding.
//!
//! <https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries>

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use thiserror::Error;

use crate::{
    headers,
    mac::{Algorithm, Encoding, Keys},
    scheme::Scheme,
    secret::Secrets,
    verification::{Rejection, SignError, Verified},
};

static SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");
static DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");
const PREFIX: &str = "sha256=";

pub(crate) struct GitHub {
    keys: Keys,
}

impl GitHub {
    pub(crate) fn new(secrets: &Secrets) -> GitHub {
        GitHub { keys: Keys::of(Algorithm::Sha256, secrets) }
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Verified, Rejection> {
        let claimed = headers::single_token(headers, &SIGNATURE)?
            .strip_prefix(PREFIX.as_bytes())
            .and_then(|hex| Encoding::Hex.decode(hex, Algorithm::Sha256))
            .ok_or_else(|| Rejection::Malformed(SIGNATURE.clone()))?;
        let tag = self.keys.find(&[body], &[claimed]).ok_or(Rejection::BadSignature)?;
        let id = headers::unsigned_id(headers, &DELIVERY)?;
        Ok(Verified::signed(Scheme::GitHub, tag.as_bytes(), false).with_id(id))
    }

    pub(crate) fn sign(&self, id: &str, body: &[u8]) -> Result<HeaderMap, SignError> {
        let tag = self.keys.sign(&[body]);
        let signature = format!("{PREFIX}{}", Encoding::Hex.encode(tag.as_bytes()));
        let mut signed = HeaderMap::new();
        signed.insert(DELIVERY.clone(), headers::id_value(id, None)?);
        signed.insert(SIGNATURE.clone(), headers::credential_value(signature));
        Ok(signed)
    }
}

/// The JSON of a delivery. A webhook that is set to `application/x-www-form-urlencoded` sends it as the field `payload`
/// of a form; every other body is handed back as it is. The signature is always over the raw body, so verify first.
///
/// ```
/// use tidegate_webhooks::github::payload;
///
/// let form = payload(Some("application/x-www-form-urlencoded"), b"payload=%7B%22zen%22%3A%22Keep+it%22%7D")?;
/// assert_eq!(*form, *br#"{"zen":"Keep it"}"#);
/// # Ok::<_, tidegate_webhooks::github::FormError>(())
/// ```
pub fn payload<'b>(content_type: Option<&str>, body: &'b [u8]) -> Result<Cow<'b, [u8]>, FormError> {
    if !content_type.is_some_and(is_form) {
        return Ok(Cow::Borrowed(body));
    }
    let mut payloads = body.split(|&c| c == b'&').filter_map(|field| field.strip_prefix(b"payload="));
    match (payloads.next(), payloads.next()) {
        (None, _) => Err(FormError::Missing),
        (Some(encoded), None) => Ok(decode(encoded)),
        (Some(_), Some(_)) => Err(FormError::Repeated),
    }
}

/// Why a form is no GitHub delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FormError {
    /// The form has no field `payload`.
    #[error("the form has no field `payload`")]
    Missing,
    /// The form has several fields `payload`.
    #[error("the form has more than one field `payload`")]
    Repeated,
}

fn is_form(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Decodes to bytes. The usual form parsers decode to text and put U+FFFD where the bytes are not UTF-8, which would
/// publish another payload than the one that was signed.
fn decode(encoded: &[u8]) -> Cow<'_, [u8]> {
    if encoded.contains(&b'+') {
        let spaced: Vec<u8> = encoded.iter().map(|&c| if c == b'+' { b' ' } else { c }).collect();
        return Cow::Owned(percent_decode(&spaced).collect());
    }
    percent_decode(encoded).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_yields_its_payload_byte_for_byte() {
        for (form, expected) in [
            (&b"payload=%7B%7D"[..], &b"{}"[..]),
            (b"payload={}", b"{}"),
            (b"x=1&payload=%7B%22a%22%3A%22b%2Bc+d%26%3D%22%7D&y=2", br#"{"a":"b+c d&="}"#),
            (b"payload=%ff%00", b"\xff\0"),
            (b"payload=100%", b"100%"),
            (b"payload=", b""),
        ] {
            for content_type in
                ["application/x-www-form-urlencoded", "Application/X-WWW-Form-Urlencoded ; charset=utf-8"]
            {
                assert_eq!(payload(Some(content_type), form).as_deref(), Ok(expected));
            }
        }
    }

    #[test]
    fn a_form_without_exactly_one_payload_is_refused() {
        let form = Some("application/x-www-form-urlencoded");
        assert_eq!(payload(form, b""), Err(FormError::Missing));
        assert_eq!(payload(form, b"payload"), Err(FormError::Missing));
        assert_eq!(payload(form, b"xpayload=1"), Err(FormError::Missing));
        assert_eq!(payload(form, b"payload=1&payload=2"), Err(FormError::Repeated));
    }

    #[test]
    fn every_other_body_is_handed_back_unchanged() {
        for content_type in [None, Some("application/json"), Some("text/plain"), Some("")] {
            assert!(matches!(payload(content_type, b"payload=%7B%7D"), Ok(Cow::Borrowed(b"payload=%7B%7D"))));
        }
    }
}
