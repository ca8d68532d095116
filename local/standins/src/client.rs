//! A client of a running stand-in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::callbacks::{Callback, CallbackFault};
use crate::http_client::{HttpClient, Response};
use crate::slack::Message;
use crate::stripe::StripeFault;

/// The stand-in is on this machine.
const LIMIT: Duration = Duration::from_secs(5);
/// Between two requests for what has come meanwhile.
pub const POLL: Duration = Duration::from_millis(200);

/// The stand-in does not answer.
#[derive(Debug, thiserror::Error)]
#[error("the stand-in at {url} does not answer")]
pub struct Unreachable {
    url: String,
}

#[derive(Clone, Debug)]
pub struct StandinClient {
    client: HttpClient,
    url: String,
}

impl StandinClient {
    /// For the stand-in at this address, without a trailing slash.
    pub fn new(url: impl Into<String>) -> Self {
        Self { client: HttpClient::new(), url: url.into() }
    }

    pub async fn is_healthy(&self) -> bool {
        self.client.is_healthy(&format!("{}/_standin/health", self.url), LIMIT).await
    }

    /// What Slack accepted, oldest first.
    pub async fn messages(&self) -> Result<Vec<Message>> {
        self.list("/_standin/messages").await
    }

    /// Waits until Slack accepted so many messages, or the time is over.
    pub async fn wait_for_messages(&self, count: usize, limit: Duration) -> Result<Vec<Message>> {
        let deadline = Instant::now() + limit;
        loop {
            let messages = self.messages().await?;
            if messages.len() >= count || Instant::now() >= deadline {
                return Ok(messages);
            }
            sleep(POLL).await;
        }
    }

    /// The callbacks that came, oldest first.
    pub async fn callbacks(&self) -> Result<Vec<Callback>> {
        self.list("/_standin/callbacks").await
    }

    /// The address that receives the callbacks of a customer.
    pub fn callback_url(&self, name: &str) -> String {
        format!("{}/callbacks/{name}", self.url)
    }

    /// Makes the stand-in receive the callbacks of a customer, signed with one of these secrets.
    pub async fn receive_callbacks(&self, name: &str, secrets: &Value) -> Result<()> {
        self.configure(Method::PUT, &format!("/_standin/callbacks/{name}"), &json!({"secrets": secrets})).await
    }

    /// Programs responses to callbacks.
    pub async fn fail_callbacks(&self, fault: &CallbackFault) -> Result<()> {
        self.configure(Method::POST, "/_standin/callbacks/fail", &serde_json::to_value(fault)?).await
    }

    /// Sets the address of localstripe.
    pub async fn set_stripe_upstream(&self, upstream: &str) -> Result<()> {
        self.configure(Method::PUT, "/_standin/stripe", &json!({"upstream": upstream})).await
    }

    /// Programs a fault of Stripe.
    pub async fn fail_stripe(&self, fault: &StripeFault) -> Result<()> {
        self.configure(Method::POST, "/_standin/stripe/fail", &serde_json::to_value(fault)?).await
    }

    /// Clears the faults of Stripe.
    pub async fn clear_stripe_faults(&self) -> Result<()> {
        self.configure(Method::DELETE, "/_standin/stripe/fail", &Value::Null).await
    }

    /// Clears the faults that look for this text, which has to fit into a query unescaped.
    pub async fn clear_stripe_faults_of(&self, contains: &str) -> Result<()> {
        self.configure(Method::DELETE, &format!("/_standin/stripe/fail?contains={contains}"), &Value::Null).await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let response = self.request(Method::GET, path, &Value::Null).await?;
        serde_json::from_slice(&response.body).context("the stand-in's response is not understood")
    }

    async fn configure(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        let response = self.request(method, path, body).await?;
        ensure!(response.status.is_success(), "the stand-in refuses {path}: {}", response.text());
        Ok(())
    }

    async fn request(&self, method: Method, path: &str, body: &Value) -> Result<Response> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .context("the stand-in's address is not understood")?;
        self.client.send(request, LIMIT).await.map_err(|error| error.context(Unreachable { url: self.url.clone() }))
    }
}
