//! What AWS answers, on the wire and without a network: for tests of adapters over the SDKs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::Value;

/// Answers of AWS's JSON protocols, request by request, and the requests that got them. Clones share both.
#[derive(Clone, Debug, Default)]
pub struct CannedHttp {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    requests: Arc<Mutex<Vec<(String, Value)>>>,
}

impl CannedHttp {
    /// Puts the answer to the next request that has none yet: status and body. A request that finds none is not answered
    /// at all: its connection breaks.
    pub fn answer(&self, status: u16, body: Value) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push_back((status, body));
    }

    /// The requests since the last look: the operation (`StartExecution`) and the body.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut *self.requests.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The settings of a client that asks here, once for each call.
    #[must_use]
    pub fn sdk_config(&self) -> SdkConfig {
        let credentials = Credentials::new("made-up", "made-up", None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(self.client())
            .build()
    }

    fn client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    fn respond(&self, request: &HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let operation = request.headers().get("x-amz-target").and_then(|it| it.split('.').next_back());
        let body = request.body().bytes().and_then(|it| serde_json::from_slice(it).ok()).unwrap_or_default();
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.push((operation.unwrap_or_default().to_owned(), body));
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let (status, body) = answer.ok_or_else(|| ConnectorError::io("the connection broke".into()))?;
        let status = status.try_into().map_err(|error| ConnectorError::other(Box::new(error), None))?;
        Ok(HttpResponse::new(status, SdkBody::from(body.to_string())))
    }
}

impl HttpConnector for CannedHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.respond(&request))
    }
}
