//! What one write holds: decided here without I/O, and refused here if it could never be written or said.

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

use tidegate_cloudevents::{Event, EventError, JsonText, messaging};

use crate::image::{ATTRIBUTES, MAX_ITEM_BYTES, Proof};
use crate::message::{MAX_PUBLISH_BYTES, published_bytes};
use crate::{AggregateId, CommandId, EventId, Image, Message, Reply, TaskToken, Version};

/// DynamoDB's limits for a transaction.
const MAX_ITEMS: usize = 100;
const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// What is asked of a service.
#[derive(Clone, Debug)]
pub struct Command {
    /// The same however often the command arrives.
    pub id: CommandId,
    /// The aggregate that the command is addressed to, whose item keeps the proof. A command always has the same home.
    /// It is to be one that gets few commands (an order, a reservation), not one that all commands meet at (a SKU):
    /// those change along with it, in the same transaction, and carry no proof.
    pub home: AggregateId,
    /// By which the asker is answered, where it waits.
    pub token: Option<TaskToken>,
}

/// What is to become of a command: decided by a pure function from the images that were loaded.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The answer. A business "no" is one too.
    pub reply: Reply,
    /// The aggregates that change. Home may be among them; the others must have been loaded.
    pub changes: Vec<Change>,
}

/// What becomes of one aggregate.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which.
    pub aggregate: AggregateId,
    /// Its new state.
    pub state: JsonText,
    /// What happened, in order. Each event's id is replaced by its [`EventId`].
    pub events: Vec<Event>,
    /// The item's attributes for secondary indexes, name and text. They take the place of those that it had, and are
    /// written with the state, so that no index can lag behind for good.
    pub index: Vec<(String, String)>,
}

/// One atomic write: for each image, the version before it must be the stored one.
#[derive(Clone, Debug)]
pub struct Commit(Vec<Image>);

impl Commit {
    /// The write that carries a decision out. `loaded` has home and every other aggregate that the decision changes.
    ///
    /// # Errors
    /// [`Refused`]: it could not be written, or not be said once written. Nothing has happened yet.
    pub fn decided(command: &Command, loaded: &[Image], decision: Decision, now: SystemTime) -> Result<Self, Refused> {
        let image = |id: &AggregateId| {
            loaded.iter().find(|it| it.aggregate == *id).ok_or_else(|| Refused::NotLoaded { aggregate: id.clone() })
        };
        let mut images = vec![image(&command.home)?.next()];
        let mut changed = HashSet::new();
        for Change { aggregate, state, events, index } in decision.changes {
            if !changed.insert(aggregate.clone()) {
                return Err(Refused::ChangedTwice { aggregate });
            }
            let at = if aggregate == command.home { 0 } else { images.len() };
            if at > 0 {
                images.push(image(&aggregate)?.next());
            }
            images[at].outbox = say(&aggregate, images[at].version, events)?;
            images[at].state = Some(state);
            images[at].index = indexed(&aggregate, index)?;
        }
        answer(&mut images[0], command, decision.reply, now)?;
        Self(images).checked()
    }

    /// The write by which a command that was handled, and comes again with another token, has its answer said to that
    /// token too. A workflow that was redriven asks so.
    ///
    /// # Errors
    /// As [`Commit::decided`].
    pub fn repeated(command: &Command, home: &Image, proof: &Proof, now: SystemTime) -> Result<Self, Refused> {
        let mut next = home.next();
        answer(&mut next, command, proof.reply.clone(), now)?;
        Self(vec![next]).checked()
    }

    /// The images to write, home first.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.0
    }

    /// The version that must be the stored one for an image to be written.
    pub(crate) fn expected(image: &Image) -> Version {
        Version(image.version.0 - 1)
    }

    fn checked(self) -> Result<Self, Refused> {
        if self.0.len() > MAX_ITEMS {
            return Err(Refused::TooManyAggregates { count: self.0.len() });
        }
        let mut total = 0;
        for image in &self.0 {
            let bytes = image.bytes();
            if bytes > MAX_ITEM_BYTES {
                return Err(Refused::ItemTooLarge { aggregate: image.aggregate.clone(), bytes });
            }
            total += bytes;
        }
        if total > MAX_TRANSACTION_BYTES {
            return Err(Refused::TransactionTooLarge { bytes: total });
        }
        Ok(self)
    }
}

fn say(aggregate: &AggregateId, version: Version, events: Vec<Event>) -> Result<Vec<Message>, Refused> {
    let mut messages = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let id = EventId::new(aggregate, version, index);
        let event = match event.with_id(id.as_str()) {
            Ok(event) => event,
            Err(source) => return Err(Refused::Event { id, source }),
        };
        let bytes = published_bytes(&event, &messaging::to_body(&event));
        if bytes > MAX_PUBLISH_BYTES {
            return Err(Refused::EventTooLarge { id, bytes });
        }
        messages.push(Message::Event(event));
    }
    Ok(messages)
}

fn indexed(aggregate: &AggregateId, index: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Refused> {
    match index.iter().find(|(name, _)| ATTRIBUTES.contains(&name.as_str())) {
        Some((name, _)) => Err(Refused::AttributeTaken { aggregate: aggregate.clone(), name: name.clone() }),
        None => Ok(index.into_iter().collect()),
    }
}

/// Proof and reply, after the events: whoever hears the reply finds them said.
fn answer(home: &mut Image, command: &Command, reply: Reply, now: SystemTime) -> Result<(), Refused> {
    if !reply.fits() {
        return Err(Refused::ReplyTooLarge { command: command.id.clone() });
    }
    home.prove(Proof::new(command.id.clone(), command.token.as_ref(), reply.clone(), now));
    if let Some(token) = command.token.clone() {
        home.outbox.push(Message::Reply { command: command.id.clone(), token, reply });
    }
    Ok(())
}

/// A decision that can never be carried out: trying again cannot help. Nothing has been written.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// SNS would not take it. Its data has to be kept elsewhere (a claim check: `dataref`) before it is committed.
    #[error("event {id} has {bytes} bytes, more than the 256 KiB that SNS takes")]
    EventTooLarge {
        /// The event.
        id: EventId,
        /// Its size, attributes included.
        bytes: usize,
    },
    /// The derived id makes no CloudEvent.
    #[error("event {id} cannot have this id")]
    Event {
        /// The event.
        id: EventId,
        /// Why.
        #[source]
        source: EventError,
    },
    /// Step Functions would not take it.
    #[error("the reply to {command} is larger than Step Functions takes")]
    ReplyTooLarge {
        /// The command.
        command: CommandId,
    },
    /// DynamoDB would not take it: the state, the events or the proofs have outgrown an item.
    #[error("the item of {aggregate} would have {bytes} bytes, more than the 400 KB that DynamoDB takes")]
    ItemTooLarge {
        /// The aggregate.
        aggregate: AggregateId,
        /// The size of its item.
        bytes: usize,
    },
    /// A transaction takes 100 items.
    #[error("{count} aggregates would change at once, more than the 100 that a transaction takes")]
    TooManyAggregates {
        /// How many, home included.
        count: usize,
    },
    /// A transaction takes 4 MB.
    #[error("the transaction would have {bytes} bytes, more than the 4 MB that DynamoDB takes")]
    TransactionTooLarge {
        /// The size of all items.
        bytes: usize,
    },
    /// An attribute for an index would stand in the place of one of the item's own.
    #[error("the item of {aggregate} has an attribute {name} of its own")]
    AttributeTaken {
        /// The aggregate.
        aggregate: AggregateId,
        /// The attribute.
        name: String,
    },
    /// The decision changes what it was not shown.
    #[error("{aggregate} was not loaded")]
    NotLoaded {
        /// The aggregate.
        aggregate: AggregateId,
    },
    /// The decision says twice what becomes of an aggregate.
    #[error("{aggregate} is changed twice")]
    ChangedTwice {
        /// The aggregate.
        aggregate: AggregateId,
    },
}

/// Keeps aggregates.
///
/// For one aggregate and one version at most one commit is ever written, and a commit is written whole or not at all.
/// `testkit` has the suite that every store passes.
pub trait AggregateStore: Send + Sync {
    /// The aggregate's newest image, [`Image::absent`] where it was never written. Whatever was committed before the call
    /// is seen.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be asked.
    fn load(&self, aggregate: &AggregateId) -> impl Future<Output = Result<Image, StoreError>> + Send;

    /// Writes a commit, unless one of its aggregates is no longer at the version that was loaded.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when nothing was written **by this call as far as it knows**: a store's client repeats a
    /// write whose answer was lost, and the repeat is refused because of the first. Home's proof tells: load it again.
    fn commit(&self, commit: &Commit) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// The store could not be asked, or holds what it should not. Worth trying again.
#[derive(Debug, thiserror::Error)]
#[error("failed to {operation} {aggregate}")]
pub struct StoreError {
    /// What was attempted.
    pub operation: &'static str,
    /// On which aggregate.
    pub aggregate: AggregateId,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// A commit that was not written, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Somebody else was quicker, perhaps this very call.
    #[error("another commit was quicker")]
    Conflict,
    /// Whether it was written is unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(home: &str) -> Command {
        let token = Some(TaskToken::new("made-up-token").unwrap());
        Command { id: CommandId::new("saga/Step").unwrap(), home: AggregateId::new(home).unwrap(), token }
    }

    fn absent(id: &str) -> Image {
        Image::absent(AggregateId::new(id).unwrap())
    }

    fn change(id: &str, state_bytes: usize, event_bytes: &[usize]) -> Change {
        let event = |bytes: &usize| Event::builder("-", "/s", "t").data_of(&"x".repeat(*bytes)).build().unwrap();
        Change {
            aggregate: AggregateId::new(id).unwrap(),
            state: JsonText::of(&"x".repeat(state_bytes)).unwrap(),
            events: event_bytes.iter().map(event).collect(),
            index: Vec::new(),
        }
    }

    fn decided(loaded: &[Image], changes: Vec<Change>) -> Result<Commit, Refused> {
        let decision = Decision { reply: Reply::success(&1).unwrap(), changes };
        Commit::decided(&command("home"), loaded, decision, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn proof_and_reply_ride_at_home_and_each_aggregate_says_its_own_events() {
        let loaded = [absent("home"), absent("sku").next()];
        let commit = decided(&loaded, vec![change("sku", 1, &[1, 1])]).unwrap();
        let [home, sku] = commit.images() else { panic!("{commit:?}") };
        assert_eq!((home.version(), home.state(), home.outbox().len()), (Version(1), None, 1));
        assert!(home.proof(&command("home").id).is_some() && sku.proof(&command("home").id).is_none());
        let ids: Vec<_> =
            sku.outbox().iter().map(|it| if let Message::Event(it) = it { it.id() } else { "" }).collect();
        assert_eq!((sku.version(), ids), (Version(2), vec!["sku/2/0", "sku/2/1"]));
        assert!(!format!("{commit:?}").contains("made-up-token"));
    }

    #[test]
    fn what_could_not_be_written_or_said_is_refused_before_anything_is_written() {
        let home = || vec![absent("home")];
        let refused = |loaded: &[Image], changes| decided(loaded, changes).unwrap_err();
        assert!(decided(&home(), vec![change("home", 1, &[255 * 1024])]).is_ok());
        assert!(matches!(
            refused(&home(), vec![change("home", 1, &[256 * 1024])]),
            Refused::EventTooLarge { bytes, .. } if bytes > 256 * 1024
        ));
        assert!(decided(&home(), vec![change("home", 399 * 1024, &[])]).is_ok());
        assert!(matches!(refused(&home(), vec![change("home", 400 * 1024, &[])]), Refused::ItemTooLarge { .. }));
        assert!(matches!(refused(&home(), vec![change("sku", 1, &[])]), Refused::NotLoaded { .. }));
        assert!(matches!(
            refused(&home(), vec![change("home", 1, &[]), change("home", 1, &[])]),
            Refused::ChangedTwice { .. }
        ));

        let taken = Change { index: vec![("proofs".to_owned(), "x".to_owned())], ..change("home", 1, &[]) };
        assert!(matches!(refused(&home(), vec![taken]), Refused::AttributeTaken { .. }));

        let many = |count: usize, bytes| -> (Vec<Image>, Vec<Change>) {
            let ids: Vec<_> = (0..count).map(|at| format!("sku-{at}")).collect();
            (
                home().into_iter().chain(ids.iter().map(|id| absent(id))).collect(),
                ids.iter().map(|id| change(id, bytes, &[])).collect(),
            )
        };
        let (loaded, changes) = many(99, 1);
        assert!(decided(&loaded, changes).is_ok());
        let (loaded, changes) = many(100, 1);
        assert!(matches!(refused(&loaded, changes), Refused::TooManyAggregates { count: 101 }));
        let (loaded, changes) = many(11, 390 * 1024);
        assert!(matches!(refused(&loaded, changes), Refused::TransactionTooLarge { .. }));
    }

    #[test]
    fn a_reply_that_step_functions_would_not_take_is_refused() {
        for reply in [
            Reply::success(&"x".repeat(256 * 1024)).unwrap(),
            Reply::failure("x".repeat(257), ""),
            Reply::failure("x", "x".repeat(32_769)),
        ] {
            let decision = Decision { reply, changes: Vec::new() };
            let refused = Commit::decided(&command("home"), &[absent("home")], decision, SystemTime::UNIX_EPOCH);
            assert!(matches!(refused, Err(Refused::ReplyTooLarge { .. })), "{refused:?}");
        }
    }
}
