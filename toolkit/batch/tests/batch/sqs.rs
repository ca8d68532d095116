//! SQS, standard and FIFO.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use proptest::prelude::*;
use serde_json::json;
use tidegate_batch::sqs::{Message, MessageId, Queue, run};
use tidegate_batch::{
    BatchError, Budget, DeadLetter, DeadLetters, FailInvocation, Failure, Outcome, Policy, QueueError, Reason, Report,
    Runner,
};

use crate::acts::{Letters, Plan, Rules, block_on, budget, fates, is_retried, obey, oracle, plans, policy};

#[derive(Default)]
struct Recorded {
    delays: RefCell<Vec<(String, Duration)>>,
    letters: Letters,
    silent: bool,
}

impl Queue for Recorded {
    async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        if self.letters.unreachable {
            return Err(QueueError { operation: "delay", source: "no route".into() });
        }
        self.delays.borrow_mut().push((message.id().to_owned(), by));
        Ok(())
    }
}

impl DeadLetters<Message> for Recorded {
    async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
        if self.silent {
            std::future::pending::<()>().await;
        }
        self.letters.keep(message.id().to_owned(), letter)
    }
}

fn event(fifo: bool, receive_count: u32, plans: &[Plan]) -> SqsEvent {
    let arn =
        if fifo { "arn:aws:sqs:eu-west-1:000000000000:tides.fifo" } else { "arn:aws:sqs:eu-west-1:000000000000:tides" };
    let record = |(index, plan): (usize, &Plan)| {
        json!({
            "messageId": format!("m{index}"),
            "receiptHandle": format!("r{index}"),
            "body": plan.act,
            "attributes": {"ApproximateReceiveCount": receive_count.to_string(), "MessageGroupId": plan.key.to_string()},
            "eventSourceARN": arn,
        })
    };
    let records: Vec<_> = plans.iter().enumerate().map(record).collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn one_group(acts: &[&'static str]) -> Vec<Plan> {
    acts.iter().map(|act| Plan { scope: 0, key: 0, act }).collect()
}

async fn run_all(event: SqsEvent, policy: &Policy, queue: &Recorded) -> Report<MessageId> {
    let mut random = fastrand::Rng::with_seed(1);
    let each = async |message: &Message| obey(message.body().as_bytes()).await;
    run(event, Runner::new(policy, budget(), &mut random), queue, each).await.unwrap()
}

fn named(report: &Report<MessageId>) -> Vec<String> {
    report.response().unwrap().batch_item_failures.into_iter().map(|failure| failure.item_identifier.0).collect()
}

#[tokio::test(start_paused = true)]
async fn each_record_gets_its_own_answer_whatever_its_neighbours_do() {
    let queue = Recorded::default();
    let plans = one_group(&["ok", "transient", "wait", "permanent", "panic", "{not json", "hang", "ok"]);
    let report = run_all(event(false, 1, &plans), &Policy::default(), &queue).await;

    assert_eq!(named(&report), ["m1", "m2", "m6"], "only what is retried is named");
    let reasons = [("m3", Reason::Permanent), ("m4", Reason::Panicked), ("m5", Reason::Undecodable)];
    assert_eq!(*queue.letters.reasons.borrow(), reasons.map(|(id, reason)| (id.to_owned(), reason)));
    assert_eq!(report.outcomes[6].1, Outcome::TimedOut);
    assert_eq!(report.outcomes[7].1, Outcome::Done);
    assert!(
        matches!(&report.outcomes[4].1, Outcome::DeadLettered { error, .. } if error.contains("index out of bounds"))
    );
    let summary = report.summary();
    assert_eq!((summary.done, summary.retry, summary.panicked, summary.timed_out), (2, 2, 1, 1));
    assert_eq!(summary.counts().iter().map(|(_, count)| count).sum::<u64>(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_wanted_delay_is_kept_and_a_back_off_is_within_its_bound() {
    let queue = Recorded::default();
    let _ = run_all(event(false, 4, &one_group(&["transient", "wait"])), &Policy::default(), &queue).await;
    let delays = queue.delays.borrow();
    assert!(delays[0].1 <= Duration::from_secs(8), "1 s doubled three times");
    assert_eq!(delays[1].1, Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_dead_lettered_with_its_reason_at_max_receives() {
    let queue = Recorded::default();
    let report = run_all(event(false, 20, &one_group(&["transient"])), &Policy::default(), &queue).await;
    assert!(named(&report).is_empty());
    assert_eq!(queue.letters.reasons.borrow()[0].1, Reason::AttemptsExhausted);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_does_not_answer_costs_no_other_record_its_answer() {
    let queue = Recorded { silent: true, ..Recorded::default() };
    let plans = one_group(&["ok", "transient", "permanent"]);
    let report = run_all(event(false, 1, &plans), &Policy::default(), &queue).await;
    assert_eq!(fates(&report.outcomes), ["done", "retry", "dead letter failed"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_behind_a_delayed_message_in_its_group_is_hidden_for_as_long() {
    let queue = Recorded::default();
    let mut plans = one_group(&["permanent", "wait", "ok", "ok"]);
    plans.push(Plan { scope: 0, key: 1, act: "ok" });
    let report = run_all(event(true, 1, &plans), &Policy::default(), &queue).await;
    assert_eq!(fates(&report.outcomes), ["dead letter", "retry", "blocked", "blocked", "done"]);
    let hidden: Vec<_> = ["m1", "m2", "m3"].map(|id| (id.to_owned(), Duration::from_secs(7))).into();
    assert_eq!(*queue.delays.borrow(), hidden);
}

#[tokio::test(start_paused = true)]
async fn a_group_id_in_a_standard_queue_means_no_order() {
    let plans = one_group(&["transient", "ok"]);
    let report = run_all(event(false, 1, &plans), &Policy::default(), &Recorded::default()).await;
    assert_eq!(fates(&report.outcomes), ["retry", "done"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_the_deadline() {
    let begun = Cell::new(0);
    let budget = Budget { now: SystemTime::UNIX_EPOCH, deadline: SystemTime::UNIX_EPOCH + Duration::from_secs(1) };
    let (policy, mut random) = (Policy::default(), fastrand::Rng::with_seed(1));
    let runner = Runner::new(&policy, budget, &mut random);
    let queue = Recorded::default();
    let report = run(event(false, 1, &one_group(&["ok", "ok"])), runner, &queue, async |_: &Message| {
        begun.set(begun.get() + 1);
        Ok(())
    });
    assert_eq!((named(&report.await.unwrap()).len(), begun.get()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn no_more_records_than_allowed_are_handled_at_once_and_a_group_one_after_the_other() {
    for (fifo, concurrency, expected) in [(false, 3, 3), (true, 3, 1)] {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let policy = Policy { concurrency, ..Policy::default() };
        let mut random = fastrand::Rng::with_seed(1);
        let runner = Runner::new(&policy, budget(), &mut random);
        let queue = Recorded::default();
        let report = run(event(fifo, 1, &one_group(&["ok"; 10])), runner, &queue, async |_: &Message| {
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            Ok(())
        });
        assert_eq!(report.await.unwrap().summary().done, 10);
        assert_eq!(most.get(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_fails_the_batch_as_a_whole() {
    let mut event = event(false, 1, &one_group(&["ok", "ok"]));
    for id in [None, Some(String::new())] {
        event.records[1].message_id = id;
        let (policy, mut random) = (Policy::default(), fastrand::Rng::with_seed(1));
        let runner = Runner::new(&policy, budget(), &mut random);
        let untouched = async |_: &Message| -> Result<(), Failure> { panic!("nothing is handled") };
        let error = run(event.clone(), runner, &Recorded::default(), untouched).await.unwrap_err();
        assert_eq!(error, BatchError::NoIdentifier { index: 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn the_invocation_fails_as_a_whole_where_that_is_chosen() {
    use FailInvocation::{Never, WhenAllFail, WhenAnyFails};
    let (none, some, all) = (&["ok", "permanent"][..], &["ok", "transient"][..], &["transient", "wait"][..]);
    for (when, acts, fails) in [
        (Never, all, false),
        (WhenAllFail, none, false),
        (WhenAllFail, some, false),
        (WhenAllFail, all, true),
        (WhenAllFail, &[], false),
        (WhenAnyFails, none, false),
        (WhenAnyFails, some, true),
    ] {
        let policy = Policy { fail_invocation: when, ..Policy::default() };
        let report = run_all(event(false, 1, &one_group(acts)), &policy, &Recorded::default()).await;
        assert_eq!(report.response().is_err(), fails, "{when:?} {acts:?}");
    }
}

proptest! {
    #[test]
    fn every_mix_names_exactly_what_must_come_back(plans in plans(), fifo: bool, reachable: bool, one_at_a_time: bool) {
        let queue = Recorded { letters: Letters { unreachable: !reachable, ..Letters::default() }, ..Recorded::default() };
        let report = block_on(run_all(event(fifo, 1, &plans), &policy(one_at_a_time), &queue));
        let lane: fn(usize, &Plan) -> usize = if fifo { |_, plan| plan.key.into() } else { |index, _| index };
        let fated = oracle(&plans, Rules { alone: true, lane, scope: |_| 0, reachable, one_at_a_time });
        prop_assert_eq!(fates(&report.outcomes), fated.clone());
        let expected: Vec<_> = (0..plans.len()).filter(|i| is_retried(fated[*i])).map(|i| format!("m{i}")).collect();
        prop_assert_eq!(named(&report), expected);
    }
}
