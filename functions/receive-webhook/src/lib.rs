//! `POST /webhooks/{source}`: verify, claim, publish as a CloudEvent, answer.
//!
//! The order of work is the security of it: size, signature over the raw bytes, freshness, strict JSON, claim, publish,
//! complete the claim. Nothing is stored or counted for a request that is not signed, and nothing is claimed for one
//! that is malformed (docs/decisions/0006-receive-webhook.md). The function keeps no payload: it publishes while it
//! holds the claim, and any failure before the response leaves the delivery to be retried by its sender.

mod claims;
mod events;
mod json;
mod keys;
mod priming;
mod publish;
mod request;
mod sources;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tidegate_idempotency::Store;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::{Priming, Sample};
use tidegate_runtime::problem::{self, Problem};
use tidegate_runtime::route::Handler;
use tidegate_runtime::s3::Payloads;
use tidegate_runtime::sns::Topic;
use tidegate_runtime::{Call, Ports};
use tidegate_webhooks::{Scheme, Source, Verified, event_grid, slack};
use tracing::{info, warn};

pub use events::{Incoming, events};
pub use keys::{Keys, WebKeys};
pub use request::Request;
pub use sources::Sources;

use crate::claims::Claims;

/// How many events of one batch are claimed and published side by side.
const BATCH_CONCURRENCY: usize = 8;

#[derive(Debug)]
pub struct Receiver<C> {
    /// The largest body that is taken.
    pub max_body_bytes: usize,
    pub ports: Arc<dyn Ports>,
    /// Source documents.
    pub sources: Sources,
    /// Claims on deliveries.
    pub claims: C,
    /// The topic for events.
    pub topic: Arc<dyn Topic>,
    /// Where large payloads go.
    pub payloads: Arc<dyn Payloads>,
}

/// What became of a delivery's events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: u64,
    duplicate: u64,
}

impl<C: Store> Handler for Receiver<C> {
    /// Of no source that can exist; see `priming` for one that is accepted.
    const SAMPLE: Sample = Sample {
        event: r#"{"version":"2.0","rawPath":"/webhooks/.","pathParameters":{"source":"."},"headers":{"x-priming":"."},
            "requestContext":{"http":{"method":"POST","path":"/webhooks/."}},"body":"{}","isBase64Encoded":false}"#,
        answers: &[],
    };

    async fn handle(&self, event: ApiGatewayV2httpRequest, call: &Call) -> Result<ApiGatewayV2httpResponse, Problem> {
        let method = event.request_context.http.method.clone();
        let answered = match Request::read(event, self.max_body_bytes) {
            Ok(request) if method == Method::OPTIONS => self.shake_hands(&request).await,
            Ok(request) => self.receive(&request, call).await,
            Err(problem) => Err(problem),
        };
        answered.inspect_err(|problem| {
            let metric =
                if problem.status().is_server_error() { Metric::WebhookFailed } else { Metric::WebhookRejected };
            // Under no source's name: an unsigned request must not be able to make up dimensions.
            self.ports.count(("source", "any"), &[(metric, 1)]);
        })
    }

    async fn prime(&self, priming: &Priming) {
        self.sources.connect().await;
        priming.rehearse(&[], priming::accept_sample(self)).await;
    }
}

impl<C: Store> Receiver<C> {
    /// The CloudEvents abuse-protection handshake: may this origin send here, and how fast?
    async fn shake_hands(&self, request: &Request) -> Result<ApiGatewayV2httpResponse, Problem> {
        let source = self.sources.load(&request.source, self.ports.now()).await?;
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

    async fn receive(&self, request: &Request, call: &Call) -> Result<ApiGatewayV2httpResponse, Problem> {
        let (source, verified) = self.sources.verify(request, self.ports.now()).await?;
        tracing::Span::current().record("source", &request.source);
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
        self.accept(&source, &verified, request, call).await
    }

    /// Publishes what a verified request is about.
    async fn accept(
        &self,
        source: &Source,
        verified: &Verified,
        request: &Request,
        call: &Call,
    ) -> Result<ApiGatewayV2httpResponse, Problem> {
        let incoming = events(source, verified, request, self.ports.now(), call.trace.child(self.ports.random()))?;
        let Some(first) = incoming.first() else {
            return Ok(problem::empty(StatusCode::NO_CONTENT, HeaderMap::new())); // a batch may have no events
        };
        let id = first.event.id();
        let span = tracing::Span::current();
        span.record("delivery_id", id);
        span.record("correlation_id", first.correlation_id().unwrap_or_default());

        let mut settled = futures::stream::iter(&incoming)
            .map(|incoming| self.settle(&request.source, incoming, call.deadline))
            .buffer_unordered(BATCH_CONCURRENCY);
        let (mut tally, mut failed) = (Tally::default(), None);
        while let Some(outcome) = settled.next().await {
            match outcome {
                Ok(Claims::Duplicate) => tally.duplicate += 1,
                Ok(Claims::Held(_)) => tally.accepted += 1,
                Err(problem) => failed = Some(problem), // the others are settled all the same, for the sender's retry
            }
        }
        let counts = [(Metric::WebhookAccepted, tally.accepted), (Metric::WebhookDuplicate, tally.duplicate)];
        self.ports.count(("source", &request.source), &counts);
        info!(accepted = tally.accepted, duplicate = tally.duplicate, failed = failed.is_some(), "delivery handled");
        match failed {
            Some(problem) => Err(problem),
            None => Ok(accepted(id, tally)),
        }
    }

    /// Claims one event, publishes it and completes the claims, unless it was published before.
    async fn settle(&self, receiver: &str, incoming: &Incoming, deadline: SystemTime) -> Result<Claims, Problem> {
        let claims = claims::claim(&self.claims, &*self.ports, incoming, deadline).await?;
        let Claims::Held(held) = &claims else { return Ok(claims) };
        // A successor publishes under the id of the first, which may be out already.
        let label = held.first().and_then(|claim| claim.label.as_deref());
        if let Err(error) = publish::publish(&*self.topic, &*self.payloads, receiver, &incoming.event, label).await {
            warn!(error = tidegate_runtime::chain(&error), "event not published; the sender has to retry");
            claims::release(&self.claims, held).await;
            return Err(try_again("not-published", "The event could not be published"));
        }
        claims::complete(&self.claims, held).await;
        Ok(claims)
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

/// How long a delivery is recognised when it comes again. The longest a sender redelivers by itself is a week:
/// Pub/Sub's default retention; Stripe and GitHub end after 3 days.
pub const RECOGNISED_FOR: Duration = Duration::from_secs(7 * 86_400);
/// The same for a signature without a timestamp: nothing but this bounds how late a captured request can be replayed.
pub const SIGNATURE_RECOGNISED_FOR: Duration = Duration::from_secs(90 * 86_400);
