//! Secrets in memory: never printed, wiped when dropped.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use zeroize::Zeroizing;

use crate::document::SourceError;

/// The characters of one secret of a source document.
///
/// A secret that the document writes with JSON escapes passes through the parser's own buffer, which is not wiped; all
/// others are copied from the caller's bytes straight to here.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The active secrets of a source, in the order of its document: at least one.
pub(crate) struct Secrets {
    pub(crate) first: Secret,
    pub(crate) others: Vec<Secret>,
}

/// Two while a rotation lasts is the usual number. Every further secret costs a hash of the body per request.
const MAX_SECRETS: usize = 16;

/// Fewer bytes are a placeholder or a mistake; senders draw 20 and more.
const MIN_SECRET_LEN: usize = 8;

impl Secrets {
    pub(crate) const PROBLEM: &str = "must be a list of 1 to 16 strings";

    pub(crate) fn of(secrets: &[&str]) -> Result<Secrets, SourceError> {
        Secrets::check(secrets.iter().map(|&text| Secret(Zeroizing::new(text.to_owned()))).collect())
    }

    pub(crate) fn missing() -> SourceError {
        SourceError::Missing { member: "secrets".to_owned() }
    }

    /// Refuses what can only be a mistake.
    pub(crate) fn check(mut secrets: Vec<Secret>) -> Result<Secrets, SourceError> {
        if !(1..=MAX_SECRETS).contains(&secrets.len()) {
            return Err(SourceError::Invalid { member: "secrets".to_owned(), problem: Secrets::PROBLEM });
        }
        for (index, secret) in secrets.iter().enumerate() {
            let problem = if secret.as_bytes().len() < MIN_SECRET_LEN {
                "must have at least 8 bytes"
            } else if secret.as_str().trim() != secret.as_str() {
                // What a copied line drags along. It would make every signature wrong without a reason.
                "must not begin or end with white space"
            } else {
                continue;
            };
            return Err(SourceError::Invalid { member: format!("secrets[{index}]"), problem });
        }
        let others = secrets.split_off(1);
        let first = secrets.swap_remove(0);
        Ok(Secrets { first, others })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(Zeroizing::new(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret: Secret = serde_json::from_str(r#""It's a Secret to Everybody""#).unwrap();
        assert_eq!(secret.as_str(), "It's a Secret to Everybody");
        assert!(!format!("{secret:?}{:#?}", [&secret]).contains("Everybody"));
    }
}
