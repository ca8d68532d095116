//! A saga that waits, as workers see it before anything is committed.

use std::sync::{Mutex, PoisonError};

use tidegate_events::ErrorName;
use tidegate_outbox::{Answered, Reply, SendError, TaskToken, Tasks};

/// Keeps what a saga gets directly, and fails where a test wants it.
#[derive(Debug, Default)]
pub struct RecordingSaga {
    heartbeats: Mutex<Vec<String>>,
    failures: Mutex<Vec<(String, ErrorName, String)>>,
    away: Mutex<bool>,
}

impl RecordingSaga {
    /// The tokens that heartbeats were sent to since the last look.
    pub fn heartbeats(&self) -> Vec<String> {
        std::mem::take(&mut *self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The failures since the last look: token, name, cause.
    pub fn failures(&self) -> Vec<(String, ErrorName, String)> {
        std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it cannot be reached.
    pub fn is_away(&self, away: bool) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }

    fn reached(&self, operation: &'static str) -> Result<Answered, SendError> {
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        let error = || SendError { operation, what: "a task".to_owned(), source: "it is away".into() };
        if away { Err(error()) } else { Ok(Answered::Accepted) }
    }
}

impl Tasks for RecordingSaga {
    /// # Panics
    /// At anything but a failure by a name that sagas know: what is carried out is answered by the relay.
    async fn answer(&self, token: &TaskToken, reply: &Reply) -> Result<Answered, SendError> {
        let answered = self.reached("answer")?;
        let Reply::Failure { error, cause } = reply else { panic!("a worker answers failures alone: {reply:?}") };
        let Ok(error) = error.parse() else { panic!("a saga does not know {error}") };
        let failure = (token.expose().to_owned(), error, cause.clone());
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        Ok(answered)
    }

    async fn heartbeat(&self, token: &TaskToken) -> Result<Answered, SendError> {
        let answered = self.reached("send a heartbeat to")?;
        self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).push(token.expose().to_owned());
        Ok(answered)
    }
}
