//! The operator's Stripe document, cached.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tidegate_batch::Failure;
use tidegate_runtime::secrets::Secrets;

use crate::stripe::Account;

/// How long a document is used before it is read again: a new key is in force within this time.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// The document `{deployment}/stripe` out of a store of secrets.
#[derive(Debug)]
pub struct Configuration<S> {
    secrets: S,
    name: String,
    cache: Mutex<Option<(Arc<Account>, SystemTime)>>,
}

impl<S: Secrets> Configuration<S> {
    /// The document of `deployment` in that store.
    pub fn new(secrets: S, deployment: &str) -> Self {
        Self { secrets, name: format!("{deployment}/stripe"), cache: Mutex::new(None) }
    }

    /// The document, at most a minute old.
    ///
    /// # Errors
    /// A transient failure, also where the document is missing or malformed: mending it makes the payments go on.
    pub async fn load(&self, now: SystemTime) -> Result<Arc<Account>, Failure> {
        if let Some((account, read_at)) = &*self.cache()
            && now.duration_since(*read_at).unwrap_or_default() < FRESH_FOR
        {
            return Ok(Arc::clone(account));
        }
        let document = self.secrets.read(&self.name).await;
        let document = document.map_err(|error| Failure::transient(tidegate_runtime::chain(&error)))?;
        let document = document.ok_or_else(|| Failure::transient(format!("there is no secret {}", self.name)))?;
        let account = Account::from_json(document.as_bytes())
            .map_err(|error| Failure::transient(format!("the secret {} is malformed: {error}", self.name)))?;
        let account = Arc::new(account);
        *self.cache() = Some((Arc::clone(&account), now));
        Ok(account)
    }

    /// Reads the document anew next time: Stripe does not know the key, so somebody may have changed it.
    pub fn forget(&self) {
        *self.cache() = None;
    }

    fn cache(&self) -> MutexGuard<'_, Option<(Arc<Account>, SystemTime)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
