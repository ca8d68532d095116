//! The client of Slack's `chat.postMessage`, and what each of its answers means for the event.
//!
//! <https://docs.slack.dev/reference/methods/chat.postMessage>
//!
//! Slack has no idempotency key. When an answer is lost on its way (a timeout, a connection that breaks), the message
//! may or may not be in the channel; trying again may show it twice, giving up may show it never. Such an outcome is
//! [`PostError::Transient`]: twice is the smaller harm.

mod answer;

pub use answer::{LONGEST_WAIT, PostError};

use std::time::Duration;

use aws_smithy_types::body::SdkBody;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Limited};
use serde::Serialize;
use tidegate_runtime::ApiUrl;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::priming::Priming;

use crate::message::{Block, Message};
use tidegate_slack_routes::SlackToken;

/// From the first byte of the connection to the last of the answer. Slack answers within a second; a function that
/// waits longer pays for it, while the queue waits for nothing.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// Slack's answer repeats the message, which with every character escaped stays below this.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Posts messages. Keeps its connections, so share one.
#[derive(Debug, Clone)]
pub struct SlackClient {
    http: HttpClient,
    timeout: Duration,
}

impl Default for SlackClient {
    fn default() -> Self {
        Self::new(TIMEOUT, &Priming::default())
    }
}

impl SlackClient {
    /// A client that waits so long for an answer, all in all. [`TIMEOUT`] is the usual time.
    pub fn new(timeout: Duration, priming: &Priming) -> Self {
        // http only to this machine: `ApiUrl` sees to that.
        Self { http: HttpClient::trusting_web(priming), timeout }
    }

    /// Posts a message to a channel (`#name` or id), as part of the trace that `traceparent` names.
    ///
    /// # Errors
    /// [`PostError`], with whether and when to retry.
    pub async fn post(
        &self,
        api_url: &ApiUrl,
        token: &SlackToken,
        channel: &str,
        message: &Message,
        traceparent: Option<&str>,
    ) -> Result<(), PostError> {
        let request = request(api_url, token, channel, message, traceparent)?;
        match tokio::time::timeout(self.timeout, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(transient(format!("no answer within {:?}", self.timeout))),
        }
    }

    async fn exchange(&self, request: Request<SdkBody>) -> Result<(), PostError> {
        let response = self.http.send(request).await.map_err(|error| transient(tidegate_runtime::chain(&error)))?;
        let (head, body) = response.into_parts();
        // Read to its end also where the status is enough: the connection is then good for the next message.
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await.map(|body| body.to_bytes());
        let body = body.map_err(|error| tidegate_runtime::chain(&*error));
        answer::read(&Response::from_parts(head, ()), body.as_deref().map_err(String::as_str))
    }
}

/// The body of the request.
#[derive(Serialize)]
struct Post<'a> {
    channel: &'a str,
    text: &'a str,
    blocks: &'a [Block],
    /// Of the words in `text`, none is to become a link or a mention.
    parse: &'static str,
    link_names: bool,
    unfurl_links: bool,
    unfurl_media: bool,
}

fn request(
    api_url: &ApiUrl,
    token: &SlackToken,
    channel: &str,
    message: &Message,
    traceparent: Option<&str>,
) -> Result<Request<SdkBody>, PostError> {
    let post = Post {
        channel,
        text: &message.text,
        blocks: &message.blocks,
        parse: "none",
        link_names: false,
        unfurl_links: false,
        unfurl_media: false,
    };
    let unsendable = |what| PostError::Permanent { reason: format!("{what} cannot be sent over HTTP") };
    let body = serde_json::to_vec(&post).map_err(|_| unsendable("the message"))?;
    let mut authorization =
        HeaderValue::try_from(format!("Bearer {}", token.expose())).map_err(|_| unsendable("the token"))?;
    authorization.set_sensitive(true);
    let mut request = Request::post(api_url.join("chat.postMessage"))
        .header(AUTHORIZATION, authorization)
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .header(USER_AGENT, concat!("tidegate-notify-slack/", env!("CARGO_PKG_VERSION")))
        .body(SdkBody::from(body))
        .map_err(|_| unsendable("the address"))?;
    // A trace is worth less than the message: one that does not fit a header is left out.
    if let Some(value) = traceparent.and_then(|traceparent| HeaderValue::try_from(traceparent).ok()) {
        request.headers_mut().insert("traceparent", value);
    }
    Ok(request)
}

fn transient(reason: String) -> PostError {
    PostError::Transient { reason, retry_after: None }
}
