//! The queue in SQS that a function consumes.

use aws_sdk_sqs::Client;
use tidegate_batch::sqs::SqsQueue;

use crate::config::{ConfigError, required};
use crate::function::Function;

pub(crate) fn queue(function: &Function, url_variable: &'static str) -> Result<SqsQueue, ConfigError> {
    let (url, dead_letters) = (required(url_variable)?, required("DEAD_LETTER_QUEUE_URL")?);
    Ok(SqsQueue::new(Client::new(&function.aws), url, dead_letters, &function.name))
}
