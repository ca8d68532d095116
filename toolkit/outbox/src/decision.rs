//! What is to be written once, and what a decision makes of it.

use serde::Serialize;
use tidegate_cloudevents::{EventBuilder, JsonText};

use crate::ids::{AggregateId, CommandId, TaskToken};
use crate::image::Image;
use crate::message::Reply;

/// How often a write is tried that others come before. Each time another write has been made, so this is reached only where
/// very many meet; the queue's back-off is then the better place to wait.
const ROUNDS: usize = 5;

/// What is to be written once: to which aggregate, and by what a repeat is recognised.
#[derive(Clone, Debug)]
pub struct Write {
    /// The aggregate that is written to. A command always has the same home. It is to be one that gets few commands (an
    /// order, a reservation), not one that all commands meet at (a SKU): those change along with it, in the same
    /// transaction, and carry no proof.
    pub home: AggregateId,
    /// The name of the command, the same however often it arrives; home's item keeps the proof of it.
    pub id: Option<CommandId>,
    /// By which the asker is answered, where it waits.
    pub token: Option<TaskToken>,
    pub(crate) known: Option<Image>,
    pub(crate) rounds: usize,
}

impl Write {
    /// What a command asks for. It is proven: the same command again changes nothing and gets the same reply.
    #[must_use]
    pub fn command(id: CommandId, home: AggregateId) -> Self {
        Self { id: Some(id), ..Self::to(home) }
    }

    /// A change that is no command's. Home keeps no proof of it: the decision sees in the state whether it was made.
    #[must_use]
    pub fn to(home: AggregateId) -> Self {
        Self { home, id: None, token: None, known: None, rounds: ROUNDS }
    }

    /// The reply goes to the workflow that waits by this token.
    #[must_use]
    pub fn answering(self, token: impl Into<Option<TaskToken>>) -> Self {
        Self { token: token.into(), ..self }
    }

    /// The first round decides on this image in place of loading home: one that was loaded or written before, or
    /// [`Image::absent`] for what is to be created.
    #[must_use]
    pub fn over(self, home: Image) -> Self {
        Self { known: Some(home), ..self }
    }

    /// Writes no more often than so, where others come first. After that it looks what they left, and gives up.
    #[must_use]
    pub fn at_most(self, writes: usize) -> Self {
        Self { rounds: writes, ..self }
    }
}

/// What is to be written: decided by a pure function from the images that were loaded.
#[derive(Debug, Default)]
pub struct Decision {
    /// The reply to the command, kept with its proof. A business "no" is one too. None where nobody waits for it, or not
    /// yet: a later command's decision then says whom it replies to.
    pub reply: Option<Reply>,
    /// Whom the reply answers, in place of the asker's own token.
    pub reply_to: Option<TaskToken>,
    /// The aggregates that change. Home may be among them; the others must have been loaded.
    pub changes: Vec<Change>,
}

impl Decision {
    /// A decision that changes aggregates and replies to nobody.
    #[must_use]
    pub fn changes(changes: impl Into<Vec<Change>>) -> Self {
        Self { changes: changes.into(), ..Self::default() }
    }

    /// The same with a reply.
    #[must_use]
    pub fn reply(self, reply: Reply) -> Self {
        Self { reply: Some(reply), ..self }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.reply.is_none() && self.changes.is_empty()
    }
}

/// What becomes of one aggregate.
#[derive(Debug)]
pub struct Change {
    /// The aggregate.
    pub aggregate: AggregateId,
    /// Its new state.
    pub state: JsonText,
    /// What happened, in order, [without ids](tidegate_cloudevents::Event::builder_without_id): an event's is derived from
    /// the version that it is written with ([`EventId`](crate::EventId)).
    pub events: Vec<EventBuilder>,
    /// The item's attributes for secondary indexes, name and text. They take the place of those that it had, and are
    /// written with the state, so that no index can lag behind for good.
    pub index: Vec<(String, String)>,
}

impl Change {
    /// A new state, without events and without attributes for indexes.
    ///
    /// # Errors
    /// Where the state has no JSON.
    pub fn new(aggregate: AggregateId, state: &impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self { aggregate, state: JsonText::of(state)?, events: Vec::new(), index: Vec::new() })
    }

    /// The same with events.
    #[must_use]
    pub fn events(self, events: impl IntoIterator<Item = EventBuilder>) -> Self {
        Self { events: events.into_iter().collect(), ..self }
    }

    /// The same with attributes for secondary indexes.
    #[must_use]
    pub fn index(self, index: Vec<(String, String)>) -> Self {
        Self { index, ..self }
    }
}
