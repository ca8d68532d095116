//! Documented extensions, read from an event.

use super::documented::{INTEGER, check};
use crate::event::Event;
use crate::extensions::{CAUSATIONID, CORRELATIONID, PARTITIONKEY, SEQUENCE, SEQUENCETYPE, TRACEPARENT, TRACESTATE};

/// Readers of documented extensions. Each gives nothing where the attribute breaks its document's rules.
impl Event {
    /// The attribute `traceparent`: which trace the event belongs to.
    pub fn traceparent(&self) -> Option<&str> {
        self.documented(TRACEPARENT)
    }

    /// The attribute `tracestate`, which means nothing without a `traceparent`.
    pub fn tracestate(&self) -> Option<&str> {
        self.traceparent().and_then(|_| self.documented(TRACESTATE))
    }

    /// The attribute `partitionkey`: what has to stay in order has the same.
    pub fn partitionkey(&self) -> Option<&str> {
        self.documented(PARTITIONKEY)
    }

    /// The attribute `sequence`: the event's place among those of its source. Compared as text, greater is later,
    /// unless [`sequencetype`](Self::sequencetype) says otherwise.
    pub fn sequence(&self) -> Option<&str> {
        self.documented(SEQUENCE)
    }

    /// The attribute `sequencetype`: how to read [`sequence`](Self::sequence).
    pub fn sequencetype(&self) -> Option<&str> {
        self.documented(SEQUENCETYPE)
    }

    /// The place of an event whose `sequencetype` is `Integer`. It counts from 1 and wraps around after [`i32::MAX`].
    pub fn sequence_integer(&self) -> Option<i32> {
        self.sequence().filter(|_| self.sequencetype() == Some(INTEGER)).and_then(|sequence| sequence.parse().ok())
    }

    /// The attribute `correlationid`: which conversation the event belongs to.
    pub fn correlationid(&self) -> Option<&str> {
        self.documented(CORRELATIONID)
    }

    /// The attribute `causationid`: which event caused this one.
    pub fn causationid(&self) -> Option<&str> {
        self.documented(CAUSATIONID)
    }

    fn documented(&self, name: &str) -> Option<&str> {
        let value = self.extension(name)?;
        check(name, value).ok().and_then(|()| value.as_str())
    }
}
