//! The topic that events go out on.

use std::fmt;

use crate::port::{BoxFuture, PortError};

/// SNS's limit for one message, its attributes' names, types and values included
/// (<https://docs.aws.amazon.com/general/latest/gr/sns.html>).
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;

pub trait Topic: fmt::Debug + Send + Sync {
    /// Publishes a body with string attributes that subscriptions filter by. Once this is `Ok` the message is kept.
    ///
    /// # Errors
    /// [`PortError`]; the message may have been published all the same.
    fn publish<'a>(
        &'a self,
        body: &'a str,
        attributes: &'a [(&'static str, &'a str)],
    ) -> BoxFuture<'a, Result<(), PortError>>;
}

/// What a message counts against [`MAX_MESSAGE_BYTES`].
#[must_use]
pub fn size(body: &str, attributes: &[(&'static str, &str)]) -> usize {
    let attribute = |(name, value): &(&'static str, &str)| name.len() + "String".len() + value.len();
    body.len() + attributes.iter().map(attribute).sum::<usize>()
}

#[cfg(feature = "sns")]
#[derive(Clone, Debug)]
pub struct SnsTopic {
    client: aws_sdk_sns::Client,
    arn: String,
}

#[cfg(feature = "sns")]
impl SnsTopic {
    /// The topic of that ARN.
    #[must_use]
    pub fn new(client: aws_sdk_sns::Client, arn: impl Into<String>) -> Self {
        Self { client, arn: arn.into() }
    }

    /// Looks whether the topic answers.
    ///
    /// # Errors
    /// [`PortError`] where it does not.
    pub async fn reach(&self) -> Result<(), PortError> {
        let attributes = self.client.get_topic_attributes().topic_arn(&self.arn).send().await;
        attributes.map(drop).map_err(|error| crate::port::failed("reach the topic", &self.arn, error))
    }
}

#[cfg(feature = "sns")]
impl Topic for SnsTopic {
    fn publish<'a>(
        &'a self,
        body: &'a str,
        attributes: &'a [(&'static str, &'a str)],
    ) -> BoxFuture<'a, Result<(), PortError>> {
        use aws_sdk_sns::types::MessageAttributeValue;
        Box::pin(async move {
            let mut publish = self.client.publish().topic_arn(&self.arn).message(body);
            for (name, value) in attributes {
                let value = MessageAttributeValue::builder().data_type("String").string_value(*value).build();
                let value = value.map_err(|error| PortError {
                    operation: "publish to",
                    what: self.arn.clone(),
                    transient: false,
                    source: error.into(),
                })?;
                publish = publish.message_attributes(*name, value);
            }
            publish.send().await.map(drop).map_err(|error| crate::port::failed("publish to", &self.arn, error))
        })
    }
}
