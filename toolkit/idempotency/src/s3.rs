//! Large responses in an S3 bucket. Give the prefix a lifecycle rule that keeps objects a little longer than records are
//! recognised: nothing else deletes them, nor what an owner leaves that died before its completion.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::response::{Overflow, OverflowError};

/// Stores large responses in a bucket. The role needs `s3:PutObject` and `s3:GetObject` below the prefix.
#[derive(Clone, Debug)]
pub struct S3Overflow {
    client: Client,
    bucket: String,
    prefix: String,
}

impl S3Overflow {
    /// Stores responses in `bucket`, under names that start with `prefix`, for instance `responses/`.
    #[must_use]
    pub fn new(client: Client, bucket: impl Into<String>, prefix: impl Into<String>) -> Self {
        Self { client, bucket: bucket.into(), prefix: prefix.into() }
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Overflow for S3Overflow {
    async fn put(&self, name: &str, response: &str) -> Result<(), OverflowError> {
        let body = ByteStream::from(response.as_bytes().to_vec());
        let put = self.client.put_object().bucket(&self.bucket).key(self.key(name)).body(body);
        let put = put.content_type("application/json").send().await;
        put.map(drop).map_err(|error| failed("put", name, error))
    }

    async fn get(&self, name: &str) -> Result<String, OverflowError> {
        let got = self.client.get_object().bucket(&self.bucket).key(self.key(name)).send().await;
        let body = got.map_err(|error| failed("get", name, error))?.body.collect().await;
        let bytes = body.map_err(|error| failed("get", name, error))?.to_vec();
        String::from_utf8(bytes).map_err(|_| failed("get", name, "the object is not UTF-8"))
    }
}

fn failed(
    operation: &'static str,
    name: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> OverflowError {
    OverflowError { operation, name: name.to_owned(), source: source.into() }
}
