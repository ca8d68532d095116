//! The handler: one event of the queue becomes one message in the right channel.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use tidegate_batch::sqs::{Message as Record, MessageId, Queue};
use tidegate_batch::{BatchError, Failure, Policy, Response};
use tidegate_cloudevents::{Event, extensions};
use tidegate_idempotency::{Claim, ClaimRequest, Claimed, Fence, Key, Store};
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::consumer::{self, Consumer, Invocation, failure, trace};
use tidegate_runtime::metrics::{Metric, Metrics};
use tidegate_runtime::s3::Payloads;
use tidegate_runtime::secrets::Secrets;
use tidegate_runtime::trace::TraceContext;
use tracing::{Instrument, info, info_span, warn};

use crate::Configuration;
use crate::message::{Rendered, render};
use crate::pace::Pace;
use crate::slack::{PostError, SlackClient};

/// How long an event that was posted is recognised: longer than its message can live in the queue, its dead-letter queue
/// and, redriven, in the queue again, so that nothing is posted twice.
pub const RECOGNISED_FOR: Duration = Duration::from_secs(30 * 86_400);
/// What a claim (4 s at most), a post (5 s), its completion (4 s) and the batch's own reserve (2 s) may take together. A slot
/// that leaves less time than this is not waited for, because a post that is cut off would be posted again.
pub const POST_TIME: Duration = Duration::from_secs(15);

/// What stands before the name of a source that receive-webhook verified; no sender can write it into an event.
const VERIFIED: &str = "/webhooks/";

/// The handler, over its ports.
#[derive(Debug)]
pub struct Notifier<A, S, C, P, Q, M> {
    /// Time and randomness.
    pub ambient: A,
    /// The operator's document.
    pub configuration: Configuration<S>,
    /// Claims on events.
    pub claims: C,
    /// Where large payloads are.
    pub payloads: P,
    /// The queue and its dead-letter queue.
    pub queue: Q,
    /// Counts.
    pub metrics: M,
    /// Slack.
    pub slack: SlackClient,
    /// When each channel is free.
    pub pace: Mutex<Pace>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Posted,
    Nothing(&'static str),
}

/// How the queue is worked: see [`Policy`].
#[must_use]
pub fn policy() -> Policy {
    Policy::default()
}

impl<A: Ambient, S: Secrets, C: Store, P: Payloads, Q: Queue, M: Metrics> Notifier<A, S, C, P, Q, M> {
    /// Handles a batch and says which records must come back.
    ///
    /// # Errors
    /// [`BatchError`] where the batch cannot be answered record by record.
    pub async fn handle(&self, batch: SqsEvent, invocation: Invocation) -> Result<Response<MessageId>, BatchError> {
        let consumer = Consumer { ambient: &self.ambient, queue: &self.queue, metrics: &self.metrics };
        let each = async |record: &Record| self.handle_record(record, &invocation).await;
        consumer.run(batch, &invocation, &policy(), each).await
    }

    async fn handle_record(&self, record: &Record, invocation: &Invocation) -> Result<(), Failure> {
        let event = consumer::event(record)?;
        let trace = trace(event.traceparent(), record, self.ambient.random());
        let span = info_span!(
            "notify",
            request_id = invocation.request_id,
            message_id = record.id(),
            trace_id = trace.trace_id(),
            event_id = event.id(),
            event_type = event.ty(),
            correlation_id = event.extension(extensions::CORRELATIONID).and_then(|id| id.as_str()).unwrap_or_default(),
        );
        // A sender of CloudEvents names itself as it likes; only an operator's own names may become dimensions.
        let dimension = event.source().strip_prefix(VERIFIED).unwrap_or("any").to_owned();
        let said = self.notify(event, trace, invocation).instrument(span.clone()).await?;
        let _entered = span.entered();
        let metric = match said {
            Said::Posted => {
                info!("posted");
                Metric::SlackPosted
            }
            Said::Nothing(why) => {
                info!(why, "nothing to post");
                Metric::SlackSkipped
            }
        };
        self.metrics.count(self.ambient.now(), ("source", &dimension), &[(metric, 1)]);
        Ok(())
    }

    async fn notify(&self, event: Event, trace: TraceContext, invocation: &Invocation) -> Result<Said, Failure> {
        let event = self.with_data(event).await?;
        let rendered = render(event.ty(), event.data().bytes().unwrap_or_default());
        let Some(Rendered { place, message }) = rendered.map_err(Failure::undecodable)? else {
            return Ok(Said::Nothing("this kind of event says nothing"));
        };
        let config = self.configuration.load(self.ambient.now()).await?;
        let (repository, branch) = (place.repository.as_deref(), place.branch.as_deref());
        let Some(channel) = config.route(source_name(event.source()), repository, branch) else {
            return Ok(Said::Nothing("no route matches"));
        };
        self.wait_for_slot(channel, invocation.deadline).await?;

        let claim = match self.claim(&event, invocation.deadline).await? {
            Claimed::Owner(claim) => claim,
            Claimed::Done { .. } => return Ok(Said::Nothing("posted before")),
            Claimed::Mismatch => return Err(Failure::permanent("the event's key is taken by another event")),
            Claimed::InProgress { lease_until } => {
                let wait = lease_until.duration_since(self.ambient.now()).unwrap_or_default();
                return Err(Failure::retry_after(wait, "another invocation is posting this event"));
            }
        };
        let traceparent = trace.child(self.ambient.random()).to_string();
        match self.slack.post(&config.api_url, &config.token, channel, &message, Some(&traceparent)).await {
            Ok(()) => {
                self.complete(&claim).await;
                Ok(Said::Posted)
            }
            Err(refused) => {
                self.release(&claim).await;
                Err(self.failure(refused, channel))
            }
        }
    }

    /// Brings the data of an event that carries a claim check.
    async fn with_data(&self, event: Event) -> Result<Event, Failure> {
        let Some(dataref) = event.dataref_to_fetch() else { return Ok(event) };
        let data = self.payloads.fetch(dataref).await.map_err(|error| failure(&error))?;
        event.with_data(&data).map_err(Failure::undecodable)
    }

    /// Waits in the process: a message that goes back to the queue instead would be counted as received once more.
    async fn wait_for_slot(&self, channel: &str, deadline: SystemTime) -> Result<(), Failure> {
        let now = self.ambient.now();
        let wait = self.pace.lock().unwrap_or_else(PoisonError::into_inner).reserve(channel, since_epoch(now));
        if now + wait + POST_TIME > deadline {
            return Err(Failure::retry_after(wait, format!("{channel} is full for the next {} s", wait.as_secs())));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn claim(&self, event: &Event, deadline: SystemTime) -> Result<Claimed, Failure> {
        let key = Key::composite("notify-slack", &[event.source(), event.id()]);
        let now = self.ambient.now();
        let fence = Fence::new(self.ambient.random());
        let expires_at = now + RECOGNISED_FOR;
        let request =
            ClaimRequest { key: &key, fence, lease_until: deadline, expires_at, label: None, fingerprint: None };
        let claimed = self.claims.claim(request, now).await;
        claimed.map_err(|error| Failure::transient(tidegate_runtime::chain(&error)))
    }

    /// The message is in Slack whatever happens here, so the record is acknowledged all the same.
    async fn complete(&self, claim: &Claim) {
        if let Err(error) = self.claims.complete(claim, None).await {
            warn!(error = tidegate_runtime::chain(&error), "posted, but the claim could not be completed");
        }
    }

    async fn release(&self, claim: &Claim) {
        if let Err(error) = self.claims.release(claim).await {
            warn!(error = tidegate_runtime::chain(&error), "the claim is left to its lease");
        }
    }

    fn failure(&self, refused: PostError, channel: &str) -> Failure {
        match refused {
            PostError::RateLimited { retry_after } => {
                let now = since_epoch(self.ambient.now());
                self.pace.lock().unwrap_or_else(PoisonError::into_inner).hold(channel, now, retry_after);
                Failure::retry_after(retry_after, format!("Slack asks to wait before {channel} gets more"))
            }
            PostError::Transient { reason, retry_after } => Failure::Transient { reason, retry_after },
            PostError::Permanent { reason } => {
                self.configuration.forget();
                Failure::permanent(format!("Slack refuses the message to {channel}: {reason}"))
            }
        }
    }
}

/// `github` of `/webhooks/github`; a sender's own source as it is.
fn source_name(source: &str) -> &str {
    source.strip_prefix(VERIFIED).unwrap_or(source)
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
