//! Keeps what happened to each order, an entry for each event: an SQS consumer.
//!
//! What an entry has of an event, and what it withholds, is [`TimelineEntry`], which its readers read it with.
//! Here is the port ([`Timelines`]), its adapter ([`dynamodb`]) and the handler ([`Recorder`]).
//!
//! # Why nothing here is conditional
//!
//! An entry is a function of its event alone, and so is its key. Nothing is read before it is written, no two events
//! have one key, and an entry is never changed:
//!
//! ```text
//! this one:   gets e1                 writes e1        crashes, acknowledges nothing
//! its twin:            gets e1 again            writes e1 (the same bytes in the same place)
//! a late one:                                                    gets e0, writes e0 (before e1, by its time)
//! ```
//!
//! So twice is once, and late is in its place. The one thing that may differ between two writings is the program: a newer
//! version that withholds less or more. Then the later writing stands, and both are true of the event.

pub mod dynamodb;
mod record;

pub use record::Recorder;

use tidegate_events::TimelineEntry;
use tidegate_runtime::PortError;

/// The timelines of all orders.
pub trait Timelines: Send + Sync {
    /// Keeps an entry, in place of one of the same order and key.
    ///
    /// # Errors
    /// [`PortError`]; it may be kept all the same.
    fn keep(&self, entry: &TimelineEntry) -> impl Future<Output = Result<(), PortError>> + Send;
}
