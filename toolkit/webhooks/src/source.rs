//! A source: one sender's scheme, its active secrets and its options, read from a JSON document.

use std::{fmt, sync::LazyLock};

use http::{HeaderMap, HeaderName};

use crate::{
    cloudevents::{CloudEvents, HandshakeError},
    document::{Members, SourceError},
    event_grid::EventGrid,
    github::GitHub,
    hmac::GenericHmac,
    scheme::{ONE_OF, Scheme},
    secret::Secrets,
    shopify::Shopify,
    slack::Slack,
    standard_webhooks::StandardWebhooks,
    stripe::Stripe,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};
#[cfg(feature = "jwt")]
use crate::{
    jwt::{Jwks, Tokens},
    pubsub::PubSub,
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
    #[cfg(feature = "jwt")]
    PubSub(Box<PubSub>),
    EventGrid(Box<EventGrid>),
    Hmac(Box<GenericHmac>),
}

impl Kind {
    fn new(scheme: Scheme, secrets: Option<&Secrets>, options: &mut Members<'_>) -> Result<Kind, SourceError> {
        let needed = || secrets.ok_or_else(Secrets::missing);
        Ok(match scheme {
            Scheme::GitHub => Kind::GitHub(GitHub::new(needed()?)),
            Scheme::Stripe => Kind::Stripe(Stripe::new(needed()?)),
            Scheme::Slack => Kind::Slack(Slack::new(needed()?)),
            Scheme::Shopify => Kind::Shopify(Shopify::new(needed()?)),
            Scheme::StandardWebhooks => Kind::StandardWebhooks(StandardWebhooks::new(needed()?, options)?),
            Scheme::CloudEvents => Kind::CloudEvents(CloudEvents::new(needed()?, options)?),
            #[cfg(feature = "jwt")]
            Scheme::PubSub => Kind::PubSub(Box::new(PubSub::new(secrets, options)?)),
            #[cfg(not(feature = "jwt"))]
            Scheme::PubSub => {
                let problem = "is `pubsub`, which needs a build with the feature `jwt`";
                return Err(SourceError::Invalid { member: "scheme".to_owned(), problem });
            }
            Scheme::EventGrid => Kind::EventGrid(Box::new(EventGrid::new(secrets, options)?)),
            Scheme::Hmac => Kind::Hmac(Box::new(GenericHmac::new(needed()?, options)?)),
        })
    }
}

impl Source {
    /// Reads a source document:
    ///
    /// ```json
    /// {"scheme": "github", "secrets": ["new secret", "old secret"], "tolerance_secs": 300, "options": {}}
    /// ```
    ///
    /// `secrets` are the active ones, 1 to 16, of at least 8 bytes each; the first one signs. Sources whose sender holds
    /// the only key (`pubsub`, `event-grid` with Entra) have none, and need `with_keys`.
    /// `tolerance_secs`, 1 to
    /// 86400, is 300 if absent. `options` depend on the scheme (see the crate's README).
    ///
    /// # Errors
    /// Names the faulty member and never what it holds, so it is safe to log.
    pub fn from_json(document: &[u8]) -> Result<Source, SourceError> {
        let mut members = Members::parse(document)?;
        let scheme = read_scheme(&mut members)?;
        let secrets = members.optional("secrets", Secrets::PROBLEM)?.map(Secrets::check).transpose()?;
        let tolerance_secs = read_tolerance(&mut members)?;
        let mut options = members.object("options", "options.")?;
        members.finish()?;

        let kind = Kind::new(scheme, secrets.as_ref(), &mut options)?;
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
            #[cfg(feature = "jwt")]
            Kind::PubSub(_) => Scheme::PubSub,
            Kind::EventGrid(_) => Scheme::EventGrid,
            Kind::Hmac(_) => Scheme::Hmac,
        }
    }

    /// How many seconds a signed timestamp may lie in the past or in the future.
    pub fn tolerance_secs(&self) -> u32 {
        self.tolerance_secs
    }

    /// The header that names the kind of event, where an `hmac` source configures one. The header is not signed.
    pub fn event_type_header(&self) -> Option<&HeaderName> {
        match &self.kind {
            Kind::Hmac(scheme) => scheme.event_type_header(),
            Kind::GitHub(_)
            | Kind::Stripe(_)
            | Kind::Slack(_)
            | Kind::Shopify(_)
            | Kind::StandardWebhooks(_)
            | Kind::CloudEvents(_)
            | Kind::EventGrid(_) => None,
            #[cfg(feature = "jwt")]
            Kind::PubSub(_) => None,
        }
    }

    /// Verifies that the sender made this request, from the raw body and the headers as they arrived.
    ///
    /// The signature is checked before the timestamp's age, and both before the delivery id, so that who cannot sign
    /// learns nothing but that. The cost is that of one HMAC over the body per active secret.
    ///
    /// # Errors
    /// A [`Rejection`], which is safe to log and decides between 401 and 400.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: UnixTime) -> Result<Verified, Rejection> {
        let fresh = Freshness { now, tolerance_secs: self.tolerance_secs };
        match &self.kind {
            Kind::GitHub(scheme) => scheme.verify(headers, body),
            Kind::Stripe(scheme) => scheme.verify(headers, body, fresh),
            Kind::Slack(scheme) => scheme.verify(headers, body, fresh),
            Kind::Shopify(scheme) => scheme.verify(headers, body),
            Kind::StandardWebhooks(scheme) => scheme.verify(headers, body, fresh),
            Kind::CloudEvents(scheme) => scheme.verify(headers),
            #[cfg(feature = "jwt")]
            Kind::PubSub(scheme) => scheme.verify(headers, fresh),
            Kind::EventGrid(scheme) => scheme.verify(headers, fresh),
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
            #[cfg(feature = "jwt")]
            Kind::PubSub(scheme) => scheme.sign(at),
            Kind::EventGrid(scheme) => scheme.sign(at),
            Kind::Hmac(scheme) => scheme.sign(id, at, body),
        }
    }

    /// Where the issuer of this source's tokens publishes its keys, if it has one. Fetch the document, and give it to
    /// [`with_keys`](Self::with_keys); again from time to time, and when [`Rejection::UnknownKey`] asks for it.
    #[cfg(feature = "jwt")]
    pub fn keys_url(&self) -> Option<&str> {
        self.tokens().and_then(Tokens::keys_url)
    }

    /// The same source, accepting tokens that these keys sign. Without any it accepts none.
    #[cfg(feature = "jwt")]
    #[must_use]
    pub fn with_keys(mut self, keys: Jwks) -> Source {
        match &mut self.kind {
            Kind::PubSub(scheme) => scheme.tokens.set_keys(keys),
            Kind::EventGrid(scheme) => scheme.set_keys(keys),
            Kind::GitHub(_)
            | Kind::Stripe(_)
            | Kind::Slack(_)
            | Kind::Shopify(_)
            | Kind::StandardWebhooks(_)
            | Kind::CloudEvents(_)
            | Kind::Hmac(_) => {}
        }
        self
    }

    #[cfg(feature = "jwt")]
    fn tokens(&self) -> Option<&Tokens> {
        match &self.kind {
            Kind::PubSub(scheme) => Some(&scheme.tokens),
            Kind::EventGrid(scheme) => scheme.tokens(),
            Kind::GitHub(_)
            | Kind::Stripe(_)
            | Kind::Slack(_)
            | Kind::Shopify(_)
            | Kind::StandardWebhooks(_)
            | Kind::CloudEvents(_)
            | Kind::Hmac(_) => None,
        }
    }

    /// Answers an `OPTIONS` request as [`handshake`](crate::handshake()) does. `None` when the source offers no
    /// handshake: it is neither a `cloudevents` nor an `event-grid` source, or its options name no `allowed_origins`.
    pub fn handshake(&self, headers: &HeaderMap) -> Option<Result<HeaderMap, HandshakeError>> {
        match &self.kind {
            Kind::CloudEvents(scheme) => scheme.handshake(headers),
            Kind::EventGrid(scheme) => scheme.handshake(headers),
            Kind::GitHub(_)
            | Kind::Stripe(_)
            | Kind::Slack(_)
            | Kind::Shopify(_)
            | Kind::StandardWebhooks(_)
            | Kind::Hmac(_) => None,
            #[cfg(feature = "jwt")]
            Kind::PubSub(_) => None,
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
    static PROBLEM: LazyLock<String> = LazyLock::new(|| format!("must be {}", *ONE_OF));
    let name: String = members.required("scheme", &PROBLEM)?;
    name.parse().map_err(|_| members.invalid("scheme", &PROBLEM))
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
