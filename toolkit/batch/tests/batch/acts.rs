//! What handlers do in these tests, the outcome that is expected, and dead letters in memory.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use tidegate_batch::{Budget, DeadLetter, DeadLetters, Failure, Outcome, Policy, QueueError, Reason};

pub(crate) fn budget() -> Budget {
    Budget { now: SystemTime::UNIX_EPOCH, deadline: SystemTime::UNIX_EPOCH + Duration::from_secs(30) }
}

pub(crate) const ACTS: [&str; 7] = ["ok", "transient", "wait", "permanent", "panic", "{", "hang"];

/// Acts as a record's text names it.
pub(crate) async fn obey(text: &[u8]) -> Result<(), Failure> {
    match text {
        b"ok" => Ok(()),
        b"transient" => Err(Failure::transient("the other side is away")),
        b"wait" => Err(Failure::retry_after(Duration::from_secs(7), "slow down")),
        b"permanent" => Err(Failure::permanent("no such channel")),
        b"panic" => panic!("index out of bounds"),
        b"hang" => std::future::pending().await,
        _ => tidegate_batch::payload::json::<u32>(text).map(drop),
    }
}

pub(crate) fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

/// One record of a made-up batch.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) scope: u8,
    pub(crate) key: u8,
    pub(crate) act: &'static str,
}

/// Batches of up to twelve records, of a few keys in a few partitions (in order, as an event has them).
pub(crate) fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let one = (0..3u8, 0..3u8, prop::sample::select(&ACTS[..])).prop_map(|(scope, key, act)| Plan { scope, key, act });
    prop::collection::vec(one, 0..12).prop_map(|mut plans| {
        plans.sort_by_key(|plan| plan.scope);
        plans
    })
}

/// How a source works, as far as it matters here.
#[derive(Clone, Copy)]
pub(crate) struct Rules {
    /// A record is retried alone, not with all after it.
    pub(crate) alone: bool,
    pub(crate) lane: fn(usize, &Plan) -> usize,
    pub(crate) scope: fn(&Plan) -> u8,
    pub(crate) reachable: bool,
    pub(crate) one_at_a_time: bool,
}

/// What must become of each record, found by walking through them in order.
pub(crate) fn oracle(plans: &[Plan], rules: Rules) -> Vec<&'static str> {
    let mut fates: Vec<&'static str> = Vec::new();
    let mut time_is_up = false;
    for (index, plan) in plans.iter().enumerate() {
        let before: Vec<usize> =
            (0..index).filter(|other| (rules.lane)(*other, &plans[*other]) == (rules.lane)(index, plan)).collect();
        let blocker = before.iter().map(|other| fates[*other]).find(|fate| is_retried(fate));
        let retried_with_earlier = !rules.alone
            && (0..index).any(|other| (rules.scope)(&plans[other]) == (rules.scope)(plan) && is_retried(fates[other]));
        fates.push(match (blocker, plan.act) {
            (Some("timed out"), _) => "timed out",
            (Some(_), _) => "blocked",
            _ if time_is_up => "timed out",
            (_, "ok") => "done",
            (_, "hang") => {
                time_is_up = rules.one_at_a_time;
                "timed out"
            }
            (_, "transient" | "wait") => "retry",
            _ if retried_with_earlier => "retry",
            _ if rules.reachable => "dead letter",
            _ => "dead letter failed",
        });
    }
    fates
}

pub(crate) fn is_retried(fate: &str) -> bool {
    !matches!(fate, "done" | "dead letter")
}

pub(crate) fn fates<P>(outcomes: &[(P, Outcome)]) -> Vec<&'static str> {
    let fate = |(_, outcome): &(P, Outcome)| match outcome {
        Outcome::Done => "done",
        Outcome::Retry { .. } => "retry",
        Outcome::DeadLettered { .. } => "dead letter",
        Outcome::DeadLetterFailed { .. } => "dead letter failed",
        Outcome::Blocked => "blocked",
        Outcome::TimedOut => "timed out",
    };
    outcomes.iter().map(fate).collect()
}

pub(crate) fn policy(one_at_a_time: bool) -> Policy {
    Policy { concurrency: if one_at_a_time { 1 } else { 100 }, ..Policy::default() }
}

/// Runs on a clock that moves by itself when everybody waits.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

/// Keeps dead letters, or cannot be reached.
#[derive(Default)]
pub(crate) struct Letters {
    pub(crate) reasons: RefCell<Vec<(String, Reason)>>,
    pub(crate) unreachable: bool,
}

impl Letters {
    pub(crate) fn keep(&self, record: String, letter: &DeadLetter) -> Result<(), QueueError> {
        if self.unreachable {
            return Err(QueueError { operation: "dead-letter", source: "no route".into() });
        }
        self.reasons.borrow_mut().push((record, letter.reason));
        Ok(())
    }
}

impl<R: tidegate_batch::StreamRecord> DeadLetters<R> for Letters {
    async fn dead_letter(&self, record: &R, letter: &DeadLetter) -> Result<(), QueueError> {
        self.keep(serde_json::to_string(record).unwrap(), letter)
    }
}
