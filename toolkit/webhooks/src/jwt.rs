//! Tokens that an issuer signs (JSON Web Tokens, RFC 7519): `pubsub`, and `event-grid` with Entra.
//!
//! What is signed is who sends and to whom, and not the body. The algorithm is the key's and never the token's choice;
//! RS256 is what Google and Microsoft sign with, ES256 is for stand-ins, whose keys can be drawn in no time.

mod keys;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};
use serde::{Deserialize, Deserializer};
use serde_json::json;

pub use keys::{Jwks, JwksError};

use crate::{
    document::SourceError,
    headers,
    secret::Secrets,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};
use keys::PrivateKey;

/// Google's tokens have some 800 bytes, Entra's some 1,500.
const MAX_TOKEN_LEN: usize = 8 * 1024;

/// How long the tokens of a stand-in are good; Google's and Entra's are for an hour as well.
const LIFETIME_SECS: i64 = 3_600;

/// What a source expects of a token, and the keys that may have signed it.
pub(crate) struct Tokens {
    /// Any of these; the first one is written when signing.
    issuers: Vec<String>,
    audience: String,
    party: Party,
    keys_url: String,
    keys: Jwks,
    own_key: Option<PrivateKey>,
}

/// Whose token it has to be. An audience alone proves nothing, since Google issues tokens for any audience to everyone.
pub(crate) enum Party {
    /// The service account with this address.
    ServiceAccount(String),
    /// The application with this id.
    Application(String),
}

impl Tokens {
    /// `own_keys` are those of a stand-in: a document that names some trusts these, and the issuer's no more.
    pub(crate) fn new(
        issuers: Vec<String>,
        audience: String,
        party: Party,
        keys_url: String,
        own_keys: Option<&Secrets>,
    ) -> Result<Tokens, SourceError> {
        let (own_key, keys) = match own_keys {
            None => (None, Jwks::default()),
            Some(secrets) => {
                let keys = PrivateKey::all(secrets)?;
                let public = keys.iter().map(PrivateKey::public).collect();
                (keys.into_iter().next(), public)
            }
        };
        Ok(Tokens { issuers, audience, party, keys_url, keys, own_key })
    }

    pub(crate) fn keys_url(&self) -> Option<&str> {
        self.own_key.is_none().then_some(&self.keys_url)
    }

    pub(crate) fn set_keys(&mut self, keys: Jwks) {
        if self.own_key.is_none() {
            self.keys = keys;
        }
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, fresh: Freshness) -> Result<Verified, Rejection> {
        let malformed = || Rejection::Malformed(AUTHORIZATION.clone());
        let token = headers::bearer(headers)?;
        let parts: Vec<&[u8]> = token.split(|&c| c == b'.').collect();
        let [header, claims, signature] = parts[..] else { return Err(malformed()) };
        if token.len() > MAX_TOKEN_LEN {
            return Err(malformed());
        }
        let header: Header = decoded(header).ok_or_else(malformed)?;
        let signed = &token[..token.len() - signature.len() - 1];
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;

        self.keys.verify(&header.kid, &header.alg, signed, &signature)?;
        let claims: Claims = decoded(claims).ok_or_else(malformed)?;
        if claims.iat > claims.exp {
            return Err(malformed());
        }
        fresh.check_window(UnixTime(claims.iat.max(claims.nbf.unwrap_or(i64::MIN))), UnixTime(claims.exp))?;
        self.check(&claims)?;
        Ok(Verified::vouched_for(true))
    }

    fn check(&self, claims: &Claims) -> Result<(), Rejection> {
        let expected = |name, holds: bool| if holds { Ok(()) } else { Err(Rejection::WrongClaim(name)) };
        expected("iss", self.issuers.contains(&claims.iss))?;
        expected("aud", claims.aud.contains(&self.audience))?;
        match &self.party {
            Party::ServiceAccount(email) => {
                expected("email", claims.email.as_ref() == Some(email))?;
                expected("email_verified", claims.email_verified == Some(true))
            }
            // `azp` is version 2's name for `appid`.
            Party::Application(id) => expected("appid", claims.appid.as_ref().or(claims.azp.as_ref()) == Some(id)),
        }
    }

    pub(crate) fn sign(&self, at: UnixTime) -> Result<HeaderMap, SignError> {
        let key = self.own_key.as_ref().ok_or(SignError::NoKey)?;
        if at.0 < 0 {
            return Err(SignError::Time);
        }
        let header = json!({"alg": key.algorithm(), "kid": key.id(), "typ": "JWT"});
        let expires = at.0.checked_add(LIFETIME_SECS).ok_or(SignError::Time)?;
        let mut claims = json!({"iss": self.issuers[0], "aud": self.audience, "iat": at.0, "exp": expires});
        match &self.party {
            Party::ServiceAccount(email) => {
                claims["email"] = json!(email);
                claims["email_verified"] = json!(true);
            }
            Party::Application(id) => claims["appid"] = json!(id),
        }
        let encoded = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).ok_or(SignError::NoKey)?);
        let token: HeaderValue = headers::credential_value(format!("Bearer {signed}.{signature}"));
        Ok(HeaderMap::from_iter([(AUTHORIZATION, token)]))
    }
}

fn decoded<T: for<'de> Deserialize<'de>>(part: &[u8]) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Duplicate members and extensions that have to be understood (`crit`) make a token unreadable.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default, rename = "crit", deserialize_with = "refused")]
    _crit: (),
}

fn refused<'de, D: Deserializer<'de>>(_: D) -> Result<(), D::Error> {
    Err(serde::de::Error::custom("an extension that is not known here"))
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    iat: i64,
    exp: i64,
    nbf: Option<i64>,
    email: Option<String>,
    email_verified: Option<bool>,
    appid: Option<String>,
    azp: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn contains(&self, expected: &String) -> bool {
        match self {
            Audience::One(one) => one == expected,
            Audience::Several(several) => several.contains(expected),
        }
    }
}
