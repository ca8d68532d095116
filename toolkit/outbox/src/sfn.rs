//! Answers task tokens of Step Functions.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;

use crate::relay::failed;
use crate::{Answered, Reply, SayError, TaskToken, TaskTokens};

/// Answers workflows in Step Functions.
#[derive(Clone, Debug)]
pub struct SfnTaskTokens(Client);

impl SfnTaskTokens {
    /// Through that client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self(client)
    }
}

impl TaskTokens for SfnTaskTokens {
    async fn answer(&self, token: &TaskToken, reply: &Reply) -> Result<Answered, SayError> {
        let token = token.expose();
        match reply {
            Reply::Success { output } => {
                judge(self.0.send_task_success().task_token(token).output(output.get()).send().await)
            }
            Reply::Failure { error, cause } => {
                judge(self.0.send_task_failure().task_token(token).error(error).cause(cause).send().await)
            }
        }
    }
}

/// By the code alone: the service's message can quote the token.
fn judge<T, E: ProvideErrorMetadata>(result: Result<T, E>) -> Result<Answered, SayError> {
    match result.as_ref().map_err(ProvideErrorMetadata::code) {
        Ok(_) => Ok(Answered::Taken),
        Err(Some("TaskTimedOut" | "TaskDoesNotExist" | "InvalidToken")) => Ok(Answered::Expired),
        Err(code) => Err(failed("answer", "a task token", code.unwrap_or("no answer").to_owned())),
    }
}
