//! Tasks of Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;

use crate::ids::TaskToken;
use crate::message::Reply;
use crate::ports::{Answered, SendError, Tasks, failed};

/// Tasks of workflows in Step Functions.
#[derive(Clone, Debug)]
pub struct SfnTasks(Client);

impl SfnTasks {
    /// Through that client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl Tasks for SfnTasks {
    async fn answer(&self, token: &TaskToken, reply: &Reply) -> Result<Answered, SendError> {
        let token = token.expose();
        match reply {
            Reply::Success { output } => {
                judge("answer", self.0.send_task_success().task_token(token).output(output.get()).send().await)
            }
            Reply::Failure { error, cause } => {
                judge("answer", self.0.send_task_failure().task_token(token).error(error).cause(cause).send().await)
            }
        }
    }

    async fn heartbeat(&self, token: &TaskToken) -> Result<Answered, SendError> {
        judge("send a heartbeat to", self.0.send_task_heartbeat().task_token(token.expose()).send().await)
    }
}

/// By the code alone: the service's message can quote the token.
fn judge<T, E: ProvideErrorMetadata>(operation: &'static str, result: Result<T, E>) -> Result<Answered, SendError> {
    match result.as_ref().map_err(ProvideErrorMetadata::code) {
        Ok(_) => Ok(Answered::Accepted),
        Err(Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken")) => Ok(Answered::Expired),
        Err(code) => Err(failed(operation, "a task", code.unwrap_or("no answer").to_owned())),
    }
}
