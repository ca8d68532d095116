//! What the records of streams and brokers have in common: they can be set aside, but not delayed one by one.

use serde::Serialize;

/// A record that is set aside as the JSON that Lambda handed over.
pub trait StreamRecord: Serialize {
    /// Names and values that say where the record stood: at most six, because SQS takes ten attributes and four are the
    /// reason's.
    fn place(&self) -> Vec<(&'static str, String)>;
}
