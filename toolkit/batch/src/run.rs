//! The runner: every record on its own, in its source's order.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::failure::{DeadLetter, Failure, Reason};
use crate::policy::{Budget, Policy};
use crate::ports::{FailureSink, Observer, QueueError};
use crate::report::{Outcome, Report};

/// What a batch of any source is run with.
#[derive(Debug)]
pub struct Runner<'a, O = ()> {
    policy: &'a Policy,
    budget: Budget,
    random: &'a mut fastrand::Rng,
    observer: &'a O,
}

impl<'a> Runner<'a> {
    /// `random` gives the jitter.
    #[must_use]
    pub fn new(policy: &'a Policy, budget: Budget, random: &'a mut fastrand::Rng) -> Self {
        Self { policy, budget, random, observer: &() }
    }

    /// Calls `observer` before and after every record.
    #[must_use]
    pub fn observed_by<O>(self, observer: &'a O) -> Runner<'a, O> {
        Runner { policy: self.policy, budget: self.budget, random: self.random, observer }
    }
}

/// A record, as far as the runner looks.
pub(crate) trait BatchRecord {
    /// What names it in a report.
    type Position;
    /// What it shares with those that are in order with it.
    type Lane<'a>: Eq + Hash
    where
        Self: 'a;
    /// Whether a record is retried alone, after a delay; otherwise everything after it in its scope is retried too.
    const RETURNS_ALONE: bool;

    fn lane(&self) -> Option<Self::Lane<'_>>;
    /// Which of the batch's checkpoints it counts for.
    fn scope(&self) -> usize {
        0
    }
    /// How often it was handed out, where the source counts.
    fn receive_count(&self) -> Option<u32> {
        None
    }
    fn into_position(self) -> Self::Position;
}

enum Task {
    Handle(usize),
    Delay(usize, Duration, String),
    DeadLetter(usize, DeadLetter),
    /// Hide the records behind a delayed one, so that their group is free when that one is retried.
    Hide(usize, Duration),
}

enum Step {
    Failed(usize, OnFailure),
    Settled(usize, Outcome),
    Hidden,
}

pub(crate) async fn run_all<R: BatchRecord, O: Observer<R>>(
    records: Vec<R>,
    runner: Runner<'_, O>,
    sink: &impl FailureSink<R>,
    handle: impl AsyncFn(&R) -> Result<(), Failure>,
) -> Report<R::Position> {
    let Runner { policy, budget, random, observer } = runner;
    let (start, time) = (Instant::now(), budget.deadline.duration_since(budget.now).unwrap_or_default());
    let stop = start + time.saturating_sub(policy.reserve);
    // A queue that does not answer may cost a record its delay, but not the whole batch its answer.
    let report_by = start + time.saturating_sub(policy.reserve / 4);

    let work = async |task: Task| match task {
        Task::Handle(index) if Instant::now() >= stop => Step::Settled(index, Outcome::TimedOut),
        Task::Handle(index) => {
            observer.before(&records[index]);
            let handled = AssertUnwindSafe(async { handle(&records[index]).await }).catch_unwind();
            match timeout_at(stop, handled).await {
                Err(_) => Step::Settled(index, Outcome::TimedOut),
                Ok(Ok(Ok(()))) => Step::Settled(index, Outcome::Done),
                Ok(Ok(Err(failure))) => {
                    Step::Failed(index, on_failure(policy, records[index].receive_count(), failure))
                }
                Ok(Err(panic)) => {
                    Step::Failed(index, OnFailure::DeadLetter(Reason::Panicked, panic_text(panic.as_ref())))
                }
            }
        }
        Task::Delay(index, by, error) => {
            let delayed = within(report_by, "delay", sink.delay(&records[index], by)).await;
            Step::Settled(index, Outcome::Retry { error, after: delayed.is_ok().then_some(by) })
        }
        Task::DeadLetter(index, letter) => {
            let sent = within(report_by, "dead-letter", sink.dead_letter(&records[index], &letter)).await;
            let DeadLetter { reason, error, .. } = letter;
            Step::Settled(
                index,
                match sent {
                    Ok(()) => Outcome::DeadLettered { reason, error },
                    Err(cause) => Outcome::DeadLetterFailed { error: format!("{error}; {cause}: {}", cause.source) },
                },
            )
        }
        Task::Hide(index, by) => {
            // The record is retried all the same, only later.
            let _ = within(report_by, "delay", sink.delay(&records[index], by)).await;
            Step::Hidden
        }
    };

    // Nothing is acknowledged that is not settled below.
    let mut outcomes = vec![Outcome::TimedOut; records.len()];
    // In the order of the batch, so that a checkpoint comes as far as it can when time runs out.
    let (mut ready, next) = lanes(&records);
    let mut failed = VecDeque::new();
    let mut first_retried = BTreeMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < policy.concurrency.max(1) {
            let task = failed.pop_front().or_else(|| ready.pop().map(|Reverse(index)| Task::Handle(index)));
            let Some(task) = task else { break };
            running.push(work(task));
        }
        let Some(step) = running.next().await else { break };
        let (index, outcome) = match step {
            Step::Hidden => continue,
            Step::Settled(index, outcome) => (index, outcome),
            Step::Failed(index, action) => {
                let record = &records[index];
                let retried_with_earlier = first_retried.get(&record.scope()).is_some_and(|first| *first < index);
                match action {
                    OnFailure::DeadLetter(reason, error) if R::RETURNS_ALONE || !retried_with_earlier => {
                        failed.push_back(Task::DeadLetter(index, DeadLetter { reason, error, failed_at: budget.now }));
                        continue;
                    }
                    OnFailure::Retry(wanted, error) if R::RETURNS_ALONE => {
                        let by = wanted.unwrap_or_else(|| backoff(policy, record.receive_count(), random.f64()));
                        failed.push_back(Task::Delay(index, by, error));
                        continue;
                    }
                    // A record that is retried with an earlier one would be dead-lettered once more then.
                    OnFailure::DeadLetter(_, error) | OnFailure::Retry(_, error) => {
                        (index, Outcome::Retry { error, after: None })
                    }
                }
            }
        };

        observer.after(&records[index], &outcome);
        if outcome.is_acknowledged() {
            ready.extend(next[index].map(Reverse));
        } else {
            first_retried.entry(records[index].scope()).and_modify(|first| *first = index.min(*first)).or_insert(index);
            let mut behind = next[index];
            while let Some(index) = behind {
                outcomes[index] = if outcome == Outcome::TimedOut { Outcome::TimedOut } else { Outcome::Blocked };
                observer.after(&records[index], &outcomes[index]);
                if let Outcome::Retry { after: Some(by), .. } = outcome {
                    failed.push_back(Task::Hide(index, by));
                }
                behind = next[index];
            }
        }
        outcomes[index] = outcome;
    }
    drop(running);
    let outcomes = records.into_iter().map(R::into_position).zip(outcomes).collect();
    Report { outcomes, fail_invocation: policy.fail_invocation }
}

/// The first record of every lane, and for each record the next one in its lane.
fn lanes<R: BatchRecord>(records: &[R]) -> (BinaryHeap<Reverse<usize>>, Vec<Option<usize>>) {
    let mut first = Vec::with_capacity(records.len());
    let mut next = vec![None; records.len()];
    let mut last = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        match record.lane().and_then(|lane| last.insert(lane, index)) {
            None => first.push(Reverse(index)),
            Some(before) => next[before] = Some(index),
        }
    }
    (first.into(), next)
}

enum OnFailure {
    DeadLetter(Reason, String),
    Retry(Option<Duration>, String),
}

fn on_failure(policy: &Policy, receive_count: Option<u32>, failure: Failure) -> OnFailure {
    match failure {
        Failure::Permanent { reason } => OnFailure::DeadLetter(Reason::Permanent, reason),
        Failure::Undecodable { reason } => OnFailure::DeadLetter(Reason::Undecodable, reason),
        Failure::Transient { reason, .. } if receive_count.is_some_and(|count| count >= policy.max_receives) => {
            OnFailure::DeadLetter(Reason::AttemptsExhausted, reason)
        }
        Failure::Transient { reason, retry_after } => OnFailure::Retry(retry_after, reason),
    }
}

/// Full jitter: anywhere between nothing and the doubled delay, so that messages that failed together are retried apart
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>). `jitter` is in 0..1.
fn backoff(policy: &Policy, receive_count: Option<u32>, jitter: f64) -> Duration {
    let doubled = policy.base_delay.saturating_mul(1 << receive_count.unwrap_or(1).saturating_sub(1).min(20));
    doubled.min(policy.max_delay).mul_f64(jitter)
}

async fn within(
    deadline: Instant,
    operation: &'static str,
    call: impl Future<Output = Result<(), QueueError>>,
) -> Result<(), QueueError> {
    let out_of_time = |_| Err(QueueError { operation, source: "timed out".into() });
    timeout_at(deadline, call).await.unwrap_or_else(out_of_time)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn back_off_never_passes_its_bounds(count in prop::option::of(0u32..10_000), jitter in 0.0..1.0f64) {
            let policy = Policy::default();
            prop_assert!(backoff(&policy, count, jitter) <= policy.max_delay);
        }
    }
}
