//! One HTTP request at a time, with a deadline: deliveries, tokens, the orders API.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// No answer that is read here is larger; an endless one is cut off.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// From sending the first byte to reading the last.
    pub took: Duration,
}

impl Answer {
    /// The body as text, for people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or nothing when it is something else.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// A client that reuses its connections.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl HttpClient {
    /// Trusts what this machine trusts, so that a company's own certificate authority works.
    pub fn new() -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_native_roots()
            // A bare container has no certificates; what this was compiled with serves there.
            .unwrap_or_else(|_| HttpsConnectorBuilder::new().with_webpki_roots());
        let connector = https.https_or_http().enable_http1().build();
        Self { inner: Client::builder(TokioExecutor::new()).build(connector) }
    }

    /// Sends JSON with POST.
    pub async fn post_json(&self, url: &str, body: &serde_json::Value, limit: Duration) -> Result<Answer> {
        let request = Request::post(url)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .with_context(|| format!("{url} is not a URL"))?;
        self.send(request, limit).await
    }

    /// Sends and reads the whole answer within `limit`. A `Host` header of the request is kept.
    pub async fn send(&self, request: Request<Bytes>, limit: Duration) -> Result<Answer> {
        let uri = request.uri().clone();
        let began = Instant::now();
        let exchange = async {
            let response = self.inner.request(request.map(Full::new)).await?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| anyhow::anyhow!(error))?;
            anyhow::Ok((head, body.to_bytes()))
        };
        let (head, body) = tokio::time::timeout(limit, exchange)
            .await
            .with_context(|| format!("no answer from {uri} within {} s", limit.as_secs()))?
            .with_context(|| format!("no answer from {uri}"))?;
        Ok(Answer { status: head.status, headers: head.headers, body, took: began.elapsed() })
    }

    /// A plain GET.
    pub async fn get(&self, url: &str, limit: Duration) -> Result<Answer> {
        let request = Request::get(url).body(Bytes::new()).with_context(|| format!("{url} is not a URL"))?;
        self.send(request, limit).await
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}
