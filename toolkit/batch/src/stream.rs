//! What the records of streams and brokers have in common: they can be dead-lettered, but not delayed one by one.

use serde::Serialize;

/// A record whose dead letter is the JSON that Lambda handed over.
pub trait StreamRecord: Serialize {
    /// Names and values that locate the record: at most six, because SQS takes ten attributes and four are the
    /// reason's.
    fn location(&self) -> Vec<(&'static str, String)>;
}
