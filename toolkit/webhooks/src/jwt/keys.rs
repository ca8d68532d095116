//! Public keys as an issuer publishes them (JSON Web Key Sets, RFC 7517), and the private keys of stand-ins.

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{document::SourceError, secret::Secrets, verification::Rejection};

/// More than any issuer publishes; Entra has about ten.
const MAX_KEYS: usize = 64;

/// The keys with which an issuer signs its tokens, as it publishes them.
///
/// ```
/// use tidegate_webhooks::{Jwks, Source};
///
/// let source = Source::from_json(br#"{"scheme": "pubsub", "options": {
///     "audience": "https://hooks.harbour.example/webhooks/pubsub",
///     "service_account": "push@harbour.iam.gserviceaccount.com"
/// }}"#)?;
/// assert_eq!(source.keys_url(), Some("https://www.googleapis.com/oauth2/v3/certs"));
///
/// // Fetching it is the caller's work.
/// let document = br#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "made-up",
///     "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
/// let source = source.with_keys(Jwks::parse(document)?);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Jwks {
    keys: Vec<PublicKey>,
}

/// Why a key set is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JwksError {
    /// It is not a JSON object with a list `keys`, or has more than 64 of them.
    #[error("a key set is a JSON object with a list `keys` of at most 64 objects")]
    Syntax,
    /// None of its keys is one for RS256 or ES256, with an id.
    #[error("the key set has no key for RS256 or ES256")]
    NoKey,
}

impl Jwks {
    /// Reads a key set. Keys of other kinds, for encryption, or without an id are passed over.
    ///
    /// # Errors
    /// What is not a key set, or holds no key that could be used: better to keep the old one then.
    pub fn parse(document: &[u8]) -> Result<Jwks, JwksError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Jwk>,
        }
        let document: Document = serde_json::from_slice(document).map_err(|_| JwksError::Syntax)?;
        if document.keys.len() > MAX_KEYS {
            return Err(JwksError::Syntax);
        }
        let keys: Vec<_> = document.keys.into_iter().filter_map(PublicKey::read).collect();
        if keys.is_empty() { Err(JwksError::NoKey) } else { Ok(Jwks { keys }) }
    }

    /// Everything here is public, so it may stop at the first match.
    pub(super) fn verify(&self, id: &str, alg: &str, signed: &[u8], signature: &[u8]) -> Result<(), Rejection> {
        let mut known = self.keys.iter().filter(|key| key.id == id).peekable();
        known.peek().ok_or(Rejection::UnknownKey)?;
        let made_by = |key: &PublicKey| key.material.algorithm() == alg && key.material.verifies(signed, signature);
        if known.any(made_by) { Ok(()) } else { Err(Rejection::BadSignature) }
    }
}

impl FromIterator<PublicKey> for Jwks {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Jwks {
        Jwks { keys: keys.into_iter().collect() }
    }
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    id: String,
    material: Material,
}

#[derive(Clone, Debug)]
enum Material {
    /// Modulus and exponent, without leading zeros.
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// An uncompressed point.
    P256(Vec<u8>),
}

impl PublicKey {
    fn read(jwk: Jwk) -> Option<PublicKey> {
        let number = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let stripped = |bytes: Vec<u8>| bytes.iter().copied().skip_while(|&byte| byte == 0).collect();
                Material::Rsa(RsaPublicKeyComponents {
                    n: number(jwk.n).map(stripped)?,
                    e: number(jwk.e).map(stripped)?,
                })
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (number(jwk.x)?, number(jwk.y)?);
                (x.len() == 32 && y.len() == 32).then(|| Material::P256([&[4], &x[..], &y].concat()))?
            }
            _ => return None,
        };
        // Issuers mark a key's purpose in either member.
        let signs = jwk.r#use.is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        let fits = jwk.alg.is_none_or(|alg| alg == material.algorithm());
        (signs && fits).then_some(PublicKey { id: jwk.kid?, material })
    }
}

impl Material {
    fn algorithm(&self) -> &'static str {
        match self {
            Material::Rsa(_) => "RS256",
            Material::P256(_) => "ES256",
        }
    }

    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Material::Rsa(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature).is_ok(),
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature).is_ok()
            }
        }
    }

    /// The id of a stand-in's key: a digest, so that the same key always has the same one.
    fn thumbprint(&self) -> String {
        let hash = match self {
            Material::Rsa(key) => Sha256::digest(&key.n),
            Material::P256(point) => Sha256::digest(point),
        };
        hex::encode(&hash[..20])
    }
}

/// A stand-in's key.
pub(super) struct PrivateKey {
    public: PublicKey,
    pair: Pair,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

impl PrivateKey {
    pub(super) fn all(secrets: &Secrets) -> Result<Vec<PrivateKey>, SourceError> {
        let read = |(index, secret): (usize, &crate::secret::Secret)| {
            PrivateKey::parse(secret.as_str()).ok_or_else(|| SourceError::Invalid {
                member: format!("secrets[{index}]"),
                problem: "must be the base64 of a PKCS #8 private key, RSA of 2048 bits or more or P-256",
            })
        };
        secrets.iter().enumerate().map(read).collect()
    }

    fn parse(secret: &str) -> Option<PrivateKey> {
        let der = Zeroizing::new(STANDARD.decode(secret).ok()?);
        let (pair, material) = if let Ok(pair) = RsaKeyPair::from_pkcs8(&der) {
            let material = Material::Rsa(pair.public().into());
            (Pair::Rsa(pair), material)
        } else {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der, &SystemRandom::new()).ok()?;
            let material = Material::P256(pair.public_key().as_ref().to_vec());
            (Pair::P256(pair), material)
        };
        Some(PrivateKey { public: PublicKey { id: material.thumbprint(), material }, pair })
    }

    pub(super) fn public(&self) -> PublicKey {
        self.public.clone()
    }

    pub(super) fn id(&self) -> &str {
        &self.public.id
    }

    pub(super) fn algorithm(&self) -> &'static str {
        self.public.material.algorithm()
    }

    /// `None` where the machine gives no random numbers: ECDSA needs one per signature, and this is the only place in
    /// this crate where one is drawn.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::P256(pair) => pair.sign(&random, message).ok().map(|signature| signature.as_ref().to_vec()),
        }
    }
}
