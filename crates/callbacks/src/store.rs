//! Deliveries in their table. A delivery has one sender at a time, and of what senders report only the present one's end
//! counts.
//!
//! The item's version is the fence: beginning an attempt makes a version, and its end is written over that version only.
//! Each write has a drawn name, whose proof tells a write that was refused because of itself (its answer was lost, and the
//! client repeated it) from one that came too late. The races are those of a lease, drawn at
//! [`handle`](tidegate_outbox::handle); one more is an operator's:
//!
//! ```text
//! an operator retries while an attempt is made
//!   A  begin: write 5 ok . sends ......... end over 5: refused, no proof of its own -> taken over; its result is lost
//!   op                        retry: write 6 ok, and the message is sent -> waits for A's deadline, then sends again
//! ```

use std::time::SystemTime;

use jiff::Timestamp;
use tidegate_batch::Failure;
use tidegate_events::OrderId;
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, CommandId, Decision, HandleError, Image, Loaded, Refused, StoreError,
    Unreadable, Write, handle,
};
use tidegate_webhooks::outbound::{RetrySchedule, Verdict};

use crate::delivery::{AttemptOutcome, Delivery, Endpoint, NextAttempt};

/// Deliveries and endpoints, over the store of their table.
#[derive(Debug)]
pub struct DeliveryStore<S>(pub S);

/// What is passed in: the present, and a number that names this write, drawn evenly over all its values.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    pub now: Timestamp,
    pub random: u128,
}

/// A delivery and the version that it was read or written in.
#[derive(Clone, Debug)]
pub struct StoredDelivery {
    /// The delivery.
    pub delivery: Delivery,
    image: Image,
}

/// A delivery that could not be written, or read.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The store failed. Trying again may help.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Other writes came first, every time. Trying again may help.
    #[error("conflict: other writes to the delivery for {order} came first")]
    Conflict { order: String },
    /// Another attempt was begun, or an operator retried: this attempt's end is not written.
    #[error("the delivery for {order} was taken over while it was sent")]
    TakenOver { order: String },
    /// An order has one outcome, and another one is stored.
    #[error("the delivery for {order} is of another event")]
    OtherEvent { order: String },
    /// There is nothing to retry.
    #[error("there is no callback for {order}")]
    Absent { order: String },
    /// The item is not what this version writes.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The state has no JSON.
    #[error("the delivery cannot be written")]
    NoJson(#[from] serde_json::Error),
    /// It can never be written.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<HandleError<DeliveryError>> for DeliveryError {
    fn from(error: HandleError<DeliveryError>) -> Self {
        match error {
            HandleError::Decision(error) => error,
            HandleError::Refused(error) => error.into(),
            HandleError::Conflict { home, .. } => Self::Conflict { order: home.to_string() },
            HandleError::Store(error) => error.into(),
        }
    }
}

impl From<DeliveryError> for Failure {
    fn from(error: DeliveryError) -> Self {
        let text = tidegate_runtime::chain(&error);
        match error {
            DeliveryError::Store(_) | DeliveryError::Conflict { .. } | DeliveryError::TakenOver { .. } => {
                Self::transient(text)
            }
            DeliveryError::OtherEvent { .. }
            | DeliveryError::Absent { .. }
            | DeliveryError::Unreadable(_)
            | DeliveryError::NoJson(_)
            | DeliveryError::Refused(_) => Self::permanent(text),
        }
    }
}

impl<S: AggregateStore> DeliveryStore<S> {
    /// Begins an attempt of the delivery that `fresh` is, unless one is stored: then of that. The attempt's sender is
    /// certainly dead after `until`.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn begin(
        &self,
        fresh: &Delivery,
        until: Timestamp,
        present: Present,
    ) -> Result<(StoredDelivery, NextAttempt), DeliveryError> {
        let (id, write) = named(&fresh.order_id, "begin", present);
        let stored = |home: &Image| home.state_as().map(|stored| stored.unwrap_or_else(|| fresh.clone()));
        let attempt =
            |delivery: &Delivery, endpoint: &Endpoint| delivery.begin(endpoint, present.now, until, bits(present));
        let concerns = |home: &Image| stored(home).iter().map(endpoint_id).collect();
        let decide = |loaded: Loaded<'_>| {
            let delivery = stored(loaded.home)?;
            if delivery.event_id != fresh.event_id {
                return Err(DeliveryError::OtherEvent { order: fresh.order_id.as_str().to_owned() });
            }
            let next = attempt(&delivery, &endpoint(&loaded)?).0;
            Ok(Decision::changes(next.iter().map(changed).collect::<Result<Vec<_>, _>>()?))
        };
        let handled = handle(&self.0, &write, time(present), concerns, decide).await?;
        let image = handled.written.unwrap_or(handled.found);
        let delivery = stored(&image)?;
        // Without a write of ours, what is stored says alone when to come back: what is known of the endpoint is in it.
        let next = match delivery.sending {
            Some(_) if image.proof(&id).is_some() => NextAttempt::Send,
            _ => attempt(&delivery, &Endpoint::default()).1,
        };
        Ok((StoredDelivery { delivery, image }, next))
    }

    /// Writes how an attempt ended that was begun.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn finish(
        &self,
        begun: StoredDelivery,
        schedule: &RetrySchedule,
        end: (AttemptOutcome, Verdict),
        present: Present,
    ) -> Result<Delivery, DeliveryError> {
        let StoredDelivery { delivery, image } = begun;
        let version = image.version();
        let write = named(&delivery.order_id, "finish", present).1.over(image);
        // What is known of the endpoint matters only to an end that changes it.
        let changes_endpoint = matches!(end.1, Verdict::Disable | Verdict::SlowDown { .. });
        let concerns = |_: &Image| if changes_endpoint { vec![endpoint_id(&delivery)] } else { Vec::new() };
        let decide = |loaded: Loaded<'_>| {
            if loaded.home.version() != version {
                return Err(DeliveryError::TakenOver { order: delivery.order_id.as_str().to_owned() });
            }
            let (next, endpoint) = delivery.finish(&endpoint(&loaded)?, schedule, end, present.now, bits(present));
            let endpoint = endpoint.map(|endpoint| Change::new(endpoint_id(&delivery), &endpoint)).transpose()?;
            Ok(Decision::changes([changed(&next)?].into_iter().chain(endpoint).collect::<Vec<_>>()))
        };
        let handled = handle(&self.0, &write, time(present), concerns, decide).await?;
        Ok(handled.home().state_as()?.unwrap_or(delivery))
    }

    /// An operator's retry ([`Delivery::retry`]): the delivery as it was found, and the message that is to be sent to the
    /// queue now. If that fails, retry again: nothing else sends it.
    ///
    /// # Errors
    /// [`DeliveryError`].
    pub async fn retry(&self, order: &OrderId, present: Present) -> Result<(Delivery, String), DeliveryError> {
        let absent = || DeliveryError::Absent { order: order.as_str().to_owned() };
        let stored = |home: &Image| home.state_as::<Delivery>()?.ok_or_else(absent);
        let concerns = |home: &Image| stored(home).iter().map(endpoint_id).collect();
        let decide = |loaded: Loaded<'_>| {
            let delivery = stored(loaded.home)?;
            let (next, enabled, _) = delivery.retry(present.now);
            let mut changes = vec![changed(&next)?];
            if endpoint(&loaded)? != enabled {
                changes.push(Change::new(endpoint_id(&delivery), &enabled)?);
            }
            Ok(Decision::changes(changes))
        };
        let write = named(order, "retry", present).1;
        let found = stored(&handle(&self.0, &write, time(present), concerns, decide).await?.found)?;
        let message = found.message.clone();
        Ok((found, message))
    }
}

/// Named by what is drawn, so that no other write has the same proof.
fn named(order: &OrderId, word: &str, present: Present) -> (CommandId, Write) {
    // Invariant: a word, a stroke and 32 hexadecimal digits are a name.
    #[expect(clippy::expect_used, reason = "see the invariant")]
    let id = CommandId::new(format!("{word}/{:032x}", present.random)).expect("a name");
    (id.clone(), Write::command(id, AggregateId::from(order)))
}

fn changed(delivery: &Delivery) -> Result<Change, serde_json::Error> {
    Ok(Change::new(AggregateId::from(&delivery.order_id), delivery)?.index(delivery.index()))
}

fn endpoint_id(delivery: &Delivery) -> AggregateId {
    // Invariant: a word, at most 128 visible characters of a customer, and 64 hexadecimal digits are a name.
    #[expect(clippy::expect_used, reason = "see the invariant")]
    AggregateId::new(Endpoint::key(&delivery.customer_id, &delivery.url)).expect("a name")
}

/// The endpoint, where the decision concerns it.
fn endpoint(loaded: &Loaded<'_>) -> Result<Endpoint, Unreadable> {
    Ok(loaded.others.first().map(Image::state_as).transpose()?.flatten().unwrap_or_default())
}

/// Proofs are dated by it.
fn time(present: Present) -> SystemTime {
    SystemTime::try_from(present.now).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn bits(present: Present) -> u64 {
    u64::try_from(present.random >> 64).unwrap_or_default()
}
