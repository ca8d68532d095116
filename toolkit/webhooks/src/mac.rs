//! HMAC under several active secrets, and the text forms of its output.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::secret::{Secret, Secrets};

/// A sender in rotation sends two signatures. More than this many in one header only make us work.
pub(crate) const MAX_SIGNATURES: usize = 16;
/// Long enough for the longest tag, HMAC-SHA512; shorter ones are padded with zeros.
const MAX_TAG_LEN: usize = 64;

#[derive(Clone, Copy)]
pub(crate) enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub(crate) fn tag_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }
    }
}

/// The output of an HMAC, computed here or claimed by a sender.
#[derive(Clone, Copy)]
pub(crate) struct Tag {
    bytes: [u8; MAX_TAG_LEN],
    len: usize,
}

impl Tag {
    fn new(bytes: &[u8]) -> Tag {
        let mut tag = Tag { bytes: [0; MAX_TAG_LEN], len: bytes.len() };
        tag.bytes[..bytes.len()].copy_from_slice(bytes);
        tag
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The active secrets of a source, in the order of its document. Each key's inner and outer state is computed once; a
/// call clones the state, which saves two of the hash's block computations per secret.
pub(crate) struct Keys {
    algorithm: Algorithm,
    first: Key,
    others: Vec<Key>,
}

impl Keys {
    pub(crate) fn new<'a>(algorithm: Algorithm, first: &[u8], others: impl Iterator<Item = &'a [u8]>) -> Keys {
        let others = others.map(|secret| Key::new(algorithm, secret)).collect();
        Keys { algorithm, first: Key::new(algorithm, first), others }
    }

    pub(crate) fn of(algorithm: Algorithm, secrets: &Secrets) -> Keys {
        Keys::new(algorithm, secrets.first.as_bytes(), secrets.others.iter().map(Secret::as_bytes))
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The tag that the first secret makes over `pieces` one after the other.
    pub(crate) fn sign(&self, pieces: &[&[u8]]) -> Tag {
        self.first.tag(pieces)
    }

    /// The one of `claimed` that an active secret makes over `pieces`. Every secret is tried and every claim compared in
    /// constant time, so that the time taken shows neither which secret matched nor how far a guess was right. Where several
    /// match, it is the one of the secret that stands first in the document, whatever the order in the header.
    pub(crate) fn find(&self, pieces: &[&[u8]], claimed: &[Tag]) -> Option<Tag> {
        let mut found = Choice::from(0);
        let mut matched = [0; MAX_TAG_LEN];
        for key in std::iter::once(&self.first).chain(&self.others) {
            let made = key.tag(pieces);
            for claim in claimed {
                let equal = made.as_bytes().ct_eq(claim.as_bytes());
                for (to, from) in matched.iter_mut().zip(made.as_bytes()) {
                    to.conditional_assign(from, equal & !found);
                }
                found |= equal;
            }
        }
        bool::from(found).then_some(Tag { bytes: matched, len: self.algorithm.tag_len() })
    }
}

/// How a tag is written in a header.
#[derive(Clone, Copy)]
pub(crate) enum Encoding {
    /// All lower case or all upper case. A mixture is refused, so that one flipped bit in a letter's case does not pass.
    Hex,
    /// The standard alphabet, padded, without stray bits at the end.
    Base64,
}

impl Encoding {
    pub(crate) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
        }
    }

    /// `None` when `text` is not the text form of a tag of this length.
    pub(crate) fn decode(self, text: &[u8], algorithm: Algorithm) -> Option<Tag> {
        let len = algorithm.tag_len();
        let mut bytes = [0; MAX_TAG_LEN];
        let decoded = match self {
            Encoding::Hex => {
                let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
                !mixed && hex::decode_to_slice(text, &mut bytes[..len]).is_ok()
            }
            Encoding::Base64 => STANDARD.decode_slice(text, &mut bytes).is_ok_and(|written| written == len),
        };
        decoded.then_some(Tag { bytes, len })
    }
}

enum Key {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Key {
    // Invariant: HMAC takes keys of every length (RFC 2104 section 2), so `new_from_slice` cannot fail.
    #[expect(clippy::expect_used, reason = "see the invariant above")]
    fn new(algorithm: Algorithm, secret: &[u8]) -> Key {
        match algorithm {
            Algorithm::Sha256 => Key::Sha256(Hmac::new_from_slice(secret).expect("HMAC takes any key")),
            Algorithm::Sha512 => Key::Sha512(Hmac::new_from_slice(secret).expect("HMAC takes any key")),
        }
    }

    fn tag(&self, pieces: &[&[u8]]) -> Tag {
        match self {
            Key::Sha256(keyed) => Tag::new(&feed(keyed.clone(), pieces).finalize().into_bytes()),
            Key::Sha512(keyed) => Tag::new(&feed(keyed.clone(), pieces).finalize().into_bytes()),
        }
    }
}

fn feed<M: Mac>(mut mac: M, pieces: &[&[u8]]) -> M {
    for piece in pieces {
        mac.update(piece);
    }
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECES: &[&[u8]] = &[b"1614265330", b".", b"body"];

    fn keys(secrets: &[&str]) -> Keys {
        let (first, others) = secrets.split_first().unwrap();
        Keys::new(Algorithm::Sha256, first.as_bytes(), others.iter().map(|secret| secret.as_bytes()))
    }

    fn made_by(secret: &str) -> Tag {
        keys(&[secret]).sign(PIECES)
    }

    #[test]
    fn a_tag_of_any_active_secret_is_found_wherever_it_stands() {
        let active = keys(&["new-secret", "old-secret"]);
        let decoy = made_by("foreign-secret");
        for secret in ["new-secret", "old-secret"] {
            for claimed in [[made_by(secret), decoy], [decoy, made_by(secret)]] {
                let found = active.find(PIECES, &claimed).unwrap();
                assert_eq!(found.as_bytes(), made_by(secret).as_bytes());
            }
        }
        assert!(active.find(PIECES, &[decoy]).is_none());
        assert!(active.find(PIECES, &[]).is_none());
    }

    #[test]
    fn the_secret_that_stands_first_decides_which_of_several_tags_is_found() {
        let active = keys(&["new-secret", "old-secret"]);
        for claimed in [[made_by("new-secret"), made_by("old-secret")], [made_by("old-secret"), made_by("new-secret")]]
        {
            assert_eq!(active.find(PIECES, &claimed).unwrap().as_bytes(), made_by("new-secret").as_bytes());
        }
    }

    #[test]
    fn a_tag_reads_back_from_either_encoding_and_from_nothing_else() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let tag = Keys::new(algorithm, b"It's a Secret", [].into_iter()).sign(PIECES);
            assert_eq!(tag.as_bytes().len(), algorithm.tag_len());
            for encoding in [Encoding::Hex, Encoding::Base64] {
                let text = encoding.encode(tag.as_bytes());
                let same = encoding.decode(text.as_bytes(), algorithm).unwrap();
                assert_eq!(same.as_bytes(), tag.as_bytes());
                for other in [&text[1..], &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}"), ""] {
                    assert!(encoding.decode(other.as_bytes(), algorithm).is_none(), "{other:?}");
                }
            }
        }
    }

    #[test]
    fn hexadecimal_is_of_one_case() {
        let lower = "ab".repeat(32);
        assert!(Encoding::Hex.decode(lower.as_bytes(), Algorithm::Sha256).is_some());
        assert!(Encoding::Hex.decode(lower.to_uppercase().as_bytes(), Algorithm::Sha256).is_some());
        assert!(Encoding::Hex.decode(lower.replacen('a', "A", 1).as_bytes(), Algorithm::Sha256).is_none());
    }
}
