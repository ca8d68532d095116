//! Deliveries and endpoints, and what becomes of both. Pure; the time is passed in.
//!
//! A delivery is the state of the item whose key is the order's id in the table of callbacks: one order, one outcome, one
//! delivery. An endpoint is the state of the item `endpoint/{customer}/{digest of the URL}`.
//!
//! ```text
//!              begin            finish: 2xx
//!   pending ---------> sending ------------> delivered
//!      ^ ^--------------'  | | finish: 410
//!      |  finish: failed   | `-------------> disabled   (or begin, where an earlier callback got the 410)
//!      |                   | finish: failed, and no attempt is left
//!      |                   `---------------> exhausted
//!      `--- retry, by an operator, from wherever it is
//! ```

mod outcome;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tidegate_events::{CallbackUrl, CustomerId, OrderId};
use tidegate_webhooks::outbound::{RetrySchedule, Verdict};

use crate::schedule::{MAX_HOLD, kept_attempts};
pub use outcome::AttemptOutcome;

/// For an endpoint that is overloaded and does not say for how long.
const SLOW: Duration = Duration::from_secs(60);

/// The delivery of one order's outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The order whose outcome is delivered.
    pub order_id: OrderId,
    /// Whose secrets sign.
    pub customer_id: CustomerId,
    /// Where it goes. May hold a token in its query: show [`Delivery::host`] instead.
    pub url: CallbackUrl,
    /// The event of the outcome.
    pub event_id: String,
    /// The message that brought the event, for sending it to the queue again.
    pub message: String,
    /// How far it is.
    pub status: Status,
    /// Since when it is known to be so: when it was last written, but for attempts that began.
    pub since: Timestamp,
    /// How many attempts have ended without success since the first, or since an operator's retry.
    pub made: u32,
    /// The attempts, newest last, at most [`kept_attempts`].
    pub attempts: Vec<Attempt>,
    /// When the next attempt is due; absent once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// The attempt under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sending: Option<Sending>,
    /// It has waited once for an endpoint that is to be asked less often; before the next attempt it does not again.
    #[serde(default)]
    pub held: bool,
}

/// How far a delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To be sent, or sent again.
    Pending,
    /// The endpoint has it.
    Delivered,
    /// The endpoint wants no callbacks.
    Disabled,
    /// No attempt is left.
    Exhausted,
}

/// One request, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub outcome: AttemptOutcome,
}

/// An attempt under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    pub at: Timestamp,
    /// After this its sender is dead, and another may send.
    pub until: Timestamp,
}

/// What an endpoint wants of all its deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// When it answered 410; nothing is sent to it since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Timestamp>,
    /// Until when it is to be asked less often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_until: Option<Timestamp>,
}

/// What to do with the message of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAttempt {
    /// Send, then write how it ended.
    Send,
    /// Come back then.
    Wait(Timestamp),
    /// Nothing: it has ended so.
    Ended(Status),
}

impl Status {
    /// The word for it, as the index `by-status` has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Disabled => "disabled",
            Self::Exhausted => "exhausted",
        }
    }
}

impl Endpoint {
    /// The key of its item.
    #[must_use]
    pub fn key(customer: &CustomerId, url: &CallbackUrl) -> String {
        format!("endpoint/{}/{}", customer.as_str(), hex::encode(Sha256::digest(url.as_str())))
    }
}

impl Delivery {
    /// Of which no attempt was begun.
    #[must_use]
    pub fn new(
        order_id: OrderId,
        customer_id: CustomerId,
        url: CallbackUrl,
        event_id: &str,
        message: &str,
        now: Timestamp,
    ) -> Self {
        Self {
            order_id,
            customer_id,
            url,
            event_id: event_id.to_owned(),
            message: message.to_owned(),
            status: Status::Pending,
            since: now,
            made: 0,
            attempts: Vec::new(),
            next_at: Some(now),
            sending: None,
            held: false,
        }
    }

    /// The URL's host: what may be shown of it.
    #[must_use]
    pub fn host(&self) -> &str {
        host(&self.url)
    }

    /// The attributes that the sparse index `by-status` is made of, where a person may want to see the delivery: it is not
    /// delivered, and something has gone wrong already. What goes well at once never enters the index, whose few keys
    /// would not carry the rate of all orders.
    #[must_use]
    pub fn index(&self) -> Vec<(String, String)> {
        let is_usual = self.status == Status::Pending && self.attempts.is_empty();
        if is_usual || self.status == Status::Delivered {
            return Vec::new();
        }
        let attributes = [("status", self.status.as_str().to_owned()), ("since", self.since.to_string())];
        attributes.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// A message is there: may it be sent now? After `until` its sender is certainly dead. What is to be written first
    /// comes along.
    #[must_use]
    pub fn begin(
        &self,
        endpoint: &Endpoint,
        now: Timestamp,
        until: Timestamp,
        random: u64,
    ) -> (Option<Self>, NextAttempt) {
        if self.status != Status::Pending {
            return (None, NextAttempt::Ended(self.status));
        }
        if let Some(sending) = self.sending.filter(|it| it.until > now) {
            return (None, NextAttempt::Wait(sending.until));
        }
        if let Some(next_at) = self.next_at.filter(|it| *it > now) {
            return (None, NextAttempt::Wait(next_at));
        }
        let mut next = self.clone();
        if let Some(dead) = next.sending.take() {
            // It may have arrived or not. It counts for no attempt: what kills senders is not the endpoint's fault.
            next.note(Attempt { at: dead.at, outcome: AttemptOutcome::Unknown });
        }
        if endpoint.disabled_at.is_some() {
            next.end(Status::Disabled, now);
            return (Some(next), NextAttempt::Ended(Status::Disabled));
        }
        if let Some(slow_until) = endpoint.slow_until.filter(|it| *it > now && !self.held) {
            // Spread over as long again, so that what waits for the endpoint does not come to it all at once.
            let wait = Duration::try_from(slow_until.duration_since(now)).unwrap_or_default();
            let at = later(slow_until, spread(wait, random));
            (next.held, next.next_at) = (true, Some(at));
            return (Some(next), NextAttempt::Wait(at));
        }
        next.sending = Some(Sending { at: now, until });
        (Some(next), NextAttempt::Send)
    }

    /// An attempt that was begun has ended. `None` for the endpoint where nothing about it changes.
    #[must_use]
    pub fn finish(
        &self,
        endpoint: &Endpoint,
        schedule: &RetrySchedule,
        (outcome, verdict): (AttemptOutcome, Verdict),
        now: Timestamp,
        random: u64,
    ) -> (Self, Option<Endpoint>) {
        let mut next = self.clone();
        let at = next.sending.take().map_or(now, |it| it.at);
        next.note(Attempt { at, outcome });
        (next.held, next.since) = (false, now);
        let (asked, endpoint) = match verdict {
            Verdict::Delivered => {
                next.end(Status::Delivered, now);
                return (next, None);
            }
            Verdict::Disable => {
                next.end(Status::Disabled, now);
                return (next, Some(Endpoint { disabled_at: Some(now), ..endpoint.clone() }));
            }
            Verdict::SlowDown { retry_after } => {
                let asked = retry_after.unwrap_or(SLOW);
                let slow_until = Some(later(now, asked.min(MAX_HOLD))).max(endpoint.slow_until);
                (Some(asked), Some(Endpoint { slow_until, ..endpoint.clone() }))
            }
            Verdict::Retry { retry_after } => (retry_after, None),
        };
        next.made += 1;
        let made = usize::try_from(next.made).unwrap_or(usize::MAX);
        match schedule.delay_before(made, random, asked).filter(|_| !outcome.is_final()) {
            Some(delay) => next.next_at = Some(later(now, delay)),
            None => next.end(Status::Exhausted, now),
        }
        (next, endpoint)
    }

    /// An operator wants it sent (again), and its endpoint asked again if it was disabled. What is returned is to be
    /// written, then the message to be sent to the queue. The `webhook-id` stays the same, so a client that has it
    /// already can tell.
    #[must_use]
    pub fn retry(&self, now: Timestamp) -> (Self, Endpoint, String) {
        let (status, next_at) = (Status::Pending, Some(now));
        let next = Self { status, since: now, made: 0, next_at, held: false, ..self.clone() };
        (next, Endpoint::default(), self.message.clone())
    }

    fn note(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
        let surplus = self.attempts.len().saturating_sub(kept_attempts());
        self.attempts.drain(..surplus);
    }

    fn end(&mut self, status: Status, now: Timestamp) {
        (self.status, self.since, self.next_at) = (status, now, None);
    }
}

/// The host of a URL: what may stand in a log.
pub(crate) fn host(url: &CallbackUrl) -> &str {
    let rest = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// Evenly between nothing and `most`.
fn spread(most: Duration, random: u64) -> Duration {
    let millis = (most.as_millis() * u128::from(random)) >> 64;
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
