//! `POST /webhooks/{source}`: verify, claim, publish as a CloudEvent, answer.
//!
//! The order of work is the security of it: size, signature over the raw bytes, freshness, strict JSON, claim, publish,
//! complete the claim. Nothing is stored or counted for a request that is not signed, and nothing is claimed for one
//! that is malformed (docs/decisions/0006-receive-webhook.md). The function keeps no payload: it publishes while it
//! holds the claim, and whatever goes wrong before the answer makes the delivery its sender's again.

mod claims;
mod events;
mod json;
mod keys;
mod publish;
mod request;
mod sources;

use std::time::{Duration, SystemTime};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tidegate_idempotency::Store;
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::metrics::{Metric, Metrics};
use tidegate_runtime::problem::{self, Problem};
use tidegate_runtime::s3::Payloads;
use tidegate_runtime::secrets::Secrets;
use tidegate_runtime::sns::Topic;
use tidegate_runtime::trace::TraceContext;
use tidegate_webhooks::{Scheme, event_grid, slack};
use tracing::{Instrument, info, info_span, warn};

pub use events::{Incoming, events};
pub use keys::{Keys, WebKeys};
pub use request::Request;
pub use sources::Sources;

use crate::claims::Won;

/// How many events of one batch are claimed and published side by side.
const BATCH_CONCURRENCY: usize = 8;

/// What an operator chooses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The deployment's name, under which its secrets stand.
    pub deployment: String,
    /// The largest body that is taken.
    pub max_body_bytes: usize,
}

/// What Lambda says about one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Lambda's id of the request.
    pub request_id: String,
    /// When Lambda ends this invocation.
    pub deadline: SystemTime,
    /// X-Ray's trace header.
    pub xray: Option<String>,
}

/// The handler, over its ports.
#[derive(Debug)]
pub struct Receiver<A, S, K, C, T, P, M> {
    /// What an operator chooses.
    pub settings: Settings,
    /// Time and randomness.
    pub ambient: A,
    /// Source documents.
    pub sources: Sources<S, K>,
    /// Claims on deliveries.
    pub claims: C,
    /// The topic for events.
    pub topic: T,
    /// Where large payloads go.
    pub payloads: P,
    /// Counts.
    pub metrics: M,
}

/// What became of a delivery's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: u64,
    duplicate: u64,
}

impl<A: Ambient, S: Secrets, K: Keys, C: Store, T: Topic, P: Payloads, M: Metrics> Receiver<A, S, K, C, T, P, M> {
    /// Answers one request.
    pub async fn handle(&self, event: ApiGatewayV2httpRequest, invocation: Invocation) -> ApiGatewayV2httpResponse {
        let trace = trace(&event.headers, &invocation, self.ambient.random());
        let span = info_span!(
            "webhook",
            request_id = invocation.request_id,
            trace_id = trace.trace_id(),
            source = tracing::field::Empty,
            delivery_id = tracing::field::Empty,
            correlation_id = tracing::field::Empty,
        );
        self.answer(event, &invocation, trace).instrument(span).await
    }

    async fn answer(
        &self,
        event: ApiGatewayV2httpRequest,
        invocation: &Invocation,
        trace: TraceContext,
    ) -> ApiGatewayV2httpResponse {
        let method = event.request_context.http.method.clone();
        let answered = match Request::read(event, self.settings.max_body_bytes) {
            Ok(request) if method == Method::OPTIONS => self.shake_hands(&request).await,
            Ok(request) => self.receive(&request, invocation, trace).await,
            Err(problem) => Err(problem),
        };
        answered.unwrap_or_else(|problem| {
            info!(status = problem.status().as_u16(), problem = problem.kind(), "refused");
            let metric =
                if problem.status().is_server_error() { Metric::WebhookFailed } else { Metric::WebhookRefused };
            // Under no source's name: an unsigned request must not be able to make up dimensions.
            self.metrics.count(self.ambient.now(), ("source", "any"), &[(metric, 1)]);
            problem.into()
        })
    }

    /// The CloudEvents abuse-protection handshake: may this origin send here, and how fast?
    async fn shake_hands(&self, request: &Request) -> Result<ApiGatewayV2httpResponse, Problem> {
        let source = self.sources.load(&self.settings.deployment, &request.source, self.ambient.now()).await?;
        let Some(answer) = source.handshake(&request.headers) else {
            let allow = HeaderValue::from_static("POST");
            return Ok(problem::empty(StatusCode::NO_CONTENT, HeaderMap::from_iter([(header::ALLOW, allow)])));
        };
        let headers = answer.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "handshake-refused", "The handshake is refused")
                .detail(error.to_string())
        })?;
        Ok(problem::empty(StatusCode::OK, headers))
    }

    async fn receive(
        &self,
        request: &Request,
        invocation: &Invocation,
        trace: TraceContext,
    ) -> Result<ApiGatewayV2httpResponse, Problem> {
        let now = self.ambient.now();
        let (source, verified) = self.sources.verify(&self.settings.deployment, request, now).await?;
        let span = tracing::Span::current();
        span.record("source", &request.source);
        if source.scheme() == Scheme::Slack
            && let Some(challenge) = slack::challenge(&request.body)
        {
            return Ok(problem::json(StatusCode::OK, &serde_json::json!({ "challenge": challenge })));
        }
        if source.scheme() == Scheme::EventGrid
            && let Some(code) = event_grid::validation_code(&request.body)
        {
            return Ok(problem::json(StatusCode::OK, &serde_json::json!({ "validationResponse": code })));
        }

        let incoming = events(&source, &verified, request, now, trace.child(self.ambient.random()))?;
        let Some(first) = incoming.first() else {
            return Ok(problem::empty(StatusCode::NO_CONTENT, HeaderMap::new())); // a batch may have no events
        };
        let id = first.event.id();
        span.record("delivery_id", id);
        span.record("correlation_id", first.correlation_id().unwrap_or_default());

        let mut settled = futures::stream::iter(&incoming)
            .map(|incoming| self.settle(&request.source, incoming, invocation))
            .buffer_unordered(BATCH_CONCURRENCY);
        let (mut tally, mut failed) = (Tally::default(), None);
        while let Some(outcome) = settled.next().await {
            match outcome {
                Ok(Won::Duplicate) => tally.duplicate += 1,
                Ok(_) => tally.accepted += 1,
                Err(problem) => failed = Some(problem), // the others are settled all the same, for the sender's retry
            }
        }
        let counts = [(Metric::WebhookAccepted, tally.accepted), (Metric::WebhookDuplicate, tally.duplicate)];
        let counts: Vec<_> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        self.metrics.count(now, ("source", &request.source), &counts);
        info!(accepted = tally.accepted, duplicate = tally.duplicate, failed = failed.is_some(), "settled");
        match failed {
            Some(problem) => Err(problem),
            None => Ok(accepted(id, tally)),
        }
    }

    /// Claims one event, publishes it and completes the claim, or finds that this has happened already.
    async fn settle(&self, receiver: &str, incoming: &Incoming, invocation: &Invocation) -> Result<Won, Problem> {
        let won = claims::win(&self.claims, &self.ambient, incoming, invocation.deadline).await?;
        let Won::Owner(claims) = &won else { return Ok(won) };
        // A successor publishes under the id of the first, which may be out already.
        let label = claims.first().and_then(|claim| claim.label.as_deref());
        if let Err(error) = publish::publish(&self.topic, &self.payloads, receiver, &incoming.event, label).await {
            warn!(error = tidegate_runtime::chain(&error), "not published; the delivery is its sender's again");
            claims::release(&self.claims, claims).await;
            return Err(try_again("not-published", "The event could not be published"));
        }
        claims::complete(&self.claims, claims).await;
        Ok(won)
    }
}

fn accepted(id: &str, tally: Tally) -> ApiGatewayV2httpResponse {
    let (status, word) =
        if tally.accepted > 0 { (StatusCode::ACCEPTED, "accepted") } else { (StatusCode::OK, "duplicate") };
    problem::json(status, &serde_json::json!({ "id": id, "status": word }))
}

/// 503 and when to come back: the only kind of answer after which a sender should send again.
pub(crate) fn try_again(kind: &'static str, title: &'static str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, title)
        .detail("send the same delivery again")
        .retry_after_secs(5)
}

/// The sender's trace, or X-Ray's, or a new one.
fn trace(headers: &HeaderMap, invocation: &Invocation, random: u128) -> TraceContext {
    let header = headers.get("traceparent").and_then(|value| value.to_str().ok());
    header
        .and_then(TraceContext::from_traceparent)
        .or_else(|| invocation.xray.as_deref().and_then(TraceContext::from_xray))
        .unwrap_or_else(|| TraceContext::start(random))
}

/// How long a delivery is recognised when it comes again. The longest a sender redelivers by itself is a week:
/// Pub/Sub's default retention; Stripe and GitHub end after 3 days.
pub const RECOGNISED_FOR: Duration = Duration::from_secs(7 * 86_400);
/// The same for a signature without a timestamp: nothing but this bounds how late a captured request can be replayed.
pub const SIGNATURE_RECOGNISED_FOR: Duration = Duration::from_secs(90 * 86_400);
