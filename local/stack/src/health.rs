//! Health checks over HTTP.

use std::time::Duration;

use tidegate_standins::http_client::HttpClient;

/// How long a health check may take before the server counts as down.
const LIMIT: Duration = Duration::from_secs(5);

pub(crate) async fn is_healthy(url: &str) -> bool {
    HttpClient::new().is_healthy(url, LIMIT).await
}
