//! The records over their table. A delivery has one sender at a time, and of what senders say only what the present
//! one says counts.
//!
//! The item's version is the fence: beginning an attempt makes a version, and its end is written on the condition that
//! this is still the one that is stored. The proof of the write tells a write that was refused because of itself (its
//! answer was lost, and the client repeated it) from one that came too late.
//!
//! ```text
//! the same message is delivered to two
//!   A  load 4, begin: write 5 ok . sends ........... end: write 6 ok
//!   B  load 4, begin: write 5 refused . load 5: A is at it until its deadline -> comes back then, finds it delivered
//!
//! the sender dies while it sends
//!   A  load 4, begin: write 5 ok . sends, dies
//!   A' (the message, 180 s later)   load 5: the deadline is over -> begin: write 6 . sends again, the same webhook-id
//!
//! a sender that was taken for dead comes back
//!   A  begin: write 5 ok . sends ........................ end: write 6 refused, no proof of its own -> overtaken
//!   B                            begin: write 6 ok . sends . end: write 7 ok
//!
//! an operator retries while somebody sends
//!   A  begin: write 5 ok . sends ......... end: write 6 refused -> overtaken; its result is lost
//!   op                        retry: write 6 ok, and the message is sent -> waits for A's deadline, then sends again
//! ```

use std::time::SystemTime;

use jiff::Timestamp;
use tidegate_batch::Failure;
use tidegate_cloudevents::JsonText;
use tidegate_events::OrderId;
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, Command, CommandId, Commit, CommitError, Decision, Image, InvalidName,
    Refused, Reply, StoreError,
};
use tidegate_webhooks::outbound::{RetrySchedule, Verdict};

use crate::record::{Begun, Endpoint, Outcome, Record};

/// As often as two can meet at a delivery, and then some: the queue's back-off is the better place to wait.
const MAX_TRIES: usize = 4;

/// Deliveries and endpoints, over the store of their table.
#[derive(Debug)]
pub struct Books<C>(pub C);

/// What is passed in: the present, and a number that names this write, drawn evenly over all its values.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    /// The time.
    pub now: Timestamp,
    /// Random.
    pub random: u128,
}

/// A delivery as it was read or written.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it says.
    pub record: Record,
    image: Image,
}

/// What could not be written, or read.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// The store failed. Trying again may help.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others were quicker every time. Trying again may help.
    #[error("others keep being quicker at {order}")]
    Contended {
        /// The delivery's order.
        order: String,
    },
    /// Somebody else took over, or an operator stepped in: this attempt's end is not written down.
    #[error("the delivery for {order} was taken over while it was sent")]
    Overtaken {
        /// The delivery's order.
        order: String,
    },
    /// An order has one outcome, and the books have another one.
    #[error("the books have another event for {order}")]
    OtherEvent {
        /// The delivery's order.
        order: String,
    },
    /// There is nothing to retry.
    #[error("there is no callback for {order}")]
    Absent {
        /// The delivery's order.
        order: String,
    },
    /// The item is not what this version writes.
    #[error("the item {id} cannot be read")]
    Unreadable {
        /// Its key.
        id: String,
    },
    /// It can never be written.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A key is none.
    #[error(transparent)]
    Name(#[from] InvalidName),
}

impl From<BooksError> for Failure {
    fn from(error: BooksError) -> Self {
        let text = tidegate_runtime::chain(&error);
        match error {
            BooksError::Store(_) | BooksError::Contended { .. } | BooksError::Overtaken { .. } => Self::transient(text),
            _ => Self::permanent(text),
        }
    }
}

impl<C: AggregateStore> Books<C> {
    /// Begins an attempt of the delivery that `fresh` is, unless the books know it already: then as they have it.
    ///
    /// # Errors
    /// [`BooksError`].
    pub async fn begin(
        &self,
        fresh: &Record,
        until: Timestamp,
        present: Present,
    ) -> Result<(Entry, Begun), BooksError> {
        let command = command(&fresh.order_id, "begin", present)?;
        for _ in 0..MAX_TRIES {
            let home = self.0.load(&command.home).await?;
            let record = read::<Record>(&home)?.unwrap_or_else(|| fresh.clone());
            if record.event_id != fresh.event_id {
                return Err(BooksError::OtherEvent { order: fresh.order_id.as_str().to_owned() });
            }
            if home.proof(&command.id).is_some() && record.sending.is_some() {
                return Ok((Entry { record, image: home }, Begun::Send)); // the answer to our own write was lost
            }
            let (_, endpoint) = self.endpoint(&record).await?;
            let (next, begun) = record.begin(&endpoint, present.now, until, bits(present));
            let Some(next) = next else { return Ok((Entry { record, image: home }, begun)) };
            if let Some(image) = self.write(&command, &[home], vec![record_change(&next)?], present).await? {
                return Ok((Entry { record: next, image }, begun));
            }
        }
        Err(BooksError::Contended { order: fresh.order_id.as_str().to_owned() })
    }

    /// Writes down how an attempt ended that was begun.
    ///
    /// # Errors
    /// [`BooksError`].
    pub async fn finish(
        &self,
        begun: Entry,
        schedule: &RetrySchedule,
        end: (Outcome, Verdict),
        present: Present,
    ) -> Result<Record, BooksError> {
        let Entry { record, image: home } = begun;
        let command = command(&record.order_id, "finish", present)?;
        for _ in 0..MAX_TRIES {
            // What is known of the endpoint matters only to an end that says something new of it.
            let tells = matches!(end.1, Verdict::Disable | Verdict::SlowDown { .. });
            let endpoint = if tells { Some(self.endpoint(&record).await?) } else { None };
            let known = endpoint.as_ref().map(|(_, it)| it.clone()).unwrap_or_default();
            let (next, told) = record.finish(&known, schedule, end, present.now, bits(present));
            let mut changes = vec![record_change(&next)?];
            let mut loaded = vec![home.clone()];
            if let (Some((image, _)), Some(told)) = (endpoint, told) {
                changes.push(change(image.aggregate().clone(), &told, Vec::new())?);
                loaded.push(image);
            }
            if self.write(&command, &loaded, changes, present).await?.is_some() {
                return Ok(next);
            }
            let stored = self.0.load(&command.home).await?;
            if stored.proof(&command.id).is_some() {
                return Ok(next); // the answer to our own write was lost
            }
            if stored.version() != home.version() {
                return Err(BooksError::Overtaken { order: record.order_id.as_str().to_owned() });
            }
            // Another delivery has written the endpoint meanwhile.
        }
        Err(BooksError::Contended { order: record.order_id.as_str().to_owned() })
    }

    /// An operator's retry ([`Record::retry`]): the record as it was found, and the message that is to be sent to the queue
    /// now. If that fails, retry again: nothing else sends it.
    ///
    /// # Errors
    /// [`BooksError`].
    pub async fn retry(&self, order: &OrderId, present: Present) -> Result<(Record, String), BooksError> {
        let command = command(order, "retry", present)?;
        for _ in 0..MAX_TRIES {
            let home = self.0.load(&command.home).await?;
            let absent = || BooksError::Absent { order: order.as_str().to_owned() };
            let record = read::<Record>(&home)?.ok_or_else(absent)?;
            if home.proof(&command.id).is_some() {
                return Ok((record.clone(), record.message)); // the answer to our own write was lost
            }
            let (next, enabled, message) = record.retry(present.now);
            let mut changes = vec![record_change(&next)?];
            let (image, known) = self.endpoint(&record).await?;
            let mut loaded = vec![home];
            if known != enabled {
                changes.push(change(image.aggregate().clone(), &enabled, Vec::new())?);
                loaded.push(image);
            }
            if self.write(&command, &loaded, changes, present).await?.is_some() {
                return Ok((record, message));
            }
        }
        Err(BooksError::Contended { order: order.as_str().to_owned() })
    }

    async fn endpoint(&self, record: &Record) -> Result<(Image, Endpoint), BooksError> {
        let image = self.0.load(&AggregateId::new(Endpoint::key(&record.customer_id, &record.url))?).await?;
        let endpoint = read(&image)?.unwrap_or_default();
        Ok((image, endpoint))
    }

    /// Home as written, or `None` where somebody else was quicker.
    async fn write(
        &self,
        command: &Command,
        loaded: &[Image],
        changes: Vec<Change>,
        present: Present,
    ) -> Result<Option<Image>, BooksError> {
        let decision = Decision { reply: Reply::Success { output: text(&command.home, &"written")? }, changes };
        let now = SystemTime::try_from(present.now).unwrap_or(SystemTime::UNIX_EPOCH); // proofs are dated by it
        let commit = Commit::decided(command, loaded, decision, now)?;
        match self.0.commit(&commit).await {
            Ok(()) => Ok(commit.images().first().cloned()),
            Err(CommitError::Conflict) => Ok(None),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

/// Named by what is drawn, so that nobody else's write has the same proof.
fn command(order: &OrderId, word: &str, present: Present) -> Result<Command, BooksError> {
    let id = CommandId::new(format!("{word}/{:032x}", present.random))?;
    Ok(Command { id, home: AggregateId::new(order.as_str())?, token: None })
}

fn record_change(record: &Record) -> Result<Change, BooksError> {
    change(AggregateId::new(record.order_id.as_str())?, record, record.index())
}

fn change(
    aggregate: AggregateId,
    state: &impl serde::Serialize,
    index: Vec<(String, String)>,
) -> Result<Change, BooksError> {
    let state = text(&aggregate, state)?;
    Ok(Change { aggregate, state, events: Vec::new(), index })
}

fn text(aggregate: &AggregateId, value: &impl serde::Serialize) -> Result<JsonText, BooksError> {
    JsonText::of(value).map_err(|_| BooksError::Unreadable { id: aggregate.to_string() })
}

/// serde's errors can quote what they read, so they go no further.
fn read<T: serde::de::DeserializeOwned>(image: &Image) -> Result<Option<T>, BooksError> {
    image.state_as().map_err(|_| BooksError::Unreadable { id: image.aggregate().to_string() })
}

fn bits(present: Present) -> u64 {
    u64::try_from(present.random >> 64).unwrap_or_default()
}
