//! A source: one sender's scheme, its active secrets and its options, read from a JSON document.

use std::fmt;

use http::{HeaderMap, HeaderName};

use crate::{
    cloudevents::{CloudEvents, HandshakeError},
    document::{Members, SourceError},
    github::GitHub,
    hmac::GenericHmac,
    scheme::Scheme,
    secret::Secrets,
    shopify::Shopify,
    slack::Slack,
    standard_webhooks::StandardWebhooks,
    stripe::Stripe,
    time::{Freshness, UnixTime},
    verdict::{Rejection, SignError, Verified},
};

/// One sender: how it signs, with which secrets, and how far its clock may be off.
///
/// Building one computes the state of every key, so build it once and keep it.
pub struct Source {
    tolerance_secs: u32,
    kind: Kind,
}

enum Kind {
    GitHub(GitHub),
    Stripe(Stripe),
    Slack(Slack),
    Shopify(Shopify),
    StandardWebhooks(StandardWebhooks),
    CloudEvents(CloudEvents),
    Hmac(Box<GenericHmac>),
}

impl Source {
    /// Reads a source document:
    ///
    /// ```json
    /// {"scheme": "github", "secrets": ["new secret", "old secret"], "tolerance_secs": 300, "options": {}}
    /// ```
    ///
    /// `secrets` are the active ones, 1 to 16, of at least 8 bytes each; the first one signs. `tolerance_secs`, 1 to
    /// 86400, is 300 if absent. `options` depend on the scheme (see the crate's README).
    ///
    /// # Errors
    /// Names the faulty member and never what it holds, so it is safe to log.
    pub fn from_json(document: &[u8]) -> Result<Source, SourceError> {
        let mut members = Members::parse(document)?;
        let scheme = read_scheme(&mut members)?;
        let secrets = read_secrets(&mut members)?;
        let tolerance_secs = read_tolerance(&mut members)?;
        let mut options = members.object("options", "options.")?;
        members.finish()?;

        let kind = match scheme {
            Scheme::GitHub => Kind::GitHub(GitHub::new(&secrets)),
            Scheme::Stripe => Kind::Stripe(Stripe::new(&secrets)),
            Scheme::Slack => Kind::Slack(Slack::new(&secrets)),
            Scheme::Shopify => Kind::Shopify(Shopify::new(&secrets)),
            Scheme::StandardWebhooks => Kind::StandardWebhooks(StandardWebhooks::new(&secrets, &mut options)?),
            Scheme::CloudEvents => Kind::CloudEvents(CloudEvents::new(&secrets, &mut options)?),
            Scheme::Hmac => Kind::Hmac(Box::new(GenericHmac::new(&secrets, &mut options)?)),
        };
        options.finish()?;
        Ok(Source { tolerance_secs, kind })
    }

    /// How the sender proves that a delivery is its own.
    pub fn scheme(&self) -> Scheme {
        match &self.kind {
            Kind::GitHub(_) => Scheme::GitHub,
            Kind::Stripe(_) => Scheme::Stripe,
            Kind::Slack(_) => Scheme::Slack,
            Kind::Shopify(_) => Scheme::Shopify,
            Kind::StandardWebhooks(_) => Scheme::StandardWebhooks,
            Kind::CloudEvents(_) => Scheme::CloudEvents,
            Kind::Hmac(_) => Scheme::Hmac,
        }
    }

    /// How many seconds a signed timestamp may lie in the past or in the future.
    pub fn tolerance_secs(&self) -> u32 {
        self.tolerance_secs
    }

    /// The header that names the kind of event, where an `hmac` source says so. The header is not signed.
    pub fn event_type_header(&self) -> Option<&HeaderName> {
        match &self.kind {
            Kind::Hmac(scheme) => scheme.event_type_header(),
            _ => None,
        }
    }

    /// Says whether the sender made this request, from the raw body and the headers as they arrived.
    ///
    /// The signature is checked before the timestamp's age, and both before the delivery id, so that who cannot sign
    /// learns nothing but that. The cost is that of one HMAC over the body per active secret.
    ///
    /// # Errors
    /// A [`Rejection`], which is safe to log and says whether to answer 401 or 400.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: UnixTime) -> Result<Verified, Rejection> {
        let fresh = Freshness { now, tolerance_secs: self.tolerance_secs };
        match &self.kind {
            Kind::GitHub(scheme) => scheme.verify(headers, body),
            Kind::Stripe(scheme) => scheme.verify(headers, body, fresh),
            Kind::Slack(scheme) => scheme.verify(headers, body, fresh),
            Kind::Shopify(scheme) => scheme.verify(headers, body),
            Kind::StandardWebhooks(scheme) => scheme.verify(headers, body, fresh),
            Kind::CloudEvents(scheme) => scheme.verify(headers),
            Kind::Hmac(scheme) => scheme.verify(headers, body, fresh),
        }
    }

    /// Signs as the real sender does, with the first secret: returns the headers that the scheme adds to a request
    /// (signature, and timestamp and id where the scheme has such headers). Signatures and tokens are marked sensitive,
    /// so `Debug` does not print them.
    ///
    /// # Errors
    /// The id or the time does not fit the scheme's headers, or the first secret is a public key.
    pub fn sign(&self, id: &str, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        match &self.kind {
            Kind::GitHub(scheme) => scheme.sign(id, body),
            Kind::Stripe(scheme) => scheme.sign(at, body),
            Kind::Slack(scheme) => scheme.sign(at, body),
            Kind::Shopify(scheme) => scheme.sign(id, body),
            Kind::StandardWebhooks(scheme) => scheme.sign(id, at, body),
            Kind::CloudEvents(scheme) => scheme.sign(),
            Kind::Hmac(scheme) => scheme.sign(id, at, body),
        }
    }

    /// Answers an `OPTIONS` request as [`handshake`](crate::handshake()) does. `None` when the source offers no
    /// handshake: it is not a `cloudevents` source, or its options name no `allowed_origins`.
    pub fn handshake(&self, headers: &HeaderMap) -> Option<Result<HeaderMap, HandshakeError>> {
        match &self.kind {
            Kind::CloudEvents(scheme) => scheme.handshake(headers),
            _ => None,
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("scheme", &self.scheme())
            .field("tolerance_secs", &self.tolerance_secs)
            .finish_non_exhaustive()
    }
}

fn read_scheme(members: &mut Members<'_>) -> Result<Scheme, SourceError> {
    const PROBLEM: &str = "must be one of github, stripe, slack, shopify, standard-webhooks, cloudevents, hmac";
    let name: String = members.required("scheme", PROBLEM)?;
    name.parse().map_err(|_| members.invalid("scheme", PROBLEM))
}

fn read_secrets(members: &mut Members<'_>) -> Result<Secrets, SourceError> {
    Secrets::check(members.required("secrets", Secrets::PROBLEM)?)
}

/// What Stripe, Slack and Standard Webhooks recommend.
const DEFAULT_TOLERANCE_SECS: u32 = 300;

/// A day. Beyond that a timestamp bounds nothing that matters.
const MAX_TOLERANCE_SECS: u32 = 86_400;

fn read_tolerance(members: &mut Members<'_>) -> Result<u32, SourceError> {
    const PROBLEM: &str = "must be a whole number of seconds from 1 to 86400";
    let secs = members.optional("tolerance_secs", PROBLEM)?.unwrap_or(DEFAULT_TOLERANCE_SECS);
    if (1..=MAX_TOLERANCE_SECS).contains(&secs) { Ok(secs) } else { Err(members.invalid("tolerance_secs", PROBLEM)) }
}
