//! The claim check in S3: data too large to travel waits in a bucket, and `dataref` says where.
//!
//! The client is the caller's, and this does with it just what it has to: a put on the way out, a get on the way in.

use std::error::Error;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::EventError;
use crate::event::Event;

/// The claim checks of one bucket, which should hold nothing else: whoever can send an event can name any object in it.
#[derive(Clone, Debug)]
pub struct ClaimChecks {
    client: Client,
    bucket: String,
}

/// Why data was not kept or not brought back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimCheckError {
    /// The `dataref` leads out of the bucket.
    #[error("{0} does not lie in the bucket of the claim checks")]
    Elsewhere(String),
    /// The object is not there, or not any more.
    #[error("there is nothing at {0}")]
    Gone(String),
    /// S3 could not do it.
    #[error("cannot {operation} at {dataref}")]
    Store {
        /// What was to be done.
        operation: &'static str,
        /// Where.
        dataref: String,
        /// Whether it may work if it is tried again.
        transient: bool,
        /// What S3 or its client said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The event would break a rule: a key that no URI can hold, or data unlike its content type.
    #[error(transparent)]
    Event(#[from] EventError),
}

impl ClaimCheckError {
    /// Whether it may work if it is tried again.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store { transient: true, .. })
    }
}

impl ClaimChecks {
    /// The claim checks in `bucket`.
    pub fn new(client: Client, bucket: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into() }
    }

    /// Keeps an event's data under `key` and gives the event without it. An event that carries no data stays as it is.
    ///
    /// A key that is made out of the event's source and id lets a second try overwrite what the first one left.
    ///
    /// # Errors
    /// [`ClaimCheckError`]; whatever it is, the event may be sent with its data if it fits.
    pub async fn keep(&self, event: &Event, key: &str) -> Result<Event, ClaimCheckError> {
        let Some(data) = event.data().bytes() else { return Ok(event.clone()) };
        let dataref = format!("s3://{}/{key}", self.bucket);
        let checked = event.clone().with_dataref(&dataref)?;
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(data.to_vec().into());
        let put = put.set_content_type(event.effective_content_type().map(str::to_owned)).send().await;
        put.map_err(|error| failed("keep data", &dataref, error))?;
        Ok(checked)
    }

    /// Gives an event with its data, fetched if it has to be. An event that carries its data stays as it is.
    ///
    /// # Errors
    /// [`ClaimCheckError`]; nothing is fetched from any other place than the bucket.
    pub async fn redeem(&self, event: Event) -> Result<Event, ClaimCheckError> {
        let Some(dataref) = event.dataref_to_fetch() else { return Ok(event) };
        let path = dataref.strip_prefix("s3://").and_then(|path| path.strip_prefix(self.bucket.as_str()));
        let Some(key) = path.and_then(|path| path.strip_prefix('/')) else {
            return Err(ClaimCheckError::Elsewhere(dataref.to_owned()));
        };
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => {
                return Err(ClaimCheckError::Gone(dataref.to_owned()));
            }
            Err(error) => return Err(failed("fetch data", dataref, error)),
        };
        let data = object.body.collect().await.map_err(|error| ClaimCheckError::Store {
            operation: "fetch data",
            dataref: dataref.to_owned(),
            transient: true,
            source: error.into(),
        })?;
        Ok(event.with_data(&data.into_bytes())?)
    }
}

fn failed<E, R>(operation: &'static str, dataref: &str, error: SdkError<E, R>) -> ClaimCheckError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    // Only an answer that names the caller's rights or the bucket is final; no answer, or a fault over there, may pass.
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let transient = !matches!(code, Some("AccessDenied" | "NoSuchBucket" | "InvalidAccessKeyId" | "KeyTooLongError"));
    ClaimCheckError::Store { operation, dataref: dataref.to_owned(), transient, source: Box::new(error) }
}

#[cfg(test)]
#[path = "s3_tests.rs"]
mod tests;
