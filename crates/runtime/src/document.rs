//! Documents that operators change while functions run: JSON in a store of secrets, read strictly and cached.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::port::PortError;
use crate::secrets::Secrets;

/// How long most documents are used before they are read again: a change is in force within this time.
pub const FRESH_FOR: Duration = Duration::from_secs(60);
/// More are not kept: made-up names must not fill the memory. Reading one anew costs a request and no more.
const MOST_KEPT: usize = 256;

/// Why there is no document to go by.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error(transparent)]
    Port(PortError),
    #[error("there is no secret {0}")]
    Missing(String),
    /// The problem never quotes the document.
    #[error("the secret {name} is malformed: {problem}")]
    Malformed { name: String, problem: String },
}

/// What reads a document. Its error must not quote the document.
pub type Parse<T> = fn(&[u8]) -> Result<T, Box<dyn Error + Send + Sync>>;

/// Documents of one kind, by name.
#[derive(Debug)]
pub struct Documents<T> {
    secrets: Arc<dyn Secrets>,
    parse: Parse<T>,
    cache: Mutex<HashMap<String, Cached<T>>>,
}

/// A document, or that there is none of its name, as it was read.
#[derive(Debug)]
pub struct Cached<T> {
    pub document: Option<Arc<T>>,
    pub read_at: SystemTime,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self { document: self.document.clone(), read_at: self.read_at }
    }
}

impl<T> Cached<T> {
    #[must_use]
    pub fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.read_at).unwrap_or_default()
    }
}

impl<T> Documents<T> {
    pub fn new(secrets: Arc<dyn Secrets>, parse: Parse<T>) -> Self {
        Self { secrets, parse, cache: Mutex::default() }
    }

    /// The document of that name, no older than [`FRESH_FOR`].
    ///
    /// # Errors
    /// [`DocumentError`]; none is kept, so that a document is found as soon as it is mended.
    pub async fn load(&self, name: &str, now: SystemTime) -> Result<Arc<T>, DocumentError> {
        let read = self.load_if(name, now, |cached| cached.document.is_some() && cached.age(now) < FRESH_FOR).await?;
        read.document.ok_or_else(|| DocumentError::Missing(name.to_owned()))
    }

    /// What is kept under that name where `is_good` takes it, else what is read now.
    ///
    /// # Errors
    /// [`DocumentError`], but for a document that is missing.
    pub async fn load_if(
        &self,
        name: &str,
        now: SystemTime,
        is_good: impl Fn(&Cached<T>) -> bool,
    ) -> Result<Cached<T>, DocumentError> {
        if let Some(cached) = self.cache().get(name).filter(|cached| is_good(cached)) {
            return Ok(cached.clone());
        }
        let text = self.secrets.read(name).await.map_err(DocumentError::Port)?.map(Zeroizing::new);
        let document = text.map(|text| (self.parse)(text.as_bytes())).transpose().map_err(|error| {
            DocumentError::Malformed { name: name.to_owned(), problem: crate::port::chain(&*error) }
        })?;
        let read = Cached { document: document.map(Arc::new), read_at: now };
        let mut cache = self.cache();
        if cache.len() >= MOST_KEPT && !cache.contains_key(name) {
            cache.retain(|_, cached| cached.document.is_some()); // made-up names go first
            if cache.len() >= MOST_KEPT {
                cache.clear(); // rare, and cheaper than keeping an order of use
            }
        }
        cache.insert(name.to_owned(), read.clone());
        Ok(read)
    }

    /// Lets the document of that name be read anew: a service rejected what it holds, so it may just have been changed.
    pub fn forget(&self, name: &str) {
        self.cache().remove(name);
    }

    fn cache(&self) -> MutexGuard<'_, HashMap<String, Cached<T>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One document, under a name that is the function's own.
#[derive(Debug)]
pub struct Document<T> {
    documents: Documents<T>,
    name: String,
}

impl<T> Document<T> {
    pub fn new(secrets: Arc<dyn Secrets>, name: impl Into<String>, parse: Parse<T>) -> Self {
        Self { documents: Documents::new(secrets, parse), name: name.into() }
    }

    /// As [`Documents::load`].
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn load(&self, now: SystemTime) -> Result<Arc<T>, DocumentError> {
        self.documents.load(&self.name, now).await
    }

    /// As [`Documents::forget`].
    pub fn forget(&self) {
        self.documents.forget(&self.name);
    }
}
