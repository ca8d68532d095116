//! The operator's Slack document, cached.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tidegate_batch::Failure;
use tidegate_runtime::secrets::Secrets;
use tidegate_slack_routes::SlackConfig;

/// How long a document is used before it is read again: a new route is in force within this time.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// The document `{deployment}/notify-slack` out of a store of secrets.
#[derive(Debug)]
pub struct Configuration<S> {
    secrets: S,
    name: String,
    cache: Mutex<Option<(Arc<SlackConfig>, SystemTime)>>,
}

impl<S: Secrets> Configuration<S> {
    /// The document of `deployment` in that store.
    pub fn new(secrets: S, deployment: &str) -> Self {
        Self { secrets, name: format!("{deployment}/notify-slack"), cache: Mutex::new(None) }
    }

    /// The document, at most a minute old.
    ///
    /// # Errors
    /// A transient failure, also where the document is missing or malformed: mending it makes the messages go out.
    pub async fn load(&self, now: SystemTime) -> Result<Arc<SlackConfig>, Failure> {
        if let Some((config, read_at)) = &*self.cache()
            && now.duration_since(*read_at).unwrap_or_default() < FRESH_FOR
        {
            return Ok(Arc::clone(config));
        }
        let document = self.secrets.read(&self.name).await;
        let document = document.map_err(|error| Failure::transient(tidegate_runtime::chain(&error)))?;
        let document = document.ok_or_else(|| Failure::transient(format!("there is no secret {}", self.name)))?;
        let config = SlackConfig::from_json(document.as_bytes())
            .map_err(|error| Failure::transient(format!("the secret {} is malformed: {error}", self.name)))?;
        let config = Arc::new(config);
        *self.cache() = Some((Arc::clone(&config), now));
        Ok(config)
    }

    /// Reads the document anew next time: Slack refused what it says, so somebody may be mending it.
    pub fn forget(&self) {
        *self.cache() = None;
    }

    fn cache(&self) -> MutexGuard<'_, Option<(Arc<SlackConfig>, SystemTime)>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
