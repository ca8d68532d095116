//! The keys with which Google and Microsoft sign their tokens, from where they publish them.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::priming::Priming;
use tidegate_runtime::{BoxFuture, PortError};

/// A sender waits for its answer meanwhile, and sends again if there is none.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Key sets have a few thousand bytes.
const MAX_BYTES: usize = 256 * 1024;

/// Key sets, by where their issuer publishes them.
pub trait Keys: fmt::Debug + Send + Sync {
    /// The document at an address that a source names.
    ///
    /// # Errors
    /// [`PortError`] where there is no such document to be had.
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, PortError>>;
}

/// Key sets from the web. Its client is made when the first one is asked for: most deployments have no source that
/// needs one, and trusting the web's authorities takes time at a cold start.
#[derive(Debug, Default)]
pub struct WebKeys(OnceLock<HttpClient>);

impl Keys for WebKeys {
    fn fetch<'a>(&'a self, url: &'a str) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        let client = self.0.get_or_init(|| HttpClient::trusting_web(&Priming::default()));
        Box::pin(async move {
            let exchange = async {
                let response = client.send(Request::get(url).body(SdkBody::empty())?).await?;
                if response.status() != StatusCode::OK {
                    return Err(format!("the answer was {}", response.status()).into());
                }
                Ok(Limited::new(response.into_body(), MAX_BYTES).collect().await?.to_bytes().to_vec())
            };
            match tokio::time::timeout(TIMEOUT, exchange).await {
                Ok(document) => document,
                Err(_) => Err(format!("no answer within {TIMEOUT:?}").into()),
            }
            .map_err(|source| PortError {
                operation: "fetch the key set",
                what: url.to_owned(),
                transient: true,
                source,
            })
        })
    }
}
