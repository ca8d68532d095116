//! Source documents, cached, and verified against.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tidegate_runtime::document::{Cached, Documents};
use tidegate_runtime::problem::Problem;
use tidegate_runtime::secrets::Secrets;
use tidegate_webhooks::{Jwks, Rejection, Source, UnixTime, Verified};
use tracing::{error, info};
use zeroize::Zeroizing;

use crate::keys::Keys;
use crate::request::{Request, unknown_source};
use crate::try_again;

/// How long a document is used before it is read again.
const FRESH_FOR: Duration = Duration::from_secs(300);
/// How old a document must be before a bad signature makes it be read again. A rotation is seen within this time, and
/// a flood of bad signatures costs one read in this time.
const REFRESH_AFTER: Duration = Duration::from_secs(5);
/// How long a key set is used while its issuer cannot be asked for a new one. Issuers replace keys over days and let
/// theirs be kept for hours; Microsoft recommends to look once a day.
const KEYS_KEPT_FOR: Duration = Duration::from_secs(86_400);

/// Source documents out of a store of secrets, with the keys of those whose sender's tokens an issuer signs.
#[derive(Debug)]
pub struct Sources {
    prefix: String,
    documents: Documents<Document>,
    issuers: Arc<dyn Keys>,
    /// By source, for those that have an issuer: operators made these, so they are few.
    with_keys: Mutex<HashMap<String, WithKeys>>,
}

/// A source's document, and its text where keys are to be added to it.
#[derive(Debug)]
struct Document {
    source: Arc<Source>,
    text: Option<Zeroizing<Vec<u8>>>,
}

/// A source as it verifies, and how new that is.
#[derive(Clone, Debug)]
struct Loaded {
    source: Arc<Source>,
    read_at: SystemTime,
    keys_fetched_at: Option<SystemTime>,
}

/// A source's document of a moment, with the newest keys that could be had then.
#[derive(Clone, Debug)]
struct WithKeys {
    source: Arc<Source>,
    read_at: SystemTime,
    keys: Option<KeySet>,
}

#[derive(Clone, Debug)]
struct KeySet {
    url: String,
    keys: Jwks,
    fetched_at: SystemTime,
}

impl Sources {
    /// Sources in that store, as `{deployment}/webhooks/{source}`.
    pub fn new(secrets: Arc<dyn Secrets>, deployment: &str, issuers: Arc<dyn Keys>) -> Self {
        let documents = Documents::new(secrets, |text| {
            let source = Arc::new(Source::from_json(text)?);
            let text = source.keys_url().map(|_| Zeroizing::new(text.to_vec()));
            Ok(Document { source, text })
        });
        Self { prefix: format!("{deployment}/webhooks/"), documents, issuers, with_keys: Mutex::default() }
    }

    /// Opens the connection to the store, by asking for what no source can be called. That it fails is no harm.
    pub async fn connect(&self) {
        let _ = self.documents.load(&format!("{}.", self.prefix), SystemTime::UNIX_EPOCH).await;
    }

    /// The source of that name, at most [`FRESH_FOR`] old.
    pub(crate) async fn load(&self, name: &str, now: SystemTime) -> Result<Arc<Source>, Problem> {
        Ok(self.load_younger_than(FRESH_FOR, name, now).await?.source)
    }

    /// Verifies a request. A signature that fails against a cached document is tried once more against a fresh one,
    /// because its secret or its issuer's key may have been rotated in meanwhile.
    pub(crate) async fn verify(&self, request: &Request, now: SystemTime) -> Result<(Arc<Source>, Verified), Problem> {
        let Request { source: name, headers, body } = request;
        let at = unix(now);
        let cached = self.load_younger_than(FRESH_FOR, name, now).await?;
        match cached.source.verify(headers, body, at) {
            Ok(verified) => return Ok((cached.source, verified)),
            Err(Rejection::BadSignature | Rejection::UnknownKey) if age(cached.read_at, now) >= REFRESH_AFTER => {}
            Err(rejection) => return Err(cached.refusal(&rejection)),
        }
        let refreshed = self.load_younger_than(REFRESH_AFTER, name, now).await?;
        match refreshed.source.verify(headers, body, at) {
            Ok(verified) => Ok((refreshed.source, verified)),
            Err(rejection) => Err(refreshed.refusal(&rejection)),
        }
    }

    async fn load_younger_than(&self, limit: Duration, name: &str, now: SystemTime) -> Result<Loaded, Problem> {
        // That a source does not exist is believed for a short while only: it may be about to be added.
        let limit_of =
            |cached: &Cached<Document>| if cached.document.is_some() { limit } else { limit.min(REFRESH_AFTER) };
        let secret = format!("{}{name}", self.prefix);
        let loaded = self.documents.load_if(&secret, now, |cached| cached.age(now) < limit_of(cached)).await;
        let Cached { document, read_at } = loaded.map_err(|error| {
            error!(error = tidegate_runtime::chain(&error), "the source document cannot be used");
            unconfigured()
        })?;
        let document = document.ok_or_else(unknown_source)?;
        let source = Arc::clone(&document.source);
        let (Some(url), Some(text)) = (document.source.keys_url(), &document.text) else {
            return Ok(Loaded { source, read_at, keys_fetched_at: None });
        };

        let known = self.with_keys().get(name).cloned();
        let with_keys = match known {
            Some(known) if known.read_at == read_at => known,
            known => {
                let keys = self.keys(url, known.and_then(|known| known.keys), now).await;
                let source = match (&keys, Source::from_json(text)) {
                    (Some(set), Ok(source)) => Arc::new(source.with_keys(set.keys.clone())),
                    _ => source,
                };
                let with_keys = WithKeys { source, read_at, keys };
                self.with_keys().insert(name.to_owned(), with_keys.clone());
                with_keys
            }
        };
        let WithKeys { source, read_at, keys } = with_keys;
        Ok(Loaded { source, read_at, keys_fetched_at: keys.map(|keys| keys.fetched_at) })
    }

    /// The issuer's keys, as new as the document they are kept with; or those that were had before. That none could be
    /// had is kept like any others, or every unsigned request would ask the issuer again.
    async fn keys(&self, url: &str, known: Option<KeySet>, now: SystemTime) -> Option<KeySet> {
        let fetched = match self.issuers.fetch(url).await {
            Ok(document) => Jwks::parse(&document).map_err(|error| {
                error!(url, error = tidegate_runtime::chain(&error), "the key set cannot be used");
            }),
            Err(error) => {
                error!(error = tidegate_runtime::chain(&error), "the key set cannot be fetched");
                Err(())
            }
        };
        let still_good = |known: &KeySet| known.url == url && age(known.fetched_at, now) < KEYS_KEPT_FOR;
        match fetched {
            Ok(keys) => Some(KeySet { url: url.to_owned(), keys, fetched_at: now }),
            Err(()) => known.filter(still_good),
        }
    }

    fn with_keys(&self) -> MutexGuard<'_, HashMap<String, WithKeys>> {
        self.with_keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loaded {
    /// A key that is unknown while the issuer cannot be asked may well be one of its own.
    fn refusal(&self, rejection: &Rejection) -> Problem {
        let has_issuer = self.source.keys_url().is_some();
        if *rejection == Rejection::UnknownKey && has_issuer && self.keys_fetched_at != Some(self.read_at) {
            return unconfigured();
        }
        refusal(rejection)
    }
}

fn age(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

/// 401 without a hint why: a sender without the secret learns nothing. The reason stands in the log.
fn refusal(rejection: &Rejection) -> Problem {
    info!(reason = %rejection, "signature rejected");
    if rejection.is_unauthenticated() {
        return Problem::new(StatusCode::UNAUTHORIZED, "bad-signature", "The signature is missing or does not verify");
    }
    Problem::new(StatusCode::BAD_REQUEST, "malformed-headers", "A header is missing or malformed")
        .detail(rejection.to_string())
}

fn unconfigured() -> Problem {
    try_again("source-unavailable", "The source's configuration cannot be read")
}

pub(crate) fn unix(now: SystemTime) -> UnixTime {
    let secs = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    UnixTime(i64::try_from(secs).unwrap_or(i64::MAX))
}
