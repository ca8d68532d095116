//! The handler: one event of the queue becomes one request to the client, or the reason why not.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use jiff::Timestamp;
use tidegate_batch::sqs::{Message, MessageId, Queue};
use tidegate_batch::{BatchError, Failure, Response};
use tidegate_callbacks::schedule;
use tidegate_callbacks::{AttemptOutcome, Delivery, DeliveryStore, NextAttempt, Present, Status, StoredDelivery};
use tidegate_cloudevents::{Event, extensions};
use tidegate_events::{OrderEvent, OrderId};
use tidegate_orders::Order;
use tidegate_outbox::{AggregateId, AggregateStore};
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::consumer::{self, Consumer, Invocation, trace};
use tidegate_runtime::metrics::{Metric, Metrics};
use tidegate_runtime::secrets::Secrets;
use tidegate_webhooks::UnixTime;
use tidegate_webhooks::outbound::{RetrySchedule, Verdict};
use tracing::{Instrument, info, info_span, warn};

use crate::callback::{self, End};
use crate::sender::{Sender, TIMEOUT};
use crate::signers::{SignerError, Signers};

/// What an attempt takes at most: the request, the write of its end (4 s) and the batch's own reserve (2 s). One that
/// would be cut off is not begun, because it would be made again.
pub const ATTEMPT_TIME: Duration = TIMEOUT.saturating_add(Duration::from_secs(6));

/// The handler, over its ports.
#[derive(Debug)]
pub struct Deliverer<A, O, C, S, Q, M> {
    /// Time and randomness.
    pub ambient: A,
    /// Orders, to read.
    pub orders: O,
    /// Deliveries and endpoints.
    pub deliveries: DeliveryStore<C>,
    /// The customers' secrets.
    pub signers: Signers<S>,
    /// The client of endpoints.
    pub sender: Sender,
    /// When attempts are made.
    pub schedule: RetrySchedule,
    /// The queue and its dead-letter queue.
    pub queue: Q,
    /// Counts.
    pub metrics: M,
}

/// How an event was handled, where nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Disposition {
    Delivered(AttemptOutcome),
    Disabled,
    Skipped(&'static str),
}

impl<A, O, C, S, Q, M> Deliverer<A, O, C, S, Q, M>
where
    A: Ambient,
    O: AggregateStore,
    C: AggregateStore,
    S: Secrets,
    Q: Queue,
    M: Metrics,
{
    /// Handles a batch and says which messages must come back.
    ///
    /// # Errors
    /// [`BatchError`] where the batch cannot be answered message by message.
    pub async fn handle(&self, batch: SqsEvent, invocation: Invocation) -> Result<Response<MessageId>, BatchError> {
        let consumer = Consumer { ambient: &self.ambient, queue: &self.queue, metrics: &self.metrics };
        let each = async |message: &Message| self.handle_message(message, &invocation).await;
        consumer.run(batch, &invocation, &schedule::policy(), each).await
    }

    async fn handle_message(&self, message: &Message, invocation: &Invocation) -> Result<(), Failure> {
        let event = consumer::event(message)?;
        let (order_id, happened) = OrderEvent::read(&event).map_err(Failure::undecodable)?;
        let span = info_span!(
            "deliver",
            request_id = invocation.request_id,
            message_id = message.id(),
            trace_id = trace(event.traceparent(), message, self.ambient.random()).trace_id(),
            event_id = event.id(),
            order_id = order_id.as_str(),
            correlation_id = event.extension(extensions::CORRELATIONID).and_then(|id| id.as_str()).unwrap_or_default(),
        );
        let Some(end) = End::of(&happened) else { return Ok(()) };
        let disposition = self.deliver(&event, order_id, end, message.body(), invocation.deadline);
        let disposition = disposition.instrument(span.clone()).await?;
        let _entered = span.entered();
        match disposition {
            Disposition::Delivered(outcome) => {
                info!(outcome = %outcome, "delivered");
                self.count(outcome.kind(), Metric::CallbackDelivered);
            }
            Disposition::Disabled => {
                warn!("the endpoint wants no callbacks");
                self.count("any", Metric::CallbackDisabled);
            }
            Disposition::Skipped(why) => info!(why, "nothing to deliver"),
        }
        Ok(())
    }

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
        let signer = match self.signers.of(&order.customer_id, self.ambient.now()).await {
            Err(SignerError::Port(error)) => return Err(Failure::transient(tidegate_runtime::chain(&error))),
            signer => signer,
        };
        if self.ambient.now() + ATTEMPT_TIME > deadline {
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
                self.count(outcome.kind(), Metric::CallbackGivenUp);
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
        Ok(Present { now: timestamp(self.ambient.now())?, random: self.ambient.random() })
    }

    fn count(&self, outcome: &str, metric: Metric) {
        self.metrics.count(self.ambient.now(), ("outcome", outcome), &[(metric, 1)]);
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
