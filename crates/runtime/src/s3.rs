//! Payloads that are too large for a message: kept in a bucket, named in the event by `dataref` (claim check,
//! <https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md>).

use crate::PortError;

/// Keeps payloads.
pub trait Payloads: Send + Sync {
    /// Keeps `bytes` under `key`; a repeated put overwrites. Returns the `dataref`.
    ///
    /// # Errors
    /// [`PortError`] where the store cannot be asked.
    fn put(&self, key: &str, bytes: Vec<u8>) -> impl Future<Output = Result<String, PortError>> + Send;

    /// What a `dataref` of [`Payloads::put`] names.
    ///
    /// # Errors
    /// [`PortError`]; permanent where the reference is not one of this store's, or what it names is gone.
    fn fetch(&self, dataref: &str) -> impl Future<Output = Result<Vec<u8>, PortError>> + Send;
}

/// Payloads in one S3 bucket.
#[cfg(feature = "s3")]
#[derive(Clone, Debug)]
pub struct S3Payloads {
    client: aws_sdk_s3::Client,
    bucket: String,
}

#[cfg(feature = "s3")]
impl S3Payloads {
    /// Payloads in `bucket`. An endpoint other than AWS's is addressed by path, because its host name has no
    /// subdomain for every bucket.
    #[must_use]
    pub fn new(config: &aws_types::SdkConfig, bucket: impl Into<String>) -> Self {
        let by_path = config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(config).force_path_style(by_path).build();
        Self { client: aws_sdk_s3::Client::from_conf(config), bucket: bucket.into() }
    }

    /// Looks whether the bucket answers.
    ///
    /// # Errors
    /// [`PortError`] where it does not.
    pub async fn reach(&self) -> Result<(), PortError> {
        let head = self.client.head_bucket().bucket(&self.bucket).send().await;
        head.map(drop).map_err(|error| crate::port::failed("reach the bucket", &self.bucket, error))
    }
}

#[cfg(feature = "s3")]
impl Payloads for S3Payloads {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<String, PortError> {
        let put = self.client.put_object().bucket(&self.bucket).key(key).body(bytes.into());
        put.send().await.map_err(|error| crate::port::failed("keep the payload", key, error))?;
        Ok(format!("s3://{}/{key}", self.bucket))
    }

    async fn fetch(&self, dataref: &str) -> Result<Vec<u8>, PortError> {
        let permanent = |source: Box<dyn std::error::Error + Send + Sync>| PortError {
            operation: "fetch the payload",
            what: dataref.to_owned(),
            transient: false,
            source,
        };
        // An event from elsewhere must not make this function read some other bucket.
        let key = dataref.strip_prefix("s3://").and_then(|path| path.strip_prefix(&self.bucket)?.strip_prefix('/'));
        let key = key.ok_or_else(|| permanent("it does not lie in this deployment's bucket".into()))?;
        let object = match self.client.get_object().bucket(&self.bucket).key(key).send().await {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => {
                return Err(permanent(Box::new(error)));
            }
            Err(error) => return Err(crate::port::failed("fetch the payload", dataref, error)),
        };
        let bytes =
            object.body.collect().await.map_err(|error| PortError { transient: true, ..permanent(error.into()) })?;
        Ok(bytes.to_vec())
    }
}
