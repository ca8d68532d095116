use std::cell::{Cell, RefCell};

use proptest::prelude::*;

use super::*;

const START: SystemTime = SystemTime::UNIX_EPOCH;

#[derive(Default)]
struct Recorded {
    delays: RefCell<Vec<(String, Duration)>>,
    letters: RefCell<Vec<(String, DeadLetter)>>,
    unreachable: bool,
}

impl Queue for Recorded {
    async fn delay(&self, message: &Message, by: Duration) -> Result<(), QueueError> {
        self.answer("delay")?;
        self.delays.borrow_mut().push((message.id.clone(), by));
        Ok(())
    }

    async fn dead_letter(&self, message: &Message, letter: &DeadLetter) -> Result<(), QueueError> {
        self.answer("set aside")?;
        self.letters.borrow_mut().push((message.id.clone(), letter.clone()));
        Ok(())
    }
}

impl Recorded {
    fn answer(&self, operation: &'static str) -> Result<(), QueueError> {
        if self.unreachable { Err(QueueError { operation, source: "no route".into() }) } else { Ok(()) }
    }
}

/// Bodies say what the handler does with them.
fn event(bodies: &[&str], receive_count: u32) -> SqsEvent {
    let records: Vec<_> = bodies
        .iter()
        .enumerate()
        .map(|(i, body)| {
            serde_json::json!({
                "messageId": format!("m{i}"),
                "receiptHandle": format!("r{i}"),
                "body": body,
                "attributes": {"ApproximateReceiveCount": receive_count.to_string()},
            })
        })
        .collect();
    serde_json::from_value(serde_json::json!({ "Records": records })).unwrap()
}

async fn obey(message: &Message) -> Result<(), Failure> {
    match message.body() {
        "ok" => Ok(()),
        "transient" => Err(Failure::transient("the other side is away")),
        "wait" => Err(Failure::retry_after(Duration::from_secs(7), "slow down")),
        "permanent" => Err(Failure::permanent("no such channel")),
        "panic" => panic!("index out of bounds"),
        "hang" => std::future::pending().await,
        _ => message.json::<u32>().map(drop),
    }
}

async fn run_all(event: SqsEvent, queue: &Recorded) -> Report {
    let budget = Budget { now: START, deadline: START + Duration::from_secs(30) };
    run(event, &Policy::default(), budget, &mut fastrand::Rng::with_seed(1), queue, obey).await.unwrap()
}

fn failed(report: &Report) -> Vec<String> {
    report.response().batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test(start_paused = true)]
async fn each_record_gets_its_own_answer_whatever_its_neighbours_do() {
    let queue = Recorded::default();
    let bodies = ["ok", "transient", "wait", "permanent", "panic", "{not json", "hang", "ok"];
    let report = run_all(event(&bodies, 1), &queue).await;

    assert_eq!(failed(&report), ["m1", "m2", "m6"], "only what must come back is named");
    let reasons: Vec<_> =
        queue.letters.borrow().iter().map(|(id, letter)| (id.clone(), letter.reason.as_str())).collect();
    assert_eq!(reasons, [("m3".into(), "permanent"), ("m4".into(), "panicked"), ("m5".into(), "undecodable")],);
    assert_eq!(report.outcomes[6].1, Outcome::OutOfTime);
    assert_eq!(report.outcomes[7].1, Outcome::Done);
    assert!(queue.letters.borrow()[1].1.error.contains("index out of bounds"));
}

#[tokio::test(start_paused = true)]
async fn a_wanted_delay_is_kept_and_a_back_off_is_within_its_bound() {
    let queue = Recorded::default();
    run_all(event(&["transient", "wait"], 4), &queue).await;
    let delays = queue.delays.borrow();
    assert!(delays[0].1 <= Duration::from_secs(8), "1 s doubled three times");
    assert_eq!(delays[1].1, Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_transient_failure_is_set_aside_with_its_reason_once_it_has_had_its_tries() {
    let queue = Recorded::default();
    let report = run_all(event(&["transient"], 20), &queue).await;
    assert!(failed(&report).is_empty());
    assert_eq!(queue.letters.borrow()[0].1.reason, Reason::AttemptsExhausted);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_set_aside_stays_in_the_queue() {
    let queue = Recorded { unreachable: true, ..Recorded::default() };
    let report = run_all(event(&["permanent", "panic", "{", "transient", "ok"], 1), &queue).await;
    assert_eq!(failed(&report), ["m0", "m1", "m2", "m3"]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_the_deadline() {
    let begun = Cell::new(0);
    let budget = Budget { now: START, deadline: START + Duration::from_secs(1) };
    let report = run(
        event(&["ok", "ok"], 1),
        &Policy::default(),
        budget,
        &mut fastrand::Rng::with_seed(1),
        &Recorded::default(),
        async |_| {
            begun.set(begun.get() + 1);
            Ok(())
        },
    )
    .await
    .unwrap();
    assert_eq!((begun.get(), failed(&report).len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn no_more_records_than_allowed_are_handled_at_once() {
    let (now, most) = (Cell::new(0), Cell::new(0));
    let policy = Policy { concurrency: 3, ..Policy::default() };
    let budget = Budget { now: START, deadline: START + Duration::from_secs(30) };
    let random = &mut fastrand::Rng::with_seed(1);
    run(event(&["ok"; 10], 1), &policy, budget, random, &Recorded::default(), async |_| {
        now.set(now.get() + 1);
        most.set(most.get().max(now.get()));
        tokio::task::yield_now().await;
        now.set(now.get() - 1);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(most.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_an_id_fails_the_batch_as_a_whole() {
    let event = serde_json::from_str(r#"{"Records":[{"messageId":"m0","body":"ok"},{"messageId":"","body":"ok"}]}"#);
    let budget = Budget { now: START, deadline: START + Duration::from_secs(30) };
    let random = &mut fastrand::Rng::with_seed(1);
    let error = run(event.unwrap(), &Policy::default(), budget, random, &Recorded::default(), obey).await.unwrap_err();
    assert!(matches!(error, BatchError::NoMessageId { index: 1 }));
}

proptest! {
    #[test]
    fn back_off_never_passes_its_bounds(count in 0u32..10_000, jitter in 0.0..1.0f64) {
        let policy = Policy::default();
        prop_assert!(backoff(&policy, count, jitter) <= policy.max_delay);
    }

    #[test]
    fn every_mix_names_exactly_what_must_come_back(
        bodies in prop::collection::vec(prop::sample::select(vec!["ok", "transient", "permanent", "panic", "{", "hang"]), 0..12),
        unreachable: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let queue = Recorded { unreachable, ..Recorded::default() };
        let report = runtime.block_on(run_all(event(&bodies, 1), &queue));
        let expected: Vec<_> = bodies.iter().enumerate()
            .filter(|(_, body)| matches!(**body, "transient" | "hang") || unreachable && **body != "ok")
            .map(|(i, _)| format!("m{i}")).collect();
        prop_assert_eq!(failed(&report), expected);
    }
}
