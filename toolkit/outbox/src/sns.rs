//! Publishes to one SNS topic.

use aws_sdk_sns::Client;
use aws_sdk_sns::error::ProvideErrorMetadata as _;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use tidegate_cloudevents::messaging;

use crate::ports::{Outgoing, Publisher, SendError, failed};

/// One SNS topic.
#[derive(Clone, Debug)]
pub struct SnsPublisher {
    client: Client,
    topic_arn: String,
}

impl SnsPublisher {
    /// The topic of that ARN.
    #[must_use]
    pub fn new(client: Client, topic_arn: impl Into<String>) -> Self {
        Self { client, topic_arn: topic_arn.into() }
    }
}

impl Publisher for SnsPublisher {
    async fn publish(&self, batch: &[Outgoing<'_>]) -> Vec<Result<(), SendError>> {
        let entries: Result<Vec<_>, _> = batch.iter().enumerate().map(|(at, it)| entry(at, it)).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return vec![Err(error)], // fewer results than events: the relay stops
        };
        let request =
            self.client.publish_batch().topic_arn(&self.topic_arn).set_publish_batch_request_entries(Some(entries));
        match request.send().await {
            Ok(response) => {
                let taken = |at: &str| response.successful().iter().any(|it| it.id() == Some(at));
                let code = |at: &str| response.failed().iter().find(|it| it.id() == at).map(|it| it.code().to_owned());
                let result = |(at, it): (usize, &Outgoing<'_>)| match at.to_string() {
                    at if taken(&at) => Ok(()),
                    at => Err(failed(
                        "publish",
                        it.event.id(),
                        code(&at).unwrap_or_else(|| "no answer for it".to_owned()),
                    )),
                };
                batch.iter().enumerate().map(result).collect()
            }
            // The service's message can quote what it was sent; its code cannot.
            Err(error) => {
                let reason = error.code().map_or_else(|| "no answer".to_owned(), str::to_owned);
                batch.iter().map(|it| Err(failed("publish", it.event.id(), reason.clone()))).collect()
            }
        }
    }
}

fn entry(at: usize, outgoing: &Outgoing<'_>) -> Result<PublishBatchRequestEntry, SendError> {
    let invalid = |error| failed("publish", outgoing.event.id(), error);
    let mut entry = PublishBatchRequestEntry::builder().id(at.to_string()).message(outgoing.body);
    for (name, value) in messaging::attributes(outgoing.event) {
        let value = MessageAttributeValue::builder().data_type("String").string_value(value).build();
        entry = entry.message_attributes(name, value.map_err(invalid)?);
    }
    entry.build().map_err(invalid)
}
