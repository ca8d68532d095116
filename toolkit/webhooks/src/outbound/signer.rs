//! Signing with every active secret at once.

use http::HeaderMap;

use crate::{
    document::SourceError, secret::Secrets, standard_webhooks::StandardWebhooks, time::UnixTime,
    verification::SignError,
};

/// Signs deliveries after Standard Webhooks, with each of an endpoint's active secrets: a receiver that knows any of
/// them accepts, so that it can change over whenever it likes.
///
/// [`Source::sign`](crate::Source::sign) signs with the first secret alone, as most senders do.
pub struct Signer(StandardWebhooks);

impl Signer {
    /// Secrets are `whsec_…` (signed as `v1`) or `whsk_…` (as `v1a`), 1 to 16 of them.
    ///
    /// # Errors
    /// Names the faulty secret by its place and never shows it. A public key is one: it cannot sign.
    pub fn new(secrets: &[&str]) -> Result<Signer, SourceError> {
        let scheme = StandardWebhooks::of_any_family(&Secrets::of(secrets)?)?;
        match scheme.without_signer() {
            None => Ok(Signer(scheme)),
            Some(index) => Err(SourceError::Invalid {
                member: format!("secrets[{index}]"),
                problem: "is a public key, which can only verify",
            }),
        }
    }

    /// The headers of one attempt: `webhook-id`, which stays the same over all attempts, `webhook-timestamp`, which is
    /// the attempt's own, and `webhook-signature`.
    ///
    /// # Errors
    /// The id or the time does not fit the headers.
    pub fn sign(&self, id: &str, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        self.0.sign_with_each(id, at, body)
    }
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(redacted)")
    }
}
