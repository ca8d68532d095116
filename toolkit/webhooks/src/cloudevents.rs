//! `cloudevents`: a bearer token, and the handshake by which a sender asks for permission.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/http-webhook.md>
//!
//! The specification's section 3 knows two places for the token. This crate takes the header only: a token in the query
//! (`?access_token=`) ends up in access logs, and the specification itself advises against it.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ALLOW, AUTHORIZATION},
};
use thiserror::Error;

use crate::{
    document::{Members, SourceError},
    headers,
    secret::Secrets,
    shared_secret::SharedSecret,
    verification::{Rejection, SignError, Verified},
};

static REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
static REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
static ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
static ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// No DNS name is longer.
const MAX_ORIGIN_LEN: usize = 253;

pub(crate) struct CloudEvents {
    token: SharedSecret,
    handshake: Option<Handshake>,
}

impl CloudEvents {
    pub(crate) fn new(secrets: &Secrets, options: &mut Members<'_>) -> Result<CloudEvents, SourceError> {
        Ok(CloudEvents { token: SharedSecret::new(secrets)?, handshake: Handshake::from_options(options)? })
    }

    pub(crate) fn verify(&self, headers: &HeaderMap) -> Result<Verified, Rejection> {
        self.token.verify(headers::bearer(headers)?)?;
        Ok(Verified::vouched_for(false))
    }

    pub(crate) fn sign(&self) -> Result<HeaderMap, SignError> {
        let mut signed = HeaderMap::new();
        signed.insert(AUTHORIZATION, headers::credential_value(format!("Bearer {}", self.token.first())));
        Ok(signed)
    }

    pub(crate) fn handshake(&self, headers: &HeaderMap) -> Option<Result<HeaderMap, HandshakeError>> {
        self.handshake.as_ref().map(|allowed| handshake(headers, allowed))
    }
}

/// What a target permits senders that ask first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Requests per minute. `None`: as many as they like.
    pub rate_per_minute: Option<u32>,
    /// Who may send.
    pub origins: AllowedOrigins,
}

/// The systems that may send, as they name themselves in `WebHook-Request-Origin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Everyone.
    Any,
    /// These DNS names, compared without regard to case.
    Listed(Vec<String>),
}

impl Handshake {
    /// `{"allowed_origins": ["eventemitter.example.com"], "rate_per_minute": 120}`. Without `allowed_origins` the source
    /// has no handshake.
    pub(crate) fn from_options(options: &mut Members<'_>) -> Result<Option<Handshake>, SourceError> {
        const ORIGINS: &str = "must be a list of 1 to 64 DNS names, or [\"*\"]";
        const RATE: &str = "must be a whole number above zero, and needs `options.allowed_origins`";
        let origins: Option<Vec<String>> = options.optional("allowed_origins", ORIGINS)?;
        let rate_per_minute: Option<u32> = options.optional("rate_per_minute", RATE)?;
        if rate_per_minute == Some(0) || (rate_per_minute.is_some() && origins.is_none()) {
            return Err(options.invalid("rate_per_minute", RATE));
        }
        let Some(origins) = origins else { return Ok(None) };
        let origins = if origins == ["*"] {
            AllowedOrigins::Any
        } else if (1..=64).contains(&origins.len()) && origins.iter().all(|origin| is_dns_name(origin.as_bytes())) {
            AllowedOrigins::Listed(origins)
        } else {
            return Err(options.invalid("allowed_origins", ORIGINS));
        };
        Ok(Some(Handshake { rate_per_minute, origins }))
    }
}

/// Answers the `OPTIONS` request by which a sender asks whether it may send here: returns the headers that grant it.
///
/// It neither authenticates nor authorises, it protects others from being flooded in a sender's name. The rate is
/// granted when it is asked for: the smaller of what is wanted and what is allowed. `WebHook-Request-Callback` is
/// ignored, since following it sends requests to an address of a stranger's choice.
///
/// ```
/// use http::HeaderMap;
/// use tidegate_webhooks::{AllowedOrigins, Handshake, handshake};
///
/// let allowed = Handshake {
///     rate_per_minute: Some(120),
///     origins: AllowedOrigins::Listed(vec!["eventemitter.example.com".to_owned()]),
/// };
/// let mut request = HeaderMap::new();
/// request.insert("webhook-request-origin", "eventemitter.example.com".parse()?);
/// request.insert("webhook-request-rate", "1000".parse()?);
///
/// let answer = handshake(&request, &allowed)?;
/// assert_eq!(answer["webhook-allowed-origin"], "eventemitter.example.com");
/// assert_eq!(answer["webhook-allowed-rate"], "120");
/// assert_eq!(answer["allow"], "POST");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub fn handshake(headers: &HeaderMap, allowed: &Handshake) -> Result<HeaderMap, HandshakeError> {
    let origin = once(headers, &REQUEST_ORIGIN)?.ok_or_else(|| HandshakeError::Missing(REQUEST_ORIGIN.clone()))?;
    if !is_dns_name(origin.as_bytes()) {
        return Err(HandshakeError::Malformed(REQUEST_ORIGIN.clone()));
    }
    let allowed_origin = match &allowed.origins {
        AllowedOrigins::Any => HeaderValue::from_static("*"),
        AllowedOrigins::Listed(origins) => {
            let requested = origin.as_bytes();
            if !origins.iter().any(|listed| listed.as_bytes().eq_ignore_ascii_case(requested)) {
                return Err(HandshakeError::OriginNotAllowed);
            }
            origin.clone()
        }
    };
    let allowed_rate = match once(headers, &REQUEST_RATE)? {
        None => None,
        Some(wanted) => {
            let wanted = positive(wanted).ok_or_else(|| HandshakeError::Malformed(REQUEST_RATE.clone()))?;
            Some(allowed.rate_per_minute.map_or(HeaderValue::from_static("*"), |most| wanted.min(most).into()))
        }
    };
    let mut answer = HeaderMap::new();
    answer.insert(ALLOW, HeaderValue::from_static("POST"));
    answer.insert(ALLOWED_ORIGIN.clone(), allowed_origin);
    if let Some(rate) = allowed_rate {
        answer.insert(ALLOWED_RATE.clone(), rate);
    }
    Ok(answer)
}

/// Why permission is not given.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The request names no origin.
    #[error("the header {0} is missing")]
    Missing(HeaderName),
    /// The request repeats its origin or rate.
    #[error("the header {0} is repeated")]
    Repeated(HeaderName),
    /// The origin is no DNS name, or the rate no whole number above zero.
    #[error("the header {0} is malformed")]
    Malformed(HeaderName),
    /// The origin is none of those that may send.
    #[error("the origin may not send to this source")]
    OriginNotAllowed,
}

fn once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, HandshakeError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) if value.as_bytes().contains(&b',') => Err(HandshakeError::Repeated(name.clone())),
        (value, None) => Ok(value),
        (_, Some(_)) => Err(HandshakeError::Repeated(name.clone())),
    }
}

/// What a name of the Domain Name System is made of, underscores included; whether it resolves is not asked.
fn is_dns_name(name: &[u8]) -> bool {
    let allowed = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    (1..=MAX_ORIGIN_LEN).contains(&name.len()) && name.iter().all(allowed)
}

/// A rate above what fits is capped: it only asks for more than anyone would grant.
fn positive(value: &HeaderValue) -> Option<u32> {
    let digits = value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()))?;
    let rate = digits.parse().unwrap_or(u32::MAX);
    (rate > 0).then_some(rate)
}
