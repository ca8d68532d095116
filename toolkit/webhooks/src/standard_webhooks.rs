//! `standard-webhooks`: `webhook-signature` (or Svix's `svix-signature`) over id, timestamp and body, by HMAC (`v1`) or
//! ed25519 (`v1a`).
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use http::{HeaderMap, HeaderName};
use zeroize::Zeroizing;

use crate::{
    document::{Members, SourceError},
    headers,
    mac::{Algorithm, Encoding, Keys, MAX_SIGNATURES, Tag},
    scheme::Scheme,
    secret::Secrets,
    time::{Freshness, UnixTime},
    verification::{Rejection, SignError, Verified},
};

/// The three headers of one delivery. A sender uses one family; they are never mixed.
struct Family {
    prefix: &'static str,
    id: HeaderName,
    timestamp: HeaderName,
    signature: HeaderName,
}

static WEBHOOK: Family = Family {
    prefix: "webhook",
    id: HeaderName::from_static("webhook-id"),
    timestamp: HeaderName::from_static("webhook-timestamp"),
    signature: HeaderName::from_static("webhook-signature"),
};
static SVIX: Family = Family {
    prefix: "svix",
    id: HeaderName::from_static("svix-id"),
    timestamp: HeaderName::from_static("svix-timestamp"),
    signature: HeaderName::from_static("svix-signature"),
};

/// What separates id, timestamp and body in the signed bytes; an id must not hold it.
const SEPARATOR: u8 = b'.';

pub(crate) struct StandardWebhooks {
    symmetric: Option<Keys>,
    public: Vec<VerifyingKey>,
    /// One for each secret, in the order of the document.
    signers: Vec<Option<SignsWith>>,
    /// `None`: either is taken, and `webhook-*` is sent.
    family: Option<&'static Family>,
}

/// What a secret signs with; a public key signs with nothing.
enum SignsWith {
    Symmetric(Box<Keys>),
    Private(Box<SigningKey>),
}

impl StandardWebhooks {
    /// The option `header_prefix`, `webhook` or `svix`, limits the source to one family of headers.
    pub(crate) fn new(secrets: &Secrets, options: &mut Members<'_>) -> Result<StandardWebhooks, SourceError> {
        let family = match options.optional::<String>("header_prefix", FAMILY_PROBLEM)? {
            None => None,
            Some(prefix) => match [&WEBHOOK, &SVIX].into_iter().find(|family| family.prefix == prefix) {
                None => return Err(options.invalid("header_prefix", FAMILY_PROBLEM)),
                family => family,
            },
        };
        StandardWebhooks::of(secrets, family)
    }

    /// Takes either family of headers, sends `webhook-*`.
    pub(crate) fn of_any_family(secrets: &Secrets) -> Result<StandardWebhooks, SourceError> {
        StandardWebhooks::of(secrets, None)
    }

    /// The place of the first secret that cannot sign.
    pub(crate) fn without_signer(&self) -> Option<usize> {
        self.signers.iter().position(Option::is_none)
    }

    fn of(secrets: &Secrets, family: Option<&'static Family>) -> Result<StandardWebhooks, SourceError> {
        let mut symmetric = Vec::new();
        let mut public = Vec::new();
        let mut signers = Vec::new();
        for (index, secret) in secrets.iter().enumerate() {
            let material = Material::parse(secret.as_str())
                .map_err(|problem| SourceError::Invalid { member: format!("secrets[{index}]"), problem })?;
            signers.push(match material {
                Material::Symmetric(key) => {
                    let alone = Keys::new(Algorithm::Sha256, &key, [].into_iter());
                    symmetric.push(key);
                    Some(SignsWith::Symmetric(Box::new(alone)))
                }
                Material::Private(key) => {
                    public.push(key.verifying_key());
                    Some(SignsWith::Private(key))
                }
                Material::Public(key) => {
                    public.push(key);
                    None
                }
            });
        }
        let symmetric = symmetric
            .split_first()
            .map(|(first, others)| Keys::new(Algorithm::Sha256, first, others.iter().map(|key| key.as_slice())));
        Ok(StandardWebhooks { symmetric, public, signers, family })
    }

    pub(crate) fn verify(&self, headers: &HeaderMap, body: &[u8], fresh: Freshness) -> Result<Verified, Rejection> {
        let family = self.family.unwrap_or_else(|| {
            let svix = headers.contains_key(&SVIX.signature) && !headers.contains_key(&WEBHOOK.signature);
            if svix { &SVIX } else { &WEBHOOK }
        });
        let header = SignatureHeader::parse(headers::single(headers, &family.signature)?, &family.signature)?;
        let id = headers::signed_id(headers, &family.id, Some(SEPARATOR))?;
        let (digits, time) = headers::timestamp(headers, &family.timestamp)?;

        let pieces: [&[u8]; 5] = [id.as_bytes(), b".", digits, b".", body];
        let verified = match self.symmetric.as_ref().and_then(|keys| keys.find(&pieces, &header.symmetric)) {
            Some(tag) => Verified::signed(Scheme::StandardWebhooks, tag.as_bytes(), true),
            None => {
                let signature = self.find_asymmetric(&pieces, &header.asymmetric).ok_or(Rejection::BadSignature)?;
                Verified::signed(Scheme::StandardWebhooks, &signature.to_bytes(), true)
            }
        };
        fresh.check(time)?;
        Ok(verified.with_id(id.to_owned()))
    }

    pub(crate) fn sign(&self, id: &str, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        self.sign_with(&self.signers[..1], id, at, body)
    }

    /// Signs with every secret, for receivers that know but one of them.
    pub(crate) fn sign_with_each(&self, id: &str, at: UnixTime, body: &[u8]) -> Result<HeaderMap, SignError> {
        self.sign_with(&self.signers, id, at, body)
    }

    fn sign_with(
        &self,
        signers: &[Option<SignsWith>],
        id: &str,
        at: UnixTime,
        body: &[u8],
    ) -> Result<HeaderMap, SignError> {
        let id = headers::id_value(id, Some(SEPARATOR))?;
        let time = headers::timestamp_value(at)?;
        let pieces: [&[u8]; 5] = [id.as_bytes(), b".", time.as_bytes(), b".", body];
        let mut signatures = Vec::with_capacity(signers.len());
        for signer in signers {
            signatures.push(match signer {
                None => return Err(SignError::PublicKey),
                Some(SignsWith::Symmetric(keys)) => {
                    format!("v1,{}", Encoding::Base64.encode(keys.sign(&pieces).as_bytes()))
                }
                Some(SignsWith::Private(key)) => {
                    format!("v1a,{}", Encoding::Base64.encode(&key.sign(&pieces.concat()).to_bytes()))
                }
            });
        }
        let family = self.family.unwrap_or(&WEBHOOK);
        let mut signed = HeaderMap::new();
        signed.insert(family.id.clone(), id);
        signed.insert(family.timestamp.clone(), time);
        signed.insert(family.signature.clone(), headers::credential_value(signatures.join(" ")));
        Ok(signed)
    }

    /// Everything here is public, so it may stop at the first match. `verify_strict` also refuses the weak public keys
    /// under which one signature fits several messages.
    fn find_asymmetric(&self, pieces: &[&[u8]], claimed: &[Signature]) -> Option<Signature> {
        if self.public.is_empty() || claimed.is_empty() {
            return None;
        }
        let message = pieces.concat();
        let matches = |key: &VerifyingKey| claimed.iter().find(|header| key.verify_strict(&message, header).is_ok());
        self.public.iter().find_map(matches).copied()
    }
}

/// The signatures of one header, by kind.
#[derive(Default)]
struct SignatureHeader {
    symmetric: Vec<Tag>,
    asymmetric: Vec<Signature>,
}

impl SignatureHeader {
    /// `v1,… v1a,…` with single spaces between. Other versions and signatures that cannot be read are passed over, as
    /// the reference libraries do; a second comma means that two headers were joined.
    fn parse(value: &[u8], name: &HeaderName) -> Result<SignatureHeader, Rejection> {
        let mut header = SignatureHeader::default();
        for item in value.split(|&c| c == b' ') {
            if item.iter().filter(|&&c| c == b',').count() > 1 {
                return Err(Rejection::Repeated(name.clone()));
            }
            if let Some(base64) = item.strip_prefix(b"v1,") {
                header.symmetric.extend(Encoding::Base64.decode(base64, Algorithm::Sha256));
            } else if let Some(base64) = item.strip_prefix(b"v1a,") {
                // An ed25519 signature is as long as the tag of HMAC-SHA512.
                let bytes = Encoding::Base64.decode(base64, Algorithm::Sha512);
                header.asymmetric.extend(bytes.and_then(|bytes| Signature::from_slice(bytes.as_bytes()).ok()));
            }
        }
        match header.symmetric.len() + header.asymmetric.len() {
            1..=MAX_SIGNATURES => Ok(header),
            _ => Err(Rejection::Malformed(name.clone())),
        }
    }
}

const FAMILY_PROBLEM: &str = "must be `webhook` or `svix`";
const SECRET_PROBLEM: &str = "must be `whsec_` and the base64 of 24 to 64 bytes, `whpk_` and that of an ed25519 public \
                              key, or `whsk_` and that of an ed25519 private key (32 byte seed, or 64 bytes: seed and \
                              public key)";

/// What a secret's text stands for.
enum Material {
    Symmetric(Zeroizing<Vec<u8>>),
    Private(Box<SigningKey>),
    Public(VerifyingKey),
}

impl Material {
    fn parse(secret: &str) -> Result<Material, &'static str> {
        let (kind, base64) = secret.split_once('_').ok_or(SECRET_PROBLEM)?;
        let bytes = Zeroizing::new(STANDARD.decode(base64).map_err(|_| SECRET_PROBLEM)?);
        match kind {
            "whsec" if (24..=64).contains(&bytes.len()) => Ok(Material::Symmetric(bytes)),
            "whpk" => {
                let bytes = bytes.as_slice().try_into().map_err(|_| SECRET_PROBLEM)?;
                let key = VerifyingKey::from_bytes(bytes).map_err(|_| "is not an ed25519 public key")?;
                if key.is_weak() { Err("is a weak ed25519 public key") } else { Ok(Material::Public(key)) }
            }
            "whsk" => match (bytes.as_slice().try_into(), bytes.as_slice().try_into()) {
                // The specification's Go library writes the seed alone, Svix writes seed and public key.
                (Ok(seed), _) => Ok(Material::Private(Box::new(SigningKey::from_bytes(seed)))),
                (_, Ok(pair)) => SigningKey::from_keypair_bytes(pair)
                    .map(|key| Material::Private(Box::new(key)))
                    .map_err(|_| "is a private key whose public half belongs to another"),
                _ => Err(SECRET_PROBLEM),
            },
            _ => Err(SECRET_PROBLEM),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Result<(usize, usize), Rejection> {
        SignatureHeader::parse(value.as_bytes(), &WEBHOOK.signature)
            .map(|header| (header.symmetric.len(), header.asymmetric.len()))
    }

    #[test]
    fn signatures_are_read_by_kind_and_the_unknown_passed_over() {
        let (v1, v1a) = (format!("v1,{}", STANDARD.encode([7; 32])), format!("v1a,{}", STANDARD.encode([7; 64])));
        assert_eq!(parse(&v1), Ok((1, 0)));
        assert_eq!(parse(&format!("v2,x {v1a}  {v1} v1,unreadable {v1a}")), Ok((1, 2)));
        let malformed = Err(Rejection::Malformed(WEBHOOK.signature.clone()));
        for refused in ["", "v1", "v1,", "v2,abc", &v1[1..], &v1a.replace("v1a", "v1"), &format!("{v1} ").repeat(17)] {
            assert_eq!(parse(refused), malformed, "{refused}");
        }
        assert_eq!(parse(&format!("{v1},{v1}")), Err(Rejection::Repeated(WEBHOOK.signature.clone())));
    }

    #[test]
    fn a_secret_is_of_one_of_three_kinds_and_of_the_right_length() {
        let of = |prefix: &str, len: usize| format!("{prefix}{}", STANDARD.encode(vec![7; len]));
        for accepted in [of("whsec_", 24), of("whsec_", 64), of("whsk_", 32)] {
            assert!(Material::parse(&accepted).is_ok(), "{accepted}");
        }
        for refused in [
            of("", 32),
            of("whsec_", 23),
            of("whsec_", 65),
            of("whsk_", 31),
            of("whsk_", 64),
            of("whpk_", 31),
            of("whxx_", 32),
            of("WHSEC_", 32),
            of("v1,whsec_", 32),
            format!("whpk_{}", STANDARD.encode([0; 32])),
            of("whsec_", 32).replace('=', ""),
            "whsec_not base64".to_owned(),
        ] {
            assert!(Material::parse(&refused).is_err(), "{refused}");
        }
    }
}
