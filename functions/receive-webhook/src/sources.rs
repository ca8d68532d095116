//! Source documents, cached, and verified against.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::StatusCode;
use tidegate_runtime::problem::Problem;
use tidegate_runtime::secrets::Secrets;
use tidegate_webhooks::{Jwks, Rejection, Source, UnixTime, Verified};
use tracing::{error, info};

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
/// More names than this are not kept: a caller who makes up names must not fill the memory.
const MOST_KEPT: usize = 256;

/// Source documents out of a store of secrets, with the keys of those whose sender's tokens an issuer signs.
#[derive(Debug)]
pub struct Sources<S, K> {
    secrets: S,
    keys: K,
    cache: Mutex<HashMap<String, Cached>>,
}

#[derive(Clone, Debug)]
struct Cached {
    source: Option<Arc<Source>>,
    /// The last that were to be had, where an issuer signs for the source.
    keys: Option<KeySet>,
    read_at: SystemTime,
}

#[derive(Clone, Debug)]
struct KeySet {
    url: String,
    keys: Jwks,
    fetched_at: SystemTime,
}

impl<S: Secrets, K: Keys> Sources<S, K> {
    /// Sources in that store, as `{deployment}/webhooks/{source}`.
    pub fn new(secrets: S, keys: K) -> Self {
        Self { secrets, keys, cache: Mutex::new(HashMap::new()) }
    }

    /// Opens the connection to the store, by asking for what no source can be called. That it fails is no harm.
    pub async fn warm(&self, deployment: &str) {
        let _ = self.secrets.read(&format!("{deployment}/webhooks/.")).await;
    }

    /// The source of that name, at most [`FRESH_FOR`] old.
    pub(crate) async fn load(&self, deployment: &str, name: &str, now: SystemTime) -> Result<Arc<Source>, Problem> {
        self.load_younger_than(FRESH_FOR, deployment, name, now).await?.source.ok_or_else(unknown_source)
    }

    /// Verifies a request. A signature that fails against a cached document is tried once more against a fresh one,
    /// because its secret or its issuer's key may have been rotated in meanwhile.
    pub(crate) async fn verify(
        &self,
        deployment: &str,
        request: &Request,
        now: SystemTime,
    ) -> Result<(Arc<Source>, Verified), Problem> {
        let Request { source: name, headers, body } = request;
        let at = unix(now);
        let cached = self.load_younger_than(FRESH_FOR, deployment, name, now).await?;
        let source = cached.source.clone().ok_or_else(unknown_source)?;
        match source.verify(headers, body, at) {
            Ok(verified) => return Ok((source, verified)),
            Err(Rejection::BadSignature | Rejection::UnknownKey) if cached.age(now) >= REFRESH_AFTER => {}
            Err(rejection) => return Err(cached.refusal(&rejection)),
        }
        let refreshed = self.load_younger_than(REFRESH_AFTER, deployment, name, now).await?;
        let source = refreshed.source.clone().ok_or_else(unknown_source)?;
        let verified = source.verify(headers, body, at).map_err(|rejection| refreshed.refusal(&rejection))?;
        Ok((source, verified))
    }

    async fn load_younger_than(
        &self,
        limit: Duration,
        deployment: &str,
        name: &str,
        now: SystemTime,
    ) -> Result<Cached, Problem> {
        let cached = self.cache().get(name).cloned();
        // That a source does not exist is believed for a short while only: it may be about to be added.
        let limit_of = |cached: &Cached| if cached.source.is_some() { limit } else { limit.min(REFRESH_AFTER) };
        if let Some(cached) = cached.as_ref().filter(|cached| cached.age(now) < limit_of(cached)) {
            return Ok(cached.clone());
        }
        let secret = format!("{deployment}/webhooks/{name}");
        let document = self.secrets.read(&secret).await.map_err(|error| {
            error!(error = tidegate_runtime::chain(&error), "the source document cannot be read");
            unconfigured()
        })?;
        let source = document.map(|document| Source::from_json(document.as_bytes())).transpose().map_err(|error| {
            error!(secret, error = tidegate_runtime::chain(&error), "the source document is malformed");
            unconfigured()
        })?;
        let keys = match source.as_ref().and_then(Source::keys_url) {
            Some(url) => self.keys(url, cached.and_then(|cached| cached.keys), now).await,
            None => None,
        };
        let source = source.map(|source| match &keys {
            Some(set) => source.with_keys(set.keys.clone()),
            None => source,
        });
        let cached = Cached { source: source.map(Arc::new), keys, read_at: now };
        let mut cache = self.cache();
        if cache.len() >= MOST_KEPT && !cache.contains_key(name) {
            cache.retain(|_, cached| cached.source.is_some()); // made-up names go first
            if cache.len() >= MOST_KEPT {
                cache.clear(); // rare, and cheaper than keeping an order of use
            }
        }
        cache.insert(name.to_owned(), cached.clone());
        Ok(cached)
    }

    /// The issuer's keys, as new as the document they are kept with; or those that were had before. That none could be
    /// had is kept like any others, or every request that nobody signed would ask the issuer again.
    async fn keys(&self, url: &str, known: Option<KeySet>, now: SystemTime) -> Option<KeySet> {
        let fetched = match self.keys.fetch(url).await {
            Ok(document) => Jwks::parse(&document).map_err(|error| {
                error!(url, error = tidegate_runtime::chain(&error), "the key set is of no use");
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

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cached {
    fn age(&self, now: SystemTime) -> Duration {
        age(self.read_at, now)
    }

    /// A key that is unknown while the issuer cannot be asked may well be one of its own.
    fn refusal(&self, rejection: &Rejection) -> Problem {
        let keys_are_new = self.keys.as_ref().is_some_and(|keys| keys.fetched_at == self.read_at);
        let has_issuer = self.source.as_ref().is_some_and(|source| source.keys_url().is_some());
        if *rejection == Rejection::UnknownKey && has_issuer && !keys_are_new {
            return unconfigured();
        }
        refusal(rejection)
    }
}

fn age(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

/// 401 without a hint why: whoever has no secret learns nothing. The reason stands in the log.
fn refusal(rejection: &Rejection) -> Problem {
    info!(reason = %rejection, "rejected");
    if rejection.is_unauthenticated() {
        return Problem::new(StatusCode::UNAUTHORIZED, "bad-signature", "The signature is missing or does not verify");
    }
    Problem::new(StatusCode::BAD_REQUEST, "malformed-headers", "A header is missing or malformed")
        .detail(rejection.to_string())
}

fn unconfigured() -> Problem {
    try_again("source-unavailable", "The source's configuration cannot be read")
}

fn unix(now: SystemTime) -> UnixTime {
    let secs = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    UnixTime(i64::try_from(secs).unwrap_or(i64::MAX))
}
