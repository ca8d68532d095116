//! The one HTTP client of a function, for AWS and for everything else: hyper over rustls and ring, HTTP/1.1 only.
//!
//! `aws-smithy-http-client` would do the same and speak HTTP/2 besides, which no AWS endpoint that functions here ask
//! answers with, and which is a tenth of a function's binary (docs/decisions/0003-lean-aws-clients.md).

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector as Tcp;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::priming::Priming;

/// Amazon Trust Services' roots and the Starfield root that older chains end in, from the Mozilla store
/// (<https://www.amazontrust.com/repository/>).
const AMAZON_ROOTS: &[u8] = include_bytes!("../certs/amazon-roots.pem");
/// Within a region a connection stands in a few milliseconds or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Servers close idle connections after a minute or so; a frozen function would not notice.
const MAX_IDLE: Duration = Duration::from_secs(50);

/// Sends requests and keeps the connections. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: Client<HttpsConnector<Tcp>, SdkBody>,
    priming: Priming,
}

impl HttpClient {
    /// A client that trusts the roots that AWS's own endpoints chain to, and no others.
    #[must_use]
    pub fn trusting_amazon(priming: &Priming) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(AMAZON_ROOTS).flatten());
        Self::new(roots, priming)
    }

    /// A client that trusts the certificate authorities that browsers do.
    #[cfg(feature = "web")]
    #[must_use]
    pub fn trusting_web(priming: &Priming) -> Self {
        Self::new(web_roots(), priming)
    }

    fn new(roots: RootCertStore, priming: &Priming) -> Self {
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls(roots)).https_or_http().enable_http1().wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(MAX_IDLE)
            .build(connector);
        Self { client, priming: priming.clone() }
    }

    /// Sends one request, without a limit on the time.
    ///
    /// # Errors
    /// Where there is no connection, or no answer on it.
    pub async fn send(&self, request: Request<SdkBody>) -> Result<Response<SdkBody>, Error> {
        if self.priming.is_on() {
            return self.stand_in(request).await;
        }
        Ok(self.client.request(request).await?.map(SdkBody::from_body_1_x))
    }

    async fn stand_in(&self, request: Request<SdkBody>) -> Result<Response<SdkBody>, Error> {
        let (sent, answer) = self.priming.stand_in(request);
        let Some(sent) = sent else { return Ok(Response::new(answer.unwrap_or_default().into())) };
        let response = self.client.request(sent).await;
        let Some(answer) = answer else { return Ok(response?.map(SdkBody::from_body_1_x)) };
        if let Ok(response) = response {
            let _ = response.into_body().collect().await; // the connection is then good for the next request
        }
        Ok(Response::new(answer.into()))
    }

    /// The same for AWS's clients.
    #[must_use]
    pub fn for_sdk(&self) -> SharedHttpClient {
        let connector = aws_smithy_runtime_api::client::http::SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }
}

/// TLS that trusts the certificate authorities that browsers do, for who connects by a connector of its own.
#[cfg(feature = "web")]
#[must_use]
pub fn tls_trusting_web() -> ClientConfig {
    tls(web_roots())
}

#[cfg(feature = "web")]
fn web_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

#[expect(clippy::expect_used, reason = "depends on the build alone, and any test of this client would fail")]
fn tls(roots: RootCertStore) -> ClientConfig {
    // Invariant: ring offers the ciphers of TLS 1.2 and 1.3, all that this builder asks of a provider. It is named
    // so that another crate's choice of a provider can make no difference.
    ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring offers the default protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

impl HttpConnector for HttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.send(request).await.map_err(failed)?;
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A request that failed on its way is retried by the SDK; one that could not be sent at all is not.
fn failed(error: Error) -> ConnectorError {
    let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<hyper::Error>());
    if cause.is_some_and(hyper::Error::is_user) {
        return ConnectorError::user(error.into());
    }
    let never_connected = error.is_connect();
    let failed = ConnectorError::io(error.into());
    if never_connected { failed.never_connected() } else { failed }
}
