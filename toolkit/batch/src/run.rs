//! The runner: every record on its own, in the order its source wants.

use std::any::Any;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::ports::Aftermath;
use crate::{Budget, DeadLetter, Failure, Observer, Outcome, Policy, QueueError, Reason, Report};

/// What a batch is run with, whatever its source.
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

    /// Tells `observer` of every record.
    #[must_use]
    pub fn observed_by<O>(self, observer: &'a O) -> Runner<'a, O> {
        Runner { policy: self.policy, budget: self.budget, random: self.random, observer }
    }
}

/// A record, as far as the runner looks.
pub(crate) trait Record {
    /// What names it in a report.
    type Position;
    /// What it shares with those that are in order with it.
    type Lane<'a>: Eq + Hash
    where
        Self: 'a;
    /// Whether one record comes back alone, after a delay; otherwise everything after it in its scope comes back too.
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
    SetAside(usize, DeadLetter),
    /// Hide what stays behind a delayed one, so that its group is free when that one comes back.
    Hide(usize, Duration),
}

enum Step {
    Failed(usize, Verdict),
    Settled(usize, Outcome),
    Hidden,
}

pub(crate) async fn run_all<R: Record, O: Observer<R>>(
    records: Vec<R>,
    runner: Runner<'_, O>,
    aftermath: &impl Aftermath<R>,
    handle: impl AsyncFn(&R) -> Result<(), Failure>,
) -> Report<R::Position> {
    let Runner { policy, budget, random, observer } = runner;
    let (start, time) = (Instant::now(), budget.deadline.duration_since(budget.now).unwrap_or_default());
    let stop = start + time.saturating_sub(policy.reserve);
    // A queue that does not answer may cost a record its delay, but not the whole batch its answer.
    let report_by = start + time.saturating_sub(policy.reserve / 4);

    let work = async |task: Task| match task {
        Task::Handle(index) if Instant::now() >= stop => Step::Settled(index, Outcome::OutOfTime),
        Task::Handle(index) => {
            observer.before(&records[index]);
            let handled = AssertUnwindSafe(async { handle(&records[index]).await }).catch_unwind();
            match timeout_at(stop, handled).await {
                Err(_) => Step::Settled(index, Outcome::OutOfTime),
                Ok(Ok(Ok(()))) => Step::Settled(index, Outcome::Done),
                Ok(Ok(Err(failure))) => Step::Failed(index, judge(policy, records[index].receive_count(), failure)),
                Ok(Err(panic)) => Step::Failed(index, Verdict::SetAside(Reason::Panicked, panic_text(panic.as_ref()))),
            }
        }
        Task::Delay(index, by, error) => {
            let told = within(report_by, "delay", aftermath.delay(&records[index], by)).await;
            Step::Settled(index, Outcome::Delayed { error, after: told.is_ok().then_some(by) })
        }
        Task::SetAside(index, letter) => {
            let told = within(report_by, "set aside", aftermath.dead_letter(&records[index], &letter)).await;
            let DeadLetter { reason, error, .. } = letter;
            Step::Settled(
                index,
                match told {
                    Ok(()) => Outcome::DeadLettered { reason, error },
                    Err(cause) => Outcome::Stuck { error: format!("{error}; {cause}: {}", cause.source) },
                },
            )
        }
        Task::Hide(index, by) => {
            // The record comes back all the same, only later.
            let _ = within(report_by, "delay", aftermath.delay(&records[index], by)).await;
            Step::Hidden
        }
    };

    // Nothing is acknowledged that is not settled below.
    let mut outcomes = vec![Outcome::OutOfTime; records.len()];
    // In the order of the batch, so that a checkpoint comes as far as it can when time runs out.
    let (mut ready, next) = lanes(&records);
    let mut failed = VecDeque::new();
    let mut first_returned = BTreeMap::new();
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
            Step::Failed(index, verdict) => {
                let record = &records[index];
                let taken_along = first_returned.get(&record.scope()).is_some_and(|first| *first < index);
                match verdict {
                    Verdict::SetAside(reason, error) if R::RETURNS_ALONE || !taken_along => {
                        failed.push_back(Task::SetAside(index, DeadLetter { reason, error, failed_at: budget.now }));
                        continue;
                    }
                    Verdict::Delay(wanted, error) if R::RETURNS_ALONE => {
                        let by = wanted.unwrap_or_else(|| backoff(policy, record.receive_count(), random.f64()));
                        failed.push_back(Task::Delay(index, by, error));
                        continue;
                    }
                    // What comes back with an earlier record would be set aside once more then.
                    Verdict::SetAside(_, error) | Verdict::Delay(_, error) => {
                        (index, Outcome::Delayed { error, after: None })
                    }
                }
            }
        };

        observer.after(&records[index], &outcome);
        if outcome.is_acknowledged() {
            ready.extend(next[index].map(Reverse));
        } else {
            first_returned
                .entry(records[index].scope())
                .and_modify(|first| *first = index.min(*first))
                .or_insert(index);
            let mut behind = next[index];
            while let Some(index) = behind {
                outcomes[index] = if outcome == Outcome::OutOfTime { Outcome::OutOfTime } else { Outcome::HeldBack };
                observer.after(&records[index], &outcomes[index]);
                if let Outcome::Delayed { after: Some(by), .. } = outcome {
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
fn lanes<R: Record>(records: &[R]) -> (BinaryHeap<Reverse<usize>>, Vec<Option<usize>>) {
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

enum Verdict {
    SetAside(Reason, String),
    Delay(Option<Duration>, String),
}

fn judge(policy: &Policy, receive_count: Option<u32>, failure: Failure) -> Verdict {
    match failure {
        Failure::Permanent { reason } => Verdict::SetAside(Reason::Permanent, reason),
        Failure::Undecodable { reason } => Verdict::SetAside(Reason::Undecodable, reason),
        Failure::Transient { reason, .. } if receive_count.is_some_and(|count| count >= policy.max_receives) => {
            Verdict::SetAside(Reason::AttemptsExhausted, reason)
        }
        Failure::Transient { reason, retry_after } => Verdict::Delay(retry_after, reason),
    }
}

/// Full jitter: anywhere between nothing and the doubled delay, so that messages that failed together come back apart
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
    let out_of_time = |_| Err(QueueError { operation, source: "no answer in time".into() });
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
