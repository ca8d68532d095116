//! A saga that waits, as workers see it before anything is committed.

use std::sync::{Mutex, PoisonError};

use tidegate_events::{ErrorName, TaskToken};
use tidegate_worker::{Waiting, WaitingError};

/// Notes what a saga is told directly, and fails where a test says so.
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

    fn reached(&self, operation: &'static str) -> Result<(), WaitingError> {
        let away = *self.away.lock().unwrap_or_else(PoisonError::into_inner);
        if away { Err(WaitingError { operation, source: "it is away".into() }) } else { Ok(()) }
    }
}

impl Waiting for RecordingSaga {
    async fn heartbeat(&self, token: &TaskToken) -> Result<(), WaitingError> {
        self.reached("send a heartbeat")?;
        self.heartbeats.lock().unwrap_or_else(PoisonError::into_inner).push(token.as_str().to_owned());
        Ok(())
    }

    async fn fail(&self, token: &TaskToken, error: ErrorName, cause: &str) -> Result<(), WaitingError> {
        self.reached("send the failure")?;
        let failure = (token.as_str().to_owned(), error, cause.to_owned());
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        Ok(())
    }
}
