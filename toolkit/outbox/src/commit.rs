//! What one atomic write holds: made here without I/O, and refused here if it could never be written, published or
//! answered; and the port to what keeps it.

use std::collections::{BTreeMap, HashSet};
use std::time::SystemTime;

use tidegate_cloudevents::{EventBuilder, EventError, messaging};

use crate::decision::{Change, Decision, Write};
use crate::ids::{AggregateId, CommandId, EventId, TaskToken, Version};
use crate::image::{ATTRIBUTES, Image, MAX_ITEM_BYTES, Proof};
use crate::message::{MAX_PUBLISH_BYTES, Message, Reply, published_bytes};

/// DynamoDB's limits for a transaction.
const MAX_ITEMS: usize = 100;
const MAX_TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// One atomic write: for each image, the version before it must be the stored one.
#[derive(Clone, Debug)]
pub struct Commit(Vec<Image>);

impl Commit {
    /// The write that carries a decision out. `others` has every aggregate beside home that the decision changes.
    ///
    /// # Errors
    /// [`Refused`]: it could not be written, or its messages not be sent once written. Nothing has happened yet.
    pub fn decided(
        write: &Write,
        home: &Image,
        others: &[Image],
        decision: Decision,
        now: SystemTime,
    ) -> Result<Self, Refused> {
        let Decision { reply, reply_to, changes } = decision;
        let mut images = changed(home, others, changes)?;
        let token = reply_to.or_else(|| write.token.clone());
        prove(&mut images[0], write.id.as_ref(), token, reply, now)?;
        Self(images).checked()
    }

    /// The write of what will be asked: without proof and reply.
    pub(crate) fn recorded(home: &Image, others: &[Image], changes: Vec<Change>) -> Result<Self, Refused> {
        Self(changed(home, others, changes)?).checked()
    }

    /// The write by which a command that was handled, and comes again with another token, has its reply sent to that
    /// token too. A workflow that was redriven asks so.
    pub(crate) fn repeated(write: &Write, home: &Image, proof: &Proof, now: SystemTime) -> Result<Self, Refused> {
        let mut next = home.next();
        prove(&mut next, write.id.as_ref(), write.token.clone(), proof.reply.clone(), now)?;
        Self(vec![next]).checked()
    }

    /// The images to write, home first.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.0
    }

    pub(crate) fn into_home(self) -> Option<Image> {
        self.0.into_iter().next()
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

/// The next images, home first, each with its own events.
fn changed(home: &Image, others: &[Image], changes: Vec<Change>) -> Result<Vec<Image>, Refused> {
    let mut images = vec![home.next()];
    let mut seen = HashSet::new();
    for Change { aggregate, state, events, index } in changes {
        if !seen.insert(aggregate.clone()) {
            return Err(Refused::ChangedTwice { aggregate });
        }
        let at = if aggregate == home.aggregate { 0 } else { images.len() };
        if at > 0 {
            let Some(loaded) = others.iter().find(|image| image.aggregate == aggregate) else {
                return Err(Refused::NotLoaded { aggregate });
            };
            images.push(loaded.next());
        }
        images[at].outbox = messages(&aggregate, images[at].version, events)?;
        images[at].state = Some(state);
        images[at].index = indexed(&aggregate, index)?;
    }
    Ok(images)
}

fn messages(aggregate: &AggregateId, version: Version, events: Vec<EventBuilder>) -> Result<Vec<Message>, Refused> {
    let mut messages = Vec::with_capacity(events.len());
    for (index, event) in events.into_iter().enumerate() {
        let id = EventId::new(aggregate, version, index);
        let event = match event.id(id.as_str()).build() {
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

/// Proof and reply, after the events: who gets the reply finds them published.
fn prove(
    home: &mut Image,
    id: Option<&CommandId>,
    token: Option<TaskToken>,
    reply: Option<Reply>,
    now: SystemTime,
) -> Result<(), Refused> {
    let Some(command) = id.cloned() else {
        return if reply.is_none() {
            Ok(())
        } else {
            Err(Refused::ReplyToNoCommand { aggregate: home.aggregate.clone() })
        };
    };
    if reply.as_ref().is_some_and(|reply| !reply.fits()) {
        return Err(Refused::ReplyTooLarge { command });
    }
    let token = token.filter(|_| reply.is_some());
    home.prove(Proof::new(command.clone(), token.as_ref(), reply.clone(), now));
    if let (Some(token), Some(reply)) = (token, reply) {
        home.outbox.push(Message::Reply { command, token, reply });
    }
    Ok(())
}

/// A decision that can never be carried out: trying again cannot help. Nothing was written.
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
    /// It makes no CloudEvent.
    #[error("event {id} is no CloudEvent")]
    Event {
        /// The event.
        id: EventId,
        /// Why.
        #[source]
        source: EventError,
    },
    /// What is no command's has no reply.
    #[error("the write to {aggregate} replies to no command")]
    ReplyToNoCommand {
        /// The aggregate that is written to.
        aggregate: AggregateId,
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
    /// The decision changes what was not loaded.
    #[error("{aggregate} was not loaded")]
    NotLoaded {
        /// The aggregate.
        aggregate: AggregateId,
    },
    /// The decision has two changes of one aggregate.
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
    use tidegate_cloudevents::Event;

    use super::*;

    fn id() -> CommandId {
        CommandId::new("saga/Step").unwrap()
    }

    fn write(home: &str) -> Write {
        let token = TaskToken::new("made-up-token").unwrap();
        Write::command(id(), AggregateId::new(home).unwrap()).answering(token)
    }

    fn absent(id: &str) -> Image {
        Image::absent(AggregateId::new(id).unwrap())
    }

    fn change(id: &str, state_bytes: usize, event_bytes: &[usize]) -> Change {
        let event = |bytes: &usize| Event::builder_without_id("/s", "t").data_of(&"x".repeat(*bytes));
        let change = Change::new(AggregateId::new(id).unwrap(), &"x".repeat(state_bytes)).unwrap();
        change.events(event_bytes.iter().map(event))
    }

    fn decided(others: &[Image], changes: Vec<Change>) -> Result<Commit, Refused> {
        let decision = Decision::changes(changes).reply(Reply::success(&1).unwrap());
        Commit::decided(&write("home"), &absent("home"), others, decision, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn proof_and_reply_ride_at_home_and_each_aggregate_has_its_own_events() {
        let commit = decided(&[absent("sku").next()], vec![change("sku", 1, &[1, 1])]).unwrap();
        let [home, sku] = commit.images() else { panic!("{commit:?}") };
        assert_eq!((home.version(), home.state(), home.outbox().len()), (Version(1), None, 1));
        assert!(home.proof(&id()).is_some() && sku.proof(&id()).is_none());
        let ids: Vec<_> =
            sku.outbox().iter().map(|it| if let Message::Event(it) = it { it.id() } else { "" }).collect();
        assert_eq!((sku.version(), ids), (Version(2), vec!["sku/2/0", "sku/2/1"]));
        assert!(!format!("{commit:?}").contains("made-up-token"));
    }

    #[test]
    fn a_proof_without_a_reply_answers_nobody_and_what_is_no_commands_has_neither() {
        let now = SystemTime::UNIX_EPOCH;
        let silent = Decision::changes([change("home", 1, &[])]);
        let commit = Commit::decided(&write("home"), &absent("home"), &[], silent, now).unwrap();
        let home = &commit.images()[0];
        assert!(home.outbox().is_empty() && home.proof(&id()).is_some_and(|it| it.reply().is_none()));

        let unnamed = || Write::to(AggregateId::new("home").unwrap());
        let silent = Decision::changes([change("home", 1, &[1])]);
        let commit = Commit::decided(&unnamed(), &absent("home"), &[], silent, now).unwrap();
        assert!(commit.images()[0].proof(&id()).is_none() && commit.images()[0].outbox().len() == 1);
        let replying = Decision::default().reply(Reply::success(&1).unwrap());
        let refused = Commit::decided(&unnamed(), &absent("home"), &[], replying, now);
        assert!(matches!(refused, Err(Refused::ReplyToNoCommand { .. })), "{refused:?}");
    }

    #[test]
    fn a_reply_can_answer_another_token_than_the_askers() {
        let other = TaskToken::new("made-up-other").unwrap();
        let decision = Decision { reply_to: Some(other.clone()), ..Decision::default() };
        let decision = decision.reply(Reply::success(&1).unwrap());
        let now = SystemTime::UNIX_EPOCH;
        let commit = Commit::decided(&write("home"), &absent("home"), &[], decision, now).unwrap();
        let [Message::Reply { token, .. }] = commit.images()[0].outbox() else { panic!("{commit:?}") };
        assert_eq!(*token, other);
        assert!(commit.images()[0].proof(&id()).unwrap().answers(Some(&other)));
    }

    #[test]
    fn what_could_not_be_written_or_sent_is_refused_before_anything_is_written() {
        let refused = |others: &[Image], changes| decided(others, changes).unwrap_err();
        assert!(decided(&[], vec![change("home", 1, &[255 * 1024])]).is_ok());
        assert!(matches!(
            refused(&[], vec![change("home", 1, &[256 * 1024])]),
            Refused::EventTooLarge { bytes, .. } if bytes > 256 * 1024
        ));
        let unsourced = Event::builder_without_id("", "t");
        assert!(matches!(refused(&[], vec![change("home", 1, &[]).events([unsourced])]), Refused::Event { .. }));
        assert!(decided(&[], vec![change("home", 399 * 1024, &[])]).is_ok());
        assert!(matches!(refused(&[], vec![change("home", 400 * 1024, &[])]), Refused::ItemTooLarge { .. }));
        assert!(matches!(refused(&[], vec![change("sku", 1, &[])]), Refused::NotLoaded { .. }));
        assert!(matches!(
            refused(&[], vec![change("home", 1, &[]), change("home", 1, &[])]),
            Refused::ChangedTwice { .. }
        ));

        let taken = change("home", 1, &[]).index(vec![("proofs".to_owned(), "x".to_owned())]);
        assert!(matches!(refused(&[], vec![taken]), Refused::AttributeTaken { .. }));

        let many = |count: usize, bytes| -> (Vec<Image>, Vec<Change>) {
            let ids: Vec<_> = (0..count).map(|at| format!("sku-{at}")).collect();
            (ids.iter().map(|id| absent(id)).collect(), ids.iter().map(|id| change(id, bytes, &[])).collect())
        };
        let (others, changes) = many(99, 1);
        assert!(decided(&others, changes).is_ok());
        let (others, changes) = many(100, 1);
        assert!(matches!(refused(&others, changes), Refused::TooManyAggregates { count: 101 }));
        let (others, changes) = many(11, 390 * 1024);
        assert!(matches!(refused(&others, changes), Refused::TransactionTooLarge { .. }));
    }

    #[test]
    fn a_reply_that_step_functions_would_not_take_is_refused() {
        for reply in [
            Reply::success(&"x".repeat(256 * 1024)).unwrap(),
            Reply::failure("x".repeat(257), ""),
            Reply::failure("x", "x".repeat(32_769)),
        ] {
            let decision = Decision::default().reply(reply);
            let refused = Commit::decided(&write("home"), &absent("home"), &[], decision, SystemTime::UNIX_EPOCH);
            assert!(matches!(refused, Err(Refused::ReplyTooLarge { .. })), "{refused:?}");
        }
    }
}
