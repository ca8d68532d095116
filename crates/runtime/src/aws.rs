//! The settings that every AWS client of a function shares.
//!
//! Lean on purpose (docs/decisions/0003-lean-aws-clients.md): no `aws-config`, because a function's region and
//! credentials stand in its environment; ring instead of aws-lc, whose entropy costs 50 ms of CPU at the first random
//! byte; and only the roots that AWS's own endpoints chain to, because reading the system's store costs 5 ms.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;

use crate::config::{ConfigError, optional, required};
use crate::http::HttpClient;

/// The settings of this function's clients: region, credentials and `AWS_ENDPOINT_URL` from the environment, one HTTP
/// client for all, so that they share connections.
///
/// # Errors
/// [`ConfigError`] where the environment is not a function's.
pub fn sdk_config(http: &HttpClient) -> Result<SdkConfig, ConfigError> {
    let credentials = Credentials::new(
        required("AWS_ACCESS_KEY_ID")?,
        required("AWS_SECRET_ACCESS_KEY")?,
        optional("AWS_SESSION_TOKEN"),
        None,
        "function environment",
    );
    let endpoint = optional("AWS_ENDPOINT_URL");
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http.for_sdk())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(timeouts());
    config.set_endpoint_url(endpoint);
    Ok(config.build())
}

/// A sender waits for its answer for some seconds at most, so a call that hangs is given up and repeated early.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(4))
        .build()
}
