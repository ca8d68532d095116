//! A secret that the sender sends along as it is.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::{
    document::SourceError,
    secret::{Secret, Secrets},
    verification::Rejection,
};

pub(crate) struct SharedSecret {
    /// Digests, so that secrets of any length are compared in the same time.
    digests: Vec<[u8; 32]>,
    first: Zeroizing<String>,
}

impl SharedSecret {
    pub(crate) fn new(secrets: &Secrets) -> Result<SharedSecret, SourceError> {
        let visible = |secret: &Secret| secret.as_bytes().iter().all(|&c| c.is_ascii_graphic() && c != b',');
        if let Some(index) = secrets.iter().position(|secret| !visible(secret)) {
            let problem = "must be visible ASCII without commas to be sent in a header";
            return Err(SourceError::Invalid { member: format!("secrets[{index}]"), problem });
        }
        Ok(SharedSecret {
            digests: secrets.iter().map(|secret| Sha256::digest(secret.as_bytes()).into()).collect(),
            first: Zeroizing::new(secrets.first.as_str().to_owned()),
        })
    }

    /// Compares with every active secret, so that the time taken shows neither which one matched nor how far a guess was right.
    pub(crate) fn verify(&self, claimed: &[u8]) -> Result<(), Rejection> {
        let digest: [u8; 32] = Sha256::digest(claimed).into();
        let mut found = Choice::from(0);
        for active in &self.digests {
            found |= active.ct_eq(&digest);
        }
        if bool::from(found) { Ok(()) } else { Err(Rejection::BadSignature) }
    }

    pub(crate) fn first(&self) -> &str {
        &self.first
    }
}
