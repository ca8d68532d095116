//! What a webhook costs from its raw body to the CloudEvent, beside the hash and the parse that nobody can avoid.

use std::borrow::Cow;
use std::hint::black_box;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use nix::time::{ClockId, clock_gettime};
use receive_webhook::{Request, events};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tidegate_cloudevents::{Event, messaging};
use tidegate_runtime::trace::TraceContext;
use tidegate_webhooks::{Source, UnixTime, Verified};

use crate::aws::WEBHOOK_SECRET;
use crate::report::median;
use crate::subject::{PUSH, signature};

/// Batches of each contender, in turns, and rounds in a batch: some 2 ms each, so that a disturbance spoils one batch only.
const BATCHES: usize = 200;
const ROUNDS: u32 = 100;

/// CPU per webhook in microseconds, medians over the batches.
#[derive(Debug, Serialize)]
pub(crate) struct PerEvent {
    pub(crate) body_bytes: usize,
    /// Bare HMAC-SHA256 and `serde_json` into a borrowed type.
    pub(crate) bare_us: f64,
    /// Tidegate's verification alone, which the next two contain.
    pub(crate) verified_us: f64,
    /// Tidegate, from raw body to CloudEvent.
    pub(crate) event_us: f64,
    /// The same and the message body that is published.
    pub(crate) message_us: f64,
}

pub(crate) fn measure() -> anyhow::Result<PerEvent> {
    let delivery = Delivery::new()?;
    anyhow::ensure!(delivery.bare().is_some(), "the bare hash and parse refuse the push");
    let event = delivery.to_event().context("receive-webhook refuses the push")?;
    anyhow::ensure!(event.subject() == Some("octo-harbour/tide-tables"), "receive-webhook made another event of it");

    let [mut bare, mut verified, mut events, mut messages] = [const { Vec::new() }; 4];
    for _ in 0..BATCHES {
        bare.push(batch(|| delivery.bare())?);
        verified.push(batch(|| delivery.verify())?);
        events.push(batch(|| delivery.to_event())?);
        messages.push(batch(|| delivery.to_event().map(|event| messaging::to_body(&event)))?);
    }
    Ok(PerEvent {
        body_bytes: PUSH.len(),
        bare_us: median(bare),
        verified_us: median(verified),
        event_us: median(events),
        message_us: median(messages),
    })
}

/// Microseconds of this thread's CPU for one round of `work`.
fn batch<T>(work: impl Fn() -> Option<T>) -> anyhow::Result<f64> {
    let before = thread_cpu()?;
    for _ in 0..ROUNDS {
        black_box(work());
    }
    Ok((thread_cpu()? - before).as_secs_f64() * 1e6 / f64::from(ROUNDS))
}

fn thread_cpu() -> anyhow::Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("this kernel has no CPU clock for threads")?;
    Ok(Duration::from(time))
}

/// A push as it arrives, and what verifies it.
struct Delivery {
    source: Source,
    request: Request,
    signature: String,
}

impl Delivery {
    fn new() -> anyhow::Result<Self> {
        let document = serde_json::json!({"scheme": "github", "secrets": [WEBHOOK_SECRET]}).to_string();
        let source = Source::from_json(document.as_bytes())?;
        let signature = signature(PUSH.as_bytes());
        let mut headers = HeaderMap::new();
        headers.insert("content-type", "application/json".parse()?);
        headers.insert("x-github-delivery", "00000000-0000-4000-8000-000000000001".parse()?);
        headers.insert("x-github-event", "push".parse()?);
        headers.insert("x-hub-signature-256", signature.parse()?);
        let request = Request { source: "github".to_owned(), headers, body: PUSH.as_bytes().to_vec() };
        Ok(Self { source, request, signature })
    }

    /// The least that any receiver does: hash, compare, and parse what a message about the push needs.
    fn bare(&self) -> Option<Push<'_>> {
        let body = black_box(&self.request).body.as_slice();
        let expected = hex::decode(self.signature.strip_prefix("sha256=")?).ok()?;
        let mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).ok()?;
        mac.chain_update(body).verify_slice(&expected).ok()?;
        serde_json::from_slice(body).ok()
    }

    fn verify(&self) -> Option<Verified> {
        let request = black_box(&self.request);
        self.source.verify(&request.headers, &request.body, UnixTime(RECEIVED_AT)).ok()
    }

    /// What `receive-webhook` does between the request and the claim, by its own code: verify, check, make the event.
    fn to_event(&self) -> Option<Event> {
        let request = black_box(&self.request);
        let verified = self.verify()?;
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(RECEIVED_AT.unsigned_abs());
        let incoming = events(&self.source, &verified, request, now, TraceContext::start(1)).ok()?;
        incoming.into_iter().next().map(|incoming| incoming.event)
    }
}

const RECEIVED_AT: i64 = 1_772_352_900;

/// As much of a push as a message about it shows.
#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing is the work that is measured")]
struct Push<'a> {
    #[serde(rename = "ref", borrow)]
    reference: Cow<'a, str>,
    #[serde(borrow)]
    compare: Cow<'a, str>,
    created: bool,
    deleted: bool,
    forced: bool,
    #[serde(borrow)]
    repository: Repository<'a>,
    #[serde(borrow)]
    pusher: Person<'a>,
    #[serde(borrow)]
    commits: Vec<Commit<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing is the work that is measured")]
struct Repository<'a> {
    #[serde(borrow)]
    full_name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing is the work that is measured")]
struct Person<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsing is the work that is measured")]
struct Commit<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    message: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    author: Person<'a>,
}
