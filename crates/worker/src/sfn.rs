//! Heartbeats and failures to Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use tidegate_events::{ErrorName, TaskToken};

use crate::{Waiting, WaitingError};

/// Sagas in Step Functions.
#[derive(Clone, Debug)]
pub struct SfnWaiting(Client);

impl SfnWaiting {
    /// Through that client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl Waiting for SfnWaiting {
    async fn heartbeat(&self, token: &TaskToken) -> Result<(), WaitingError> {
        judge("send a heartbeat", self.0.send_task_heartbeat().task_token(token.as_str()).send().await)
    }

    async fn fail(&self, token: &TaskToken, error: ErrorName, cause: &str) -> Result<(), WaitingError> {
        let failure = self.0.send_task_failure().task_token(token.as_str()).error(error.as_str()).cause(cause);
        judge("send the failure", failure.send().await)
    }
}

/// By the code alone: the service's message can quote the token.
fn judge<T, E: ProvideErrorMetadata>(operation: &'static str, result: Result<T, E>) -> Result<(), WaitingError> {
    match result.as_ref().map_err(ProvideErrorMetadata::code) {
        Ok(_) | Err(Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken")) => Ok(()),
        Err(code) => Err(WaitingError { operation, source: code.unwrap_or("no answer").into() }),
    }
}
