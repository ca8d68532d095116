//! The relay over records made by hand.

use std::sync::Mutex;

use futures::FutureExt as _;
use proptest::prelude::*;
use tidegate_cloudevents::{Event, messaging};

use super::plan::Backlog;
use super::*;
use crate::ids::TaskToken;
use crate::image::{Image, Unreadable};
use crate::message::{MAX_PUBLISH_BYTES, Reply, published_bytes};
use crate::ports::Outgoing;

/// A topic and tasks that keep what they get, but refuse what is listed.
#[derive(Default)]
struct Received {
    all: Mutex<Vec<String>>,
    batches: Mutex<Vec<usize>>,
    refuse: Vec<&'static str>,
    expired: Vec<&'static str>,
}

impl Received {
    fn take(&self, what: &str) -> Result<(), SendError> {
        if self.refuse.contains(&what) {
            return Err(failed("send", what, "refused"));
        }
        self.all.lock().unwrap().push(what.to_owned());
        Ok(())
    }
}

impl Publisher for Received {
    async fn publish(&self, batch: &[Outgoing<'_>]) -> Vec<Result<(), SendError>> {
        self.batches.lock().unwrap().push(batch.len());
        batch.iter().map(|it| self.take(it.event.id())).collect()
    }
}

impl Tasks for Received {
    async fn answer(&self, token: &TaskToken, _: &Reply) -> Result<Answered, SendError> {
        if self.expired.contains(&token.expose()) {
            return Ok(Answered::Expired);
        }
        self.take(token.expose()).map(|()| Answered::Accepted)
    }

    async fn heartbeat(&self, _: &TaskToken) -> Result<Answered, SendError> {
        Ok(Answered::Accepted)
    }
}

/// `"a1: e e t"`: version 1 of aggregate a has two events and a reply to token `a1-t2`.
fn records(lines: &[&str]) -> Vec<Record> {
    lines.iter().enumerate().map(|(at, line)| record(at, line)).collect()
}

fn record(at: usize, line: &str) -> Record {
    let (name, messages) = line.split_once(':').unwrap();
    let (aggregate, version) = name.split_at(1);
    let mut image = Image::absent(AggregateId::new(aggregate).unwrap());
    image.version = Version(version.parse().unwrap());
    let message = |(index, kind): (usize, &str)| match kind {
        "e" => Message::Event(event(&format!("{aggregate}/{version}/{index}"), 1)),
        _ => Message::Reply {
            command: CommandId::new("saga/Step").unwrap(),
            token: TaskToken::new(format!("{name}-t{index}")).unwrap(),
            reply: Reply::success(&1).unwrap(),
        },
    };
    image.outbox = messages.split_whitespace().enumerate().map(message).collect();
    Record::of_image(at.to_string(), image)
}

fn event(id: &str, bytes: usize) -> Event {
    Event::builder(id, "/s", "t").data_of(&"x".repeat(bytes)).build().unwrap()
}

fn run(records: &[Record], received: &Received) -> (Result<Relayed, Stopped>, Vec<String>, Vec<String>) {
    let expired = Mutex::new(Vec::new());
    let on_expired = |it: Expired<'_>| expired.lock().unwrap().push(format!("{}{}", it.aggregate, it.version));
    let result = relay(records, received, received, on_expired).now_or_never().unwrap();
    let sent = received.all.lock().unwrap().clone();
    (result, sent, expired.into_inner().unwrap())
}

#[test]
fn everything_is_sent_in_the_order_of_each_aggregate_and_together_where_it_can_be() {
    let received = Received::default();
    let (relayed, sent, _) = run(&records(&["a1: e e t", "b1: e", "a2: e", "c1:"]), &received);
    assert_eq!(relayed.unwrap(), Relayed { published: 4, answered: 1, expired: 0 });
    assert_eq!(sent, ["a/1/0", "b/1/0", "a/1/1", "a1-t2", "a/2/0"]);
    assert_eq!(*received.batches.lock().unwrap(), [2, 1, 1]);
}

#[test]
fn an_entry_that_fails_stops_its_aggregate_and_then_everything() {
    let received = Received { refuse: vec!["a/1/0"], ..Received::default() };
    let (stopped, sent, _) = run(&records(&["b1: e", "a1: e e", "c1: e e", "a2: e"]), &received);
    let stopped = stopped.unwrap_err();
    assert_eq!((stopped.sequence.as_str(), stopped.relayed.published), ("1", 2));
    assert_eq!(stopped.checkpoint().to_string(), r#"{"batchItemFailures":[{"itemIdentifier":"1"}]}"#);
    assert_eq!(sent, ["b/1/0", "c/1/0"]);
}

#[test]
fn an_answer_that_fails_stops_and_one_that_came_too_late_is_reported_and_passed_over() {
    let received = Received { refuse: vec!["b1-t1"], expired: vec!["a1-t0"], ..Received::default() };
    let (stopped, sent, expired) = run(&records(&["a1: t e", "b1: e t", "b2: e"]), &received);
    assert_eq!(stopped.unwrap_err().sequence, "1");
    assert_eq!(sent, ["b/1/0", "a/1/1"]);
    assert_eq!(expired, ["a1"]);
}

#[test]
fn a_record_that_cannot_be_read_stops_after_what_came_before_it() {
    let mut records = records(&["a1: e", "b1: e", "a3: e"]);
    records[1].image = Err(Unreadable { id: "b".to_owned(), attribute: "outbox" });
    let (stopped, sent, _) = run(&records, &Received::default());
    let stopped = stopped.unwrap_err();
    assert_eq!((stopped.sequence.as_str(), sent), ("1", vec!["a/1/0".to_owned()]));
    assert_eq!(stopped.source.to_string(), "the item \"b\" has no readable `outbox`");
}

#[test]
fn a_publisher_that_answers_for_less_than_it_was_given_stops_the_relay() {
    struct Silent;
    impl Publisher for Silent {
        async fn publish(&self, _: &[Outgoing<'_>]) -> Vec<Result<(), SendError>> {
            Vec::new()
        }
    }
    let records = records(&["a1: e"]);
    let stopped = relay(&records, &Silent, &Received::default(), |_| ()).now_or_never().unwrap();
    assert_eq!(stopped.unwrap_err().sequence, "0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))] // megabytes each

    #[test]
    fn waves_keep_the_limits_of_a_batch_and_end(sizes in prop::collection::vec((0_u8..6, 0_usize..262_000), 0..60)) {
        let mut records = Vec::new();
        for (at, (aggregate, bytes)) in sizes.iter().enumerate() {
            let mut image = Image::absent(AggregateId::new(aggregate.to_string()).unwrap());
            image.outbox = vec![Message::Event(event(&at.to_string(), *bytes))];
            records.push(Record::of_image(at.to_string(), image));
        }
        let mut backlog = Backlog::of(&records);
        let mut last = std::collections::BTreeMap::new();
        for _ in 0..sizes.len() {
            let wave = backlog.next_wave();
            let bytes: usize = wave.events.iter().map(|at| {
                let outgoing = backlog.message(*at).outgoing().unwrap();
                published_bytes(outgoing.event, &messaging::to_body(outgoing.event))
            }).sum();
            prop_assert!(wave.events.len() <= 10 && bytes <= MAX_PUBLISH_BYTES);
            for at in wave.events {
                prop_assert!(last.insert(sizes[at].0, at).is_none_or(|before| before < at));
                backlog.mark_sent(at);
            }
        }
        prop_assert!(backlog.next_wave().is_empty());
        prop_assert_eq!(backlog.first_unsent(), None);
    }
}
