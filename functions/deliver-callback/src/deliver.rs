//! The handler: one event of the queue becomes one request to the client, or the reason why not.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tidegate_batch::sqs::Message;
use tidegate_batch::{Failure, Policy};
use tidegate_callbacks::schedule;
use tidegate_callbacks::{AttemptOutcome, Delivery, DeliveryStore, NextAttempt, Present, Status, StoredDelivery};
use tidegate_cloudevents::Event;
use tidegate_events::{OrderEvent, OrderId};
use tidegate_orders::Order;
use tidegate_outbox::{AggregateId, AggregateStore};
use tidegate_runtime::document::DocumentError;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::priming::Sample;
use tidegate_runtime::queue::{Handler, Labels, Read};
use tidegate_runtime::{Call, Ports};
use tidegate_webhooks::UnixTime;
use tidegate_webhooks::outbound::{RetrySchedule, Verdict};
use tracing::{info, warn};

use crate::callback::{self, End};
use crate::sender::{Sender, TIMEOUT};
use crate::signers::Signers;

/// What an attempt takes at most: the request, the write of its end (4 s) and the batch's own reserve (2 s). One that
/// would be cut off is not begun, because it would be made again.
pub const ATTEMPT_TIME: Duration = TIMEOUT.saturating_add(Duration::from_secs(6));

#[derive(Debug)]
pub struct Deliverer<O, C> {
    pub ports: Arc<dyn Ports>,
    pub orders: O,
    /// Deliveries and endpoints.
    pub deliveries: DeliveryStore<C>,
    /// The customers' secrets.
    pub signers: Signers,
    /// The client of endpoints.
    pub sender: Sender,
    /// When attempts are made.
    pub schedule: RetrySchedule,
}

/// An event of an order, and the message that brought it, which is kept so that a person can send it again.
#[derive(Debug)]
pub struct OrderMessage {
    event: Event,
    order_id: OrderId,
    order_event: OrderEvent,
    body: String,
}

impl Read for OrderMessage {
    fn read(message: &Message) -> Result<Self, Failure> {
        let event = Event::read(message)?;
        let (order_id, order_event) = OrderEvent::read(&event).map_err(Failure::undecodable)?;
        Ok(Self { event, order_id, order_event, body: message.body().to_owned() })
    }

    fn labels(&self) -> Labels<'_> {
        Labels { order_id: Some(self.order_id.as_str()), ..self.event.labels() }
    }
}

/// How an event was handled, where nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    Delivered(AttemptOutcome),
    Disabled,
    Skipped(&'static str),
}

impl<O: AggregateStore, C: AggregateStore> Handler for Deliverer<O, C> {
    type Message = OrderMessage;

    /// The customer of the order has no secret, so that none is ever made up, and nothing is sent.
    const SAMPLE: Sample = Sample {
        event: include_str!("../../../crates/events/tests/fixtures/events/order-confirmed.json"),
        answers: &[("GetItem", include_str!("sample.json"))],
    };

    fn policy() -> Policy {
        schedule::policy()
    }

    async fn handle(&self, message: OrderMessage, call: &Call) -> Result<(), Failure> {
        let OrderMessage { event, order_id, order_event, body } = message;
        let Some(end) = End::of(&order_event) else { return Ok(()) };
        match self.deliver(&event, order_id, end, &body, call.deadline).await? {
            Disposition::Delivered(outcome) => {
                info!(outcome = %outcome, "callback delivered");
                self.count(outcome.kind(), Metric::CallbackDelivered);
            }
            Disposition::Disabled => {
                warn!("the endpoint wants no callbacks");
                self.count("any", Metric::CallbackDisabled);
            }
            Disposition::Skipped(why) => info!(why, "callback skipped"),
        }
        Ok(())
    }
}

impl<O: AggregateStore, C: AggregateStore> Deliverer<O, C> {
    async fn deliver(
        &self,
        event: &Event,
        order_id: OrderId,
        end: End,
        message: &str,
        deadline: SystemTime,
    ) -> Result<Disposition, Failure> {
        let order = self.order(&order_id).await?;
        let Some(url) = order.callback_url else { return Ok(Disposition::Skipped("the order has no callback_url")) };
        let at = event.time().ok_or_else(|| Failure::undecodable("the event says no time"))?;
        let body = callback::body(&order_id, end, order.total, at).map_err(Failure::permanent)?;
        // Asked before anything is begun: the store of secrets failing is not the endpoint's fault.
        let signer = match self.signers.of(&order.customer_id, self.ports.now()).await {
            Err(error @ DocumentError::Port(_)) => return Err(error.into()),
            signer => signer,
        };
        if self.ports.now() + ATTEMPT_TIME > deadline {
            return Err(Failure::retry_after(Duration::ZERO, "too little time is left for an attempt"));
        }

        let present = self.present()?;
        let fresh = Delivery::new(order_id, order.customer_id, url, event.id(), message, present.now);
        let until = timestamp(deadline)?;
        let (stored, next) = self.deliveries.begin(&fresh, until, present).await?;
        match next {
            NextAttempt::Send => {}
            NextAttempt::Wait(until) => {
                return Err(wait(until, present.now, "it is not due, or another attempt is under way"));
            }
            NextAttempt::Ended(Status::Exhausted) => return Err(given_up(&stored.delivery)),
            // One that ends so here has not been counted; one that had ended so has.
            NextAttempt::Ended(Status::Disabled) if stored.delivery.since == present.now => {
                return Ok(Disposition::Disabled);
            }
            NextAttempt::Ended(_) => return Ok(Disposition::Skipped("the delivery has ended")),
        }

        let ended = match signer {
            Err(error) => {
                warn!(error = tidegate_runtime::chain(&error), "nothing can be signed");
                (AttemptOutcome::NoSecret, Verdict::of_silence())
            }
            Ok(signer) => {
                let id = callback::webhook_id(event);
                let headers = signer.sign(&id, UnixTime(present.now.as_second()), &body);
                let headers = headers.map_err(|error| Failure::permanent(tidegate_runtime::chain(&error)))?;
                self.sender.send(&stored.delivery.url, headers, body, present.now).await
            }
        };
        self.finish(stored, ended).await
    }

    async fn order(&self, id: &OrderId) -> Result<Order, Failure> {
        let image = self.orders.load(&AggregateId::from(id)).await;
        let image = image.map_err(|error| Failure::transient(tidegate_runtime::chain(&error)))?;
        let absent = || Failure::permanent(format!("there is no order {}", id.as_str()));
        image.state_as().map_err(Failure::permanent)?.ok_or_else(absent)
    }

    async fn finish(
        &self,
        stored: StoredDelivery,
        (outcome, verdict): (AttemptOutcome, Verdict),
    ) -> Result<Disposition, Failure> {
        let present = self.present()?;
        let host = stored.delivery.host().to_owned();
        let delivery =
            self.deliveries.finish(stored, &self.schedule, (outcome, verdict), present).await.inspect_err(|error| {
                let error = tidegate_runtime::chain(error);
                warn!(host, outcome = %outcome, error, "sent, but how the attempt ended could not be written");
            })?;
        match delivery.status {
            Status::Delivered => Ok(Disposition::Delivered(outcome)),
            Status::Disabled => Ok(Disposition::Disabled),
            Status::Exhausted => {
                self.count(outcome.kind(), Metric::CallbackFailed);
                self.count(outcome.kind(), Metric::CallbackExhausted);
                Err(given_up(&delivery))
            }
            Status::Pending => {
                self.count(outcome.kind(), Metric::CallbackFailed);
                let next_at = delivery.next_at.unwrap_or(present.now);
                Err(wait(next_at, present.now, &format!("attempt {} at {host} ended with {outcome}", delivery.made)))
            }
        }
    }

    fn present(&self) -> Result<Present, Failure> {
        Ok(Present { now: timestamp(self.ports.now())?, random: self.ports.random() })
    }

    fn count(&self, outcome: &str, metric: Metric) {
        self.ports.count(("outcome", outcome), &[(metric, 1)]);
    }
}

fn wait(until: Timestamp, now: Timestamp, why: &str) -> Failure {
    Failure::retry_after(Duration::try_from(until.duration_since(now)).unwrap_or_default(), why)
}

/// Goes to the dead letters, also where it was given up before: that sender may have died before the letter was there.
fn given_up(delivery: &Delivery) -> Failure {
    let last = delivery.attempts.last().map(|it| it.outcome.to_string()).unwrap_or_default();
    let (made, host, order) = (delivery.made, delivery.host(), delivery.order_id.as_str());
    Failure::permanent(format!(
        "{host} has not taken the callback in {made} attempts, the last of which ended with {last}; \
         `tidegate callbacks retry {order}` starts anew"
    ))
}

fn timestamp(time: SystemTime) -> Result<Timestamp, Failure> {
    time.try_into().map_err(|_| Failure::transient("the clock is beyond all dates"))
}
