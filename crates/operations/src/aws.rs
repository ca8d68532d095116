//! The configuration that every AWS client here shares: region, credentials, endpoint and a lean HTTP client.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::failure::Hint;

/// Where calls go and as whom.
#[derive(Clone, Debug)]
pub enum Access {
    /// The default chain: environment, profiles, SSO.
    Caller {
        /// `AWS_ENDPOINT_URL`, when it is set: the clients find it by themselves.
        endpoint: Option<String>,
    },
    /// An emulator with root credentials of its own.
    Emulator { endpoint: String, region: String, access_key_id: String, secret_access_key: String },
}

pub async fn load(access: &Access) -> SdkConfig {
    // rustls with ring, as in the functions (docs/decisions/0003): the default client brings a second crypto library.
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    match access {
        Access::Caller { .. } => aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await,
        // Built by hand and not by the chain, so that no variable and no profile of the caller's steers what goes to the emulator.
        Access::Emulator { endpoint, region, access_key_id, secret_access_key } => {
            let credentials =
                Credentials::new(access_key_id.clone(), secret_access_key.clone(), None, None, "tidegate-emulator");
            SdkConfig::builder()
                .behavior_version(BehaviorVersion::latest())
                .http_client(http)
                .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
                .region(Region::new(region.clone()))
                .endpoint_url(endpoint)
                .credentials_provider(SharedCredentialsProvider::new(credentials))
                .build()
        }
    }
}

/// The region of the default chain.
pub async fn callers_region() -> anyhow::Result<String> {
    region(&load(&Access::Caller { endpoint: None }).await)
}

/// The region of a configuration.
pub fn region(sdk: &SdkConfig) -> anyhow::Result<String> {
    let region = sdk.region().map(ToString::to_string);
    Ok(region
        .ok_or_else(|| Hint::new("no AWS region is set", "set AWS_REGION, or choose a profile with AWS_PROFILE"))?)
}

/// Turns an SDK error into one clear line, with advice where there is some to give.
pub fn explain<E, R>(error: SdkError<E, R>) -> anyhow::Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if let Some(service) = error.as_service_error() {
        let code = service.code().unwrap_or("error without a code").to_owned();
        let what = match service.message() {
            Some(message) => format!("{code}: {message}"),
            None => code.clone(),
        };
        return match code.as_str() {
            "AccessDenied" | "AccessDeniedException" => {
                Hint::new(what, "ask for this permission, or use another profile").into()
            }
            "ExpiredToken" | "ExpiredTokenException" => {
                Hint::new(what, "sign in again, for instance with `aws sso login`").into()
            }
            _ => anyhow::anyhow!(what),
        };
    }
    // The outermost texts ("dispatch failure") do not help; the innermost cause does.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what = cause.to_string();
    if matches!(&error, SdkError::DispatchFailure(failure) if !failure.is_io() && !failure.is_timeout())
        || what.contains("credential")
    {
        return Hint::new(what, "check the credentials, the region and AWS_ENDPOINT_URL").into();
    }
    anyhow::anyhow!("AWS cannot be reached: {what}")
}
