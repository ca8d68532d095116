//! Payloads in an S3 bucket: three requests, signed by AWS's own `aws-sigv4`, over the function's HTTP client.
//!
//! `aws-sdk-s3` does the same at the price of a sixth of a function's binary, for payloads over 256 KiB, which hardly
//! any delivery has (docs/decisions/0003-lean-aws-clients.md). The SHA-256 that is signed is checked by S3 on arrival.

use std::error::Error;
use std::time::Duration;

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
    sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_types::body::SdkBody;
use aws_types::SdkConfig;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::http::HttpClient;
use crate::port::{BoxFuture, PortError};
use crate::s3::Payloads;

/// A connection that died while the function was frozen fails at once; S3 asks to slow down once in a while.
const ATTEMPTS: u32 = 3;
/// For one attempt with a payload of a megabyte.
const TIMEOUT: Duration = Duration::from_secs(2);
/// For all attempts, as for AWS's own clients: a function that is ended meanwhile can neither let go nor answer.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Clone, Debug)]
pub struct S3Payloads {
    http: HttpClient,
    credentials: Option<SharedCredentialsProvider>,
    clock: Option<SharedTimeSource>,
    region: String,
    bucket: String,
    /// The bucket's URL, without a slash at the end.
    url: String,
}

/// API Gateway takes no more than 10 MB; a function that fetches an object that another writer put there must not run out of memory.
const MAX_BYTES: usize = 16 * 1024 * 1024;

type Failure = Box<dyn Error + Send + Sync>;

impl S3Payloads {
    /// Payloads in `bucket`. An endpoint other than AWS's is addressed by path, because its host name has no
    /// subdomain for every bucket.
    #[must_use]
    pub fn new(http: &HttpClient, config: &SdkConfig, bucket: impl Into<String>) -> Self {
        let bucket = bucket.into();
        let region = config.region().map(ToString::to_string).unwrap_or_default();
        let url = match config.endpoint_url() {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            None if region.starts_with("cn-") => format!("https://{bucket}.s3.{region}.amazonaws.com.cn"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        };
        let credentials = config.credentials_provider();
        Self { http: http.clone(), credentials, clock: config.time_source(), region, bucket, url }
    }

    /// Looks whether the bucket answers.
    ///
    /// # Errors
    /// [`PortError`] where it does not.
    pub async fn reach(&self) -> Result<(), PortError> {
        self.ask("reach the bucket", Method::HEAD, "", Bytes::new()).await.map(drop)
    }

    /// One object's request, tried again where that may help.
    async fn ask(&self, operation: &'static str, method: Method, key: &str, body: Bytes) -> Result<Bytes, PortError> {
        let outcome = tokio::time::timeout(TOTAL_TIMEOUT, self.attempts(method, key, body)).await;
        outcome.unwrap_or_else(|elapsed| Err((true, elapsed.into()))).map_err(|(transient, source)| {
            let what = if key.is_empty() { &self.bucket } else { key };
            PortError { operation, what: what.to_owned(), transient, source }
        })
    }

    /// The error, and whether it is transient.
    async fn attempts(&self, method: Method, key: &str, body: Bytes) -> Result<Bytes, (bool, Failure)> {
        let mut attempt = 1;
        loop {
            let outcome = tokio::time::timeout(TIMEOUT, self.exchange(method.clone(), key, body.clone())).await;
            let (transient, source): (bool, Failure) = match outcome {
                Ok(Ok((status, answer))) if status.is_success() => return Ok(answer),
                Ok(Ok((status, _))) => {
                    let transient = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
                    (transient, format!("S3 answered {status}").into())
                }
                Ok(Err(error)) => (!error.is::<LengthLimitError>(), error),
                Err(elapsed) => (true, elapsed.into()),
            };
            if !transient || attempt == ATTEMPTS {
                return Err((transient, source));
            }
            tokio::time::sleep(Duration::from_millis(50) * attempt).await;
            attempt += 1;
        }
    }

    async fn exchange(&self, method: Method, key: &str, body: Bytes) -> Result<(StatusCode, Bytes), Failure> {
        let uri = format!("{}/{key}", self.url);
        let mut request = Request::builder().method(&method).uri(&uri).body(SdkBody::empty())?;
        self.sign(&mut request, &uri, &body).await?;
        let request = request.map(|_| SdkBody::from(body));
        let (head, answer) = self.http.send(request).await?.into_parts();
        Ok((head.status, Limited::new(answer, MAX_BYTES).collect().await?.to_bytes()))
    }

    async fn sign(&self, request: &mut Request<SdkBody>, uri: &str, body: &[u8]) -> Result<(), Failure> {
        let credentials = self.credentials.as_ref().ok_or("there are no credentials")?.provide_credentials().await?;
        // S3's own ways: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let identity = credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(self.clock.as_ref().ok_or("there is no clock")?.now())
            .settings(settings)
            .build()?
            .into();
        let signable =
            SignableRequest::new(request.method().as_str(), uri, std::iter::empty(), SignableBody::Bytes(body))?;
        let (instructions, _) = sign(signable, &parameters)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

impl Payloads for S3Payloads {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<String, PortError>> {
        Box::pin(async move {
            self.ask("keep the payload", Method::PUT, key, bytes.into()).await?;
            Ok(format!("s3://{}/{key}", self.bucket))
        })
    }

    fn fetch<'a>(&'a self, dataref: &'a str) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        Box::pin(async move {
            let Some(key) = own_key(dataref, &self.bucket) else {
                return Err(PortError {
                    operation: "fetch the payload",
                    what: "a dataref of elsewhere".to_owned(), // which may hold a token
                    transient: false,
                    source: "it does not lie in this deployment's bucket".into(),
                });
            };
            Ok(self.ask("fetch the payload", Method::GET, key, Bytes::new()).await?.to_vec())
        })
    }
}

/// The key that a `dataref` names in `bucket`. A sender may have written it: it must not make a function read some other
/// bucket, and goes into a URL as it is, where `?` and `..` would make another request of it.
fn own_key<'r>(dataref: &'r str, bucket: &str) -> Option<&'r str> {
    let key = dataref.strip_prefix("s3://")?.strip_prefix(bucket)?.strip_prefix('/')?;
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.');
    let name = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    key.split('/').all(name).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_async::time::{SharedTimeSource, StaticTimeSource};
    use aws_types::SdkConfig;
    use aws_types::region::Region;

    use super::{S3Payloads, own_key};
    use crate::http::HttpClient;
    use crate::priming::Priming;
    use crate::s3::Payloads;

    /// `receive-webhook` ends after 6 seconds, and has to let go of its claim and to answer before that.
    #[tokio::test(start_paused = true)]
    async fn a_bucket_that_does_not_answer_is_given_up_after_four_seconds() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let config = SdkConfig::builder()
            .region(Region::new("made-up-1"))
            .endpoint_url(format!("http://{}", silent.local_addr().unwrap()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::from_keys("made-up", "made-up", None)))
            .time_source(SharedTimeSource::new(StaticTimeSource::from_secs(1_700_000_000)))
            .build();
        let payloads = S3Payloads::new(&HttpClient::trusting_amazon(&Priming::default()), &config, "made-up");
        let started = tokio::time::Instant::now();
        let error = payloads.put("payloads/a", vec![7]).await.unwrap_err();
        assert!(error.transient, "{error:?}");
        assert!(started.elapsed() < Duration::from_millis(4_010), "{:?}", started.elapsed());
    }

    #[test]
    fn a_dataref_names_an_object_of_the_bucket_and_no_other_request() {
        assert_eq!(own_key("s3://made-up/payloads/0a-b_c.json", "made-up"), Some("payloads/0a-b_c.json"));
        for elsewhere in [
            "https://made-up/payloads/a",
            "s3://other/payloads/a",
            "s3://made-up-too/payloads/a",
            "s3://made-up",
            "s3://made-up/",
            "s3://made-up//a",
            "s3://made-up/?list-type=2",
            "s3://made-up/payloads/a?acl",
            "s3://made-up/payloads/a#b",
            "s3://made-up/../other/a",
            "s3://made-up/payloads/./a",
            "s3://made-up/payloads/%2e%2e/a",
            "s3://made-up/payloads/a b",
            "s3://made-up/payloads/a\n",
        ] {
            assert_eq!(own_key(elsewhere, "made-up"), None, "{elsewhere}");
        }
    }
}
