//! Plain HTTP to servers on this machine: one request at a time, each with a deadline.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    /// The body as text, for people.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, or nothing when it is something else.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// A client that reuses its connections. It knows no TLS and no proxy.
#[derive(Clone, Debug)]
pub struct HttpClient {
    inner: Client<HttpConnector, Full<Bytes>>,
}

impl HttpClient {
    pub fn new() -> Self {
        Self { inner: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Sends a request and reads the whole response within `limit`.
    pub async fn send(&self, request: Request<Bytes>, limit: Duration) -> Result<Response> {
        let uri = request.uri().clone();
        let exchange = async {
            let (head, body) = self.inner.request(request.map(Full::new)).await?.into_parts();
            anyhow::Ok(Response { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
        };
        tokio::time::timeout(limit, exchange)
            .await
            .with_context(|| format!("no response from {uri} within {} s", limit.as_secs()))?
            .with_context(|| format!("no response from {uri}"))
    }

    pub async fn get(&self, url: &str, limit: Duration) -> Result<Response> {
        let request = Request::get(url).body(Bytes::new()).with_context(|| format!("{url} is not a URL"))?;
        self.send(request, limit).await
    }

    pub async fn post_json(&self, url: &str, body: &Value, limit: Duration) -> Result<Response> {
        let request = Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Bytes::from(body.to_string()))
            .with_context(|| format!("{url} is not a URL"))?;
        self.send(request, limit).await
    }

    /// Whether a GET of this URL is answered with success.
    pub async fn is_healthy(&self, url: &str, limit: Duration) -> bool {
        self.get(url, limit).await.is_ok_and(|response| response.status.is_success())
    }
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new()
    }
}
