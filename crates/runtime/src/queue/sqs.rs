//! The queue in SQS that a function consumes.

use aws_sdk_sqs::Client;
use aws_types::SdkConfig;
use tidegate_batch::sqs::SqsQueue;

use crate::config::{ConfigError, required};

pub(crate) fn queue(aws: &SdkConfig, function: &str, url_variable: &'static str) -> Result<SqsQueue, ConfigError> {
    let (url, dead_letters) = (required(url_variable)?, required("DEAD_LETTER_QUEUE_URL")?);
    Ok(SqsQueue::new(Client::new(aws), url, dead_letters, function))
}
