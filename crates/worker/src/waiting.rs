//! The saga that waits for an answer, as far as it is told something directly. Answers to commands go through the outbox.

use tidegate_events::{ErrorName, TaskToken};

/// A saga that waits.
pub trait Waiting: Send + Sync {
    /// Says that the command is still being worked on. A token that nobody waits for any more is no failure.
    ///
    /// # Errors
    /// [`WaitingError`] where the saga cannot be told.
    fn heartbeat(&self, token: &TaskToken) -> impl Future<Output = Result<(), WaitingError>> + Send;

    /// Says that the command will not be carried out, for no reason of the business. A token that nobody waits for any more is no
    /// failure.
    ///
    /// # Errors
    /// [`WaitingError`] where the saga cannot be told.
    fn fail(
        &self,
        token: &TaskToken,
        error: ErrorName,
        cause: &str,
    ) -> impl Future<Output = Result<(), WaitingError>> + Send;
}

/// The saga could not be told. Worth trying again.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} to the saga")]
pub struct WaitingError {
    /// What was attempted.
    pub operation: &'static str,
    /// Why it failed; never the service's own text, which can quote the token.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
