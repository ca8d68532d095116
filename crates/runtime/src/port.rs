//! What the ports of functions have in common: futures that fit behind `dyn`, and how one fails.

use std::pin::Pin;

/// What a port's method returns, so that a handler holds `dyn Secrets` and has no type parameter for it. Calls over the
/// network cost a thousand times the allocation.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The service behind a port could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {what}")]
pub struct PortError {
    pub operation: &'static str,
    /// On what: a name, never a value.
    pub what: String,
    /// True where trying again may help.
    pub transient: bool,
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

#[cfg(any(feature = "secrets", feature = "sns"))]
pub(crate) fn failed<E, R>(
    operation: &'static str,
    what: &str,
    error: aws_smithy_runtime_api::client::result::SdkError<E, R>,
) -> PortError
where
    E: std::error::Error + aws_smithy_types::error::metadata::ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    // Only an answer that names the request or the caller's rights as the cause is final. Everything else (no answer,
    // throttling, a fault over there) may pass.
    let final_codes = ["AccessDenied", "AccessDeniedException", "AuthorizationError", "InvalidParameter"];
    let code = error.as_service_error().and_then(aws_smithy_types::error::metadata::ProvideErrorMetadata::code);
    let transient = !code.is_some_and(|code| final_codes.contains(&code));
    PortError { operation, what: what.to_owned(), transient, source: Box::new(error) }
}

/// An error with its causes in one line, for logs and dead letters.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
