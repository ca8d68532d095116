//! The secrets of each customer: the document `{deployment}/callbacks/{customer}` = `{"secrets": ["whsec_…", …]}`, newest
//! first. All of them sign, so that a customer changes over whenever it likes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use tidegate_events::CustomerId;
use tidegate_runtime::PortError;
use tidegate_runtime::secrets::Secrets;
use tidegate_webhooks::outbound::Signer;
use zeroize::Zeroizing;

/// How long a document is used before it is read again: a new secret signs within this time.
const FRESH_FOR: Duration = Duration::from_secs(60);
/// Customers whose signers are kept at once. Reading one anew costs a request and no more.
const MOST_KEPT: usize = 1_000;

/// Signers by customer, out of a store of secrets.
#[derive(Debug)]
pub struct Signers<S> {
    secrets: S,
    prefix: String,
    cache: Mutex<HashMap<CustomerId, (Arc<Signer>, SystemTime)>>,
}

/// Why nothing can be signed for a customer.
#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    /// The store of secrets does not answer.
    #[error(transparent)]
    Port(PortError),
    /// There is no such document.
    #[error("there is no secret {0}")]
    Absent(String),
    /// The document does not have what signs. Says where, and never what stands there.
    #[error("the secret {name} is malformed: {problem}")]
    Malformed {
        /// The document.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    secrets: Vec<String>,
}

impl<S: Secrets> Signers<S> {
    /// Of `deployment`, in that store.
    pub fn new(secrets: S, deployment: &str) -> Self {
        Self { secrets, prefix: format!("{deployment}/callbacks/"), cache: Mutex::default() }
    }

    /// The customer's signer, at most a minute old. What is missing or malformed is not kept: mended, it is found at
    /// once.
    ///
    /// # Errors
    /// [`SignerError`].
    pub async fn of(&self, customer: &CustomerId, now: SystemTime) -> Result<Arc<Signer>, SignerError> {
        if let Some((signer, read_at)) = self.cache().get(customer)
            && now.duration_since(*read_at).unwrap_or_default() < FRESH_FOR
        {
            return Ok(Arc::clone(signer));
        }
        let name = format!("{}{}", self.prefix, customer.as_str());
        // Secrets Manager knows no other signs in a name, and would answer with an error that looks as if it might pass.
        if !customer.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte)) {
            return Err(SignerError::Absent(name));
        }
        let document = self.secrets.read(&name).await.map_err(SignerError::Port)?.map(Zeroizing::new);
        let document = document.ok_or_else(|| SignerError::Absent(name.clone()))?;
        let signer = Arc::new(parse(&document).map_err(|problem| SignerError::Malformed { name, problem })?);
        let mut cache = self.cache();
        if cache.len() >= MOST_KEPT {
            cache.clear();
        }
        cache.insert(customer.clone(), (Arc::clone(&signer), now));
        Ok(signer)
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<CustomerId, (Arc<Signer>, SystemTime)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks a document as this function will read it, before it is written.
///
/// # Errors
/// What is wrong, without a word of what stands there.
pub fn parse(document: &str) -> Result<Signer, String> {
    // serde's text can quote a value.
    let document: Document =
        serde_json::from_str(document).map_err(|_| r#"it is not {"secrets": ["whsec_…"]}"#.to_owned())?;
    let secrets = Zeroizing::new(document.secrets);
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    Signer::new(&secrets).map_err(|error| tidegate_runtime::chain(&error))
}
