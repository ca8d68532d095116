//! `shopify`: `X-Shopify-Hmac-SHA256` over the body.
//!
//! <https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook-to-ensure-its-coming-from-shopify>

use http::{HeaderMap, HeaderName};

use crate::{
    headers,
    mac::{Algorithm, Encoding, Keys},
    scheme::Scheme,
    secret::Secrets,
    verification::{Rejection, SignError, Verified},
};

static SIGNATURE: HeaderName = HeaderName::from_static("x-shopify-hmac-sha256");
static DELIVERY: HeaderName = HeaderName::from_static("x-shopify-webhook-id");

pub(crate) struct Shopify {
    keys: Keys,
}

impl Shopify {
    pub(crate) fn new(secrets: &Secrets) -> Shopify {
        Shopify { keys: Keys::of(Algorithm::Sha256, secrets) }
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Verified, Rejection> {
        let claimed = Encoding::Base64
            .decode(headers::single_token(headers, &SIGNATURE)?, Algorithm::Sha256)
            .ok_or_else(|| Rejection::Malformed(SIGNATURE.clone()))?;
        let tag = self.keys.find(&[body], &[claimed]).ok_or(Rejection::BadSignature)?;
        let id = headers::unsigned_id(headers, &DELIVERY)?;
        Ok(Verified::signed(Scheme::Shopify, tag.as_bytes(), false).with_id(id))
    }

    pub(crate) fn sign(&self, id: &str, body: &[u8]) -> Result<HeaderMap, SignError> {
        let tag = self.keys.sign(&[body]);
        let mut signed = HeaderMap::new();
        signed.insert(DELIVERY.clone(), headers::id_value(id, None)?);
        signed.insert(SIGNATURE.clone(), headers::credential_value(Encoding::Base64.encode(tag.as_bytes())));
        Ok(signed)
    }
}
