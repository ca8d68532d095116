//! The running stand-in, asked and told over HTTP.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::deployment::Deployment;
use crate::failure::Hint;
use crate::http_client::{Answer, HttpClient};
use crate::standin::{Callback, CallbackFault, Message, StripeFault};

/// The stand-in is on this machine.
const LIMIT: Duration = Duration::from_secs(5);
/// Between two looks at it.
pub(crate) const POLL: Duration = Duration::from_millis(200);

/// The running stand-in.
#[derive(Clone, Debug)]
pub struct StandinClient {
    client: HttpClient,
    url: String,
}

impl StandinClient {
    /// That of a local deployment.
    pub fn of(deployment: &Deployment) -> Result<Self> {
        let standin = deployment.state.as_ref().and_then(|state| state.standin.as_ref());
        match standin {
            Some(standin) => Ok(Self { client: HttpClient::new(), url: standin.url.clone() }),
            None => bail!(Hint::new(
                format!("deployment {} at {} talks to the real services", deployment.name, deployment.place),
                "look there; the stand-in belongs to the local stack (`tidegate up`)",
            )),
        }
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

    /// Where the callbacks of a customer can be received.
    pub fn callback_url(&self, name: &str) -> String {
        format!("{}/callbacks/{name}", self.url)
    }

    /// Has it receive the callbacks of a customer, signed with one of these secrets.
    pub async fn listen(&self, name: &str, secrets: &Value) -> Result<()> {
        self.tell(Method::PUT, &format!("/_standin/callbacks/{name}"), &json!({"secrets": secrets})).await
    }

    /// Programs how the one that is called back answers.
    pub async fn fail_callbacks(&self, fault: &CallbackFault) -> Result<()> {
        self.tell(Method::POST, "/_standin/callbacks/fail", &serde_json::to_value(fault)?).await
    }

    /// Says where localstripe is.
    pub async fn place_stripe(&self, upstream: &str) -> Result<()> {
        self.tell(Method::PUT, "/_standin/stripe", &json!({"upstream": upstream})).await
    }

    /// Programs what Stripe does next.
    pub async fn fail_stripe(&self, fault: &StripeFault) -> Result<()> {
        self.tell(Method::POST, "/_standin/stripe/fail", &serde_json::to_value(fault)?).await
    }

    /// Mends Stripe.
    pub async fn mend_stripe(&self) -> Result<()> {
        self.tell(Method::DELETE, "/_standin/stripe/fail", &Value::Null).await
    }

    /// Mends what was programmed for requests that have this text, which is one that a query can hold as it is.
    pub async fn mend_stripe_of(&self, contains: &str) -> Result<()> {
        self.tell(Method::DELETE, &format!("/_standin/stripe/fail?contains={contains}"), &Value::Null).await
    }

    async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = self.ask(Method::GET, path, &Value::Null).await?;
        serde_json::from_slice(&answer.body).context("the stand-in's answer is not understood")
    }

    async fn tell(&self, method: Method, path: &str, body: &Value) -> Result<()> {
        let answer = self.ask(method, path, body).await?;
        ensure!(answer.status.is_success(), "the stand-in does not take {path}: {}", answer.text());
        Ok(())
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Result<Answer> {
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .context("the stand-in's address is not understood")?;
        self.client.send(request, LIMIT).await.map_err(|error| {
            error.context(Hint::new("the stand-in does not answer", "run `tidegate up`, which starts it again"))
        })
    }
}
