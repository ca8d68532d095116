//! The timeline of an order: an entry for each of its events, and how an entry is kept as an item of a table.
//!
//! ```
//! use tidegate_cloudevents::Event;
//! use tidegate_events::TimelineEntry;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let event = br#"{
//!     "specversion": "1.0", "id": "ord_1/5/0", "source": "/orders", "type": "com.tidegate.orders.order-confirmed.v1",
//!     "subject": "ord_1", "time": "2027-01-02T03:04:05Z", "data": {}
//! }"#;
//! let entry = TimelineEntry::of(&Event::from_json(event)?)?;
//! assert_eq!(entry.key(), "2027-01-02T03:04:05.000000000Z#/orders#ord_1/5/0");
//!
//! let item = entry.attributes(); // written ...
//! let text = |name: &str| item.iter().find(|(it, _)| *it == name).map(|(_, text)| text.as_str());
//! assert_eq!(TimelineEntry::read(text)?, entry); // ... and read back
//! # Ok(()) }
//! ```

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use tidegate_cloudevents::Event;

use crate::event::{OrderEvent, ReadError};
use crate::id::OrderId;

/// What a range key may have
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>).
const MAX_KEY_BYTES: usize = 1024;

/// Members of data that the history of an order does not need: where somebody lives, what somebody pays with, and an
/// address that often is a secret by itself (a callback's path or query is all that keeps others from calling it).
const WITHHELD: [&str; 3] = ["address", "payment_method", "callback_url"];

const TYPE: &str = "type";
const SOURCE: &str = "source";
const ID: &str = "id";
const TIME: &str = "time";
const CAUSE: &str = "cause";
const DATA: &str = "data";

/// One thing that happened to an order.
///
/// Made of the event alone, so that the same event makes the same entry under the same key however often it comes.
#[derive(Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    pub order_id: OrderId,
    pub time: Timestamp,
    /// The CloudEvents `type`: what. A text, because whoever wrote the entry may be newer than who reads it.
    pub event_type: String,
    /// The CloudEvents `source`: who said it.
    pub source: String,
    /// The CloudEvents `id`.
    pub id: String,
    /// The id of the command that led to it, where one did.
    pub cause: Option<String>,
    /// The event's data without address, means of payment and callback.
    pub data: Value,
}

/// Why an event has no place in a timeline. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEntry {
    /// It is no event of an order that this version knows.
    #[error(transparent)]
    Unread(#[from] ReadError),
    /// It does not say when.
    #[error("the event has no time")]
    NoTime,
    /// Its id makes a key that no table takes.
    #[error("the event's id is too long to be part of a key")]
    IdTooLong,
}

/// An item that is no entry. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is no such attribute.
    #[error("the timeline's entry has no {0}")]
    Missing(&'static str),
    /// It is not what it should be.
    #[error("the timeline's entry has a {0} that does not read")]
    Malformed(&'static str),
}

impl TimelineEntry {
    /// The table's partition key: the order.
    pub const ORDER_ID: &'static str = "order_id";
    /// The table's range key: [`key`](Self::key). In its order things happened.
    pub const ENTRY: &'static str = "entry";

    /// The entry for an event. Of its data it has what this version knows: a member that a newer sender added could be
    /// as personal as those that are withheld.
    ///
    /// # Errors
    /// [`NoEntry`]. Trying again does not help, unless with a newer version.
    pub fn of(event: &Event) -> Result<Self, NoEntry> {
        let (order_id, happened) = OrderEvent::read(event)?;
        let mut data = happened.data();
        if let Value::Object(members) = &mut data {
            members.retain(|name, _| !WITHHELD.contains(&name.as_str()));
        }
        let entry = Self {
            order_id,
            time: event.time().ok_or(NoEntry::NoTime)?,
            event_type: event.ty().to_owned(),
            source: event.source().to_owned(),
            id: event.id().to_owned(),
            cause: event.causationid().map(str::to_owned),
            data,
        };
        if entry.key().len() > MAX_KEY_BYTES { Err(NoEntry::IdTooLong) } else { Ok(entry) }
    }

    /// The range key: time, then what makes two events of one moment differ. Nine digits always, because keys are
    /// compared as text.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}#{}#{}", self.moment(), self.source, self.id)
    }

    /// The item, names and texts (all are of type S), its keys included.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            (Self::ORDER_ID, self.order_id.as_str().to_owned()),
            (Self::ENTRY, self.key()),
            (TYPE, self.event_type.clone()),
            (SOURCE, self.source.clone()),
            (ID, self.id.clone()),
            (TIME, self.moment()),
            (DATA, self.data.to_string()),
        ];
        attributes.extend(self.cause.clone().map(|cause| (CAUSE, cause)));
        attributes
    }

    /// Reads an item back, from its attributes by name. Those that are not known are passed over.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn read<'a>(text: impl Fn(&str) -> Option<&'a str>) -> Result<Self, Unreadable> {
        let required = |name| text(name).ok_or(Unreadable::Missing(name));
        let malformed = Unreadable::Malformed;
        Ok(Self {
            order_id: required(Self::ORDER_ID)?.parse().map_err(|_| malformed(Self::ORDER_ID))?,
            time: required(TIME)?.parse().map_err(|_| malformed(TIME))?,
            event_type: required(TYPE)?.to_owned(),
            source: required(SOURCE)?.to_owned(),
            id: required(ID)?.to_owned(),
            cause: text(CAUSE).map(str::to_owned),
            data: serde_json::from_str(required(DATA)?).map_err(|_| malformed(DATA))?,
        })
    }

    fn moment(&self) -> String {
        format!("{:.9}", self.time)
    }
}

/// Shows what it is about and not what it says.
impl fmt::Debug for TimelineEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimelineEntry")
            .field("order_id", &self.order_id)
            .field("entry", &self.key())
            .field("event_type", &self.event_type)
            .finish_non_exhaustive()
    }
}
