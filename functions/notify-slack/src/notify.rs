//! The handler: one event of the queue becomes one message in the right channel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tidegate_batch::Failure;
use tidegate_cloudevents::Event;
use tidegate_idempotency::{Claim, ClaimRequest, Claimed, Fence, Key, Store};
use tidegate_runtime::document::Document;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::{Priming, Sample};
use tidegate_runtime::queue::Handler;
use tidegate_runtime::s3::Payloads;
use tidegate_runtime::trace::TraceContext;
use tidegate_runtime::{Call, Ports};
use tidegate_slack_routes::SlackConfig;
use tracing::{info, warn};

use crate::message::{Message, Rendered, render};
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

#[derive(Debug)]
pub struct Notifier<C> {
    pub ports: Arc<dyn Ports>,
    pub configuration: Document<SlackConfig>,
    /// Claims on events.
    pub claims: C,
    /// Where large payloads are.
    pub payloads: Arc<dyn Payloads>,
    pub slack: SlackClient,
    /// When each channel is free.
    pub pace: Mutex<Pace>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notification {
    Posted,
    Skipped(&'static str),
}

impl<C: Store> Handler for Notifier<C> {
    type Message = Event;

    const SAMPLE: Sample = Sample {
        event: r#"{"specversion":"1.0","id":"priming","source":"/webhooks/.","type":"com.github.ping","data":{}}"#,
        answers: &[],
    };

    async fn handle(&self, event: Event, call: &Call) -> Result<(), Failure> {
        // A sender of CloudEvents names itself as it likes; only an operator's own names may become dimensions.
        let dimension = event.source().strip_prefix(VERIFIED).unwrap_or("any").to_owned();
        let metric = match self.notify(event, call).await? {
            Notification::Posted => {
                info!("message posted");
                Metric::SlackPosted
            }
            Notification::Skipped(why) => {
                info!(why, "message skipped");
                Metric::SlackSkipped
            }
        };
        self.ports.count(("source", &dimension), &[(metric, 1)]);
        Ok(())
    }

    /// Which route matches is the operator's to say, so a post is rehearsed without one.
    async fn prime(&self, priming: &Priming) {
        let Ok(config) = self.configuration.load(self.ports.now()).await else { return };
        let post = async {
            let push = include_bytes!("../tests/fixtures/github/push-branch.json");
            let event = Event::builder("priming", "/webhooks/.", "com.github.push").data_json(push).build().ok()?;
            let message = render(event.ty(), event.data().bytes()?).ok()??.message;
            let deadline = self.ports.now() + POST_TIME;
            self.post(&config, "#priming", &message, &event, &Call { deadline, trace: TraceContext::start(1) })
                .await
                .ok()
        };
        priming.rehearse(&[("POST /api/chat.postMessage", r#"{"ok":true}"#)], post).await;
    }
}

impl<C: Store> Notifier<C> {
    async fn notify(&self, event: Event, call: &Call) -> Result<Notification, Failure> {
        let event = self.with_data(event).await?;
        let rendered = render(event.ty(), event.data().bytes().unwrap_or_default());
        let Some(Rendered { place, message }) = rendered.map_err(Failure::undecodable)? else {
            return Ok(Notification::Skipped("no message is made of this kind of event"));
        };
        let config = self.configuration.load(self.ports.now()).await?;
        let (repository, branch) = (place.repository.as_deref(), place.branch.as_deref());
        let Some(channel) = config.route(source_name(event.source()), repository, branch) else {
            return Ok(Notification::Skipped("no route matches"));
        };
        self.wait_for_slot(channel, call.deadline).await?;
        self.post(&config, channel, &message, &event, call).await
    }

    async fn post(
        &self,
        config: &SlackConfig,
        channel: &str,
        message: &Message,
        event: &Event,
        call: &Call,
    ) -> Result<Notification, Failure> {
        let claim = match self.claim(event, call.deadline).await? {
            Claimed::Owner(claim) => claim,
            Claimed::Done { .. } => return Ok(Notification::Skipped("duplicate")),
            Claimed::Mismatch => return Err(Failure::permanent("the event's key is taken by another event")),
            Claimed::InProgress { lease_until } => {
                let wait = lease_until.duration_since(self.ports.now()).unwrap_or_default();
                return Err(Failure::retry_after(wait, "another invocation is posting this event"));
            }
        };
        let traceparent = call.trace.child(self.ports.random()).to_string();
        match self.slack.post(&config.api_url, &config.token, channel, message, Some(&traceparent)).await {
            Ok(()) => {
                self.complete(&claim).await;
                Ok(Notification::Posted)
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
        let data = self.payloads.fetch(dataref).await?;
        event.with_data(&data).map_err(Failure::undecodable)
    }

    /// Waits in the process: a message that goes back to the queue instead would be counted as received once more.
    async fn wait_for_slot(&self, channel: &str, deadline: SystemTime) -> Result<(), Failure> {
        let now = self.ports.now();
        let wait = self.pace.lock().unwrap_or_else(PoisonError::into_inner).reserve(channel, since_epoch(now));
        if now + wait + POST_TIME > deadline {
            return Err(Failure::retry_after(wait, format!("{channel} is full for the next {} s", wait.as_secs())));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    async fn claim(&self, event: &Event, deadline: SystemTime) -> Result<Claimed, Failure> {
        let key = Key::composite("notify-slack", &[event.source(), event.id()]);
        let now = self.ports.now();
        let fence = Fence::new(self.ports.random());
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
            warn!(error = tidegate_runtime::chain(&error), "the claim could not be released; it ends with its lease");
        }
    }

    fn failure(&self, refused: PostError, channel: &str) -> Failure {
        match refused {
            PostError::RateLimited { retry_after } => {
                let now = since_epoch(self.ports.now());
                self.pace.lock().unwrap_or_else(PoisonError::into_inner).hold(channel, now, retry_after);
                Failure::retry_after(retry_after, format!("Slack limits the rate of {channel}"))
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
