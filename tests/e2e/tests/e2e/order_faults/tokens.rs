//! Task tokens as AWS gives them out: each attempt of a task has its own, and only the last one's is taken.
//!
//! The emulator keeps one token for all attempts of a visit to a state, so that a worker could not tell a second attempt
//! from a copy of the first. Here a command's token gets its attempt's number on its way to the worker, and what comes back
//! loses it again, or finds that nobody waits any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http::{HeaderMap, Request, header};
use serde_json::Value;
use tidegate_testkit::lambda_api::{Answer, Server, operation_of};

/// Between a token and its attempt's number; no token of the emulator has it.
const MARK: char = '~';

/// Stands between the functions and the emulator.
pub(super) struct Tokens {
    server: Server,
    attempts: Attempts,
}

/// The messages that had a token, each once, in order of arrival.
type Attempts = Arc<Mutex<HashMap<String, Vec<String>>>>;

impl Tokens {
    pub(super) async fn start(upstream: &str) -> Result<Self> {
        let attempts = Attempts::default();
        let client = reqwest::Client::builder().no_proxy().build()?;
        let (known, upstream) = (Arc::clone(&attempts), upstream.to_owned());
        let server = Server::start(move |request| {
            let (client, known, upstream) = (client.clone(), Arc::clone(&known), upstream.clone());
            async move { pass(&client, &known, &upstream, request).await.unwrap_or(Answer::HangUp) }
        })
        .await?;
        Ok(Self { server, attempts })
    }

    /// What functions are given as `AWS_ENDPOINT_URL`.
    pub(super) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The token of the attempt that sent this message, which may come again.
    pub(super) fn of_attempt(&self, token: &str, message_id: &str) -> String {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let messages = attempts.entry(token.to_owned()).or_default();
        let number = messages.iter().position(|it| it == message_id).unwrap_or_else(|| {
            messages.push(message_id.to_owned());
            messages.len() - 1
        });
        format!("{token}{MARK}{number}")
    }
}

async fn pass(
    client: &reqwest::Client,
    known: &Attempts,
    upstream: &str,
    mut request: Request<Bytes>,
) -> Result<Answer> {
    if operation_of(&request).starts_with("SendTask") {
        let mut body: Value = serde_json::from_slice(request.body())?;
        if let Some(token) = body["taskToken"].as_str().and_then(|token| waiting(known, token)) {
            body["taskToken"] = token.into();
            *request.body_mut() = body.to_string().into();
        }
    }
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    *request.uri_mut() = format!("{upstream}{path}").parse()?;
    of_the_connection(request.headers_mut());
    let response = client.execute(request.try_into()?).await?;
    let (status, mut headers) = (response.status(), response.headers().clone());
    let mut answer = http::Response::new(response.bytes().await?);
    of_the_connection(&mut headers);
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    Ok(Answer::Reply(answer))
}

/// The emulator's token, if this is its last attempt's.
fn waiting(known: &Attempts, token: &str) -> Option<String> {
    let (token, number) = token.rsplit_once(MARK)?;
    let attempts = known.lock().unwrap_or_else(PoisonError::into_inner);
    let last = attempts.get(token)?.len().checked_sub(1)?;
    (number.parse() == Ok(last)).then(|| token.to_owned())
}

/// These describe one connection, or a body that may be another now.
fn of_the_connection(headers: &mut HeaderMap) {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
}
