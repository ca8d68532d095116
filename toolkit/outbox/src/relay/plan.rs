//! Which messages may be sent next. Pure: records in, waves out.
//!
//! A wave holds at most one message of an aggregate, because a `PublishBatch` can fail in part: were two of one
//! aggregate in it, the later could be published and the earlier not.

use std::collections::HashSet;

use tidegate_cloudevents::messaging;

use crate::ids::AggregateId;
use crate::image::Image;
use crate::message::{MAX_PUBLISH_BYTES, Message, published_bytes};
use crate::ports::{Outgoing, Record};

/// SNS's limit for one `PublishBatch`; also how many workflows are answered at once.
const MAX_ENTRIES: usize = 10;

/// A message, and where it comes from.
pub(super) struct Planned<'a> {
    pub(super) image: &'a Image,
    pub(super) message: &'a Message,
    record: usize,
    body: String,
    bytes: usize,
    sent: bool,
}

impl Planned<'_> {
    pub(super) fn outgoing(&self) -> Option<Outgoing<'_>> {
        match self.message {
            Message::Event(event) => Some(Outgoing { event, body: &self.body }),
            Message::Reply { .. } => None,
        }
    }
}

/// Messages that may be sent at the same time, by their place among all.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wave {
    pub(super) events: Vec<usize>,
    pub(super) replies: Vec<usize>,
}

impl Wave {
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.replies.is_empty()
    }
}

/// All messages of some records in order, and which of them are sent.
pub(super) struct Backlog<'a>(Vec<Planned<'a>>);

impl<'a> Backlog<'a> {
    pub(super) fn of(records: &'a [Record]) -> Self {
        let mut all = Vec::new();
        for (record, image) in records.iter().enumerate().filter_map(|(at, record)| Some((at, record.image().ok()??))) {
            for message in &image.outbox {
                let body = if let Message::Event(event) = message { messaging::to_body(event) } else { String::new() };
                let bytes = if let Message::Event(event) = message { published_bytes(event, &body) } else { 0 };
                all.push(Planned { image, message, record, body, bytes, sent: false });
            }
        }
        Self(all)
    }

    pub(super) fn message(&self, at: usize) -> &Planned<'a> {
        &self.0[at]
    }

    pub(super) fn mark_sent(&mut self, at: usize) {
        self.0[at].sent = true;
    }

    /// The first record of which not all is sent.
    pub(super) fn first_unsent(&self) -> Option<usize> {
        self.0.iter().find(|message| !message.sent).map(|message| message.record)
    }

    /// The earliest messages that wait for no other. Empty only when all is sent.
    pub(super) fn next_wave(&self) -> Wave {
        let mut wave = Wave::default();
        let mut waiting: HashSet<&AggregateId> = HashSet::new();
        let mut bytes = 0;
        for (at, planned) in self.0.iter().enumerate().filter(|(_, message)| !message.sent) {
            if !waiting.insert(&planned.image.aggregate) {
                continue;
            }
            match planned.message {
                // A first message that is too large is not held back: it would wait for ever, and unseen.
                Message::Event(_) if wave.events.is_empty() || fits(wave.events.len(), bytes + planned.bytes) => {
                    bytes += planned.bytes;
                    wave.events.push(at);
                }
                Message::Reply { .. } if wave.replies.len() < MAX_ENTRIES => wave.replies.push(at),
                Message::Event(_) | Message::Reply { .. } => {}
            }
        }
        wave
    }
}

fn fits(entries: usize, bytes: usize) -> bool {
    entries < MAX_ENTRIES && bytes <= MAX_PUBLISH_BYTES
}
