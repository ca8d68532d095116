//! Observers see every record, before and after.

use std::cell::RefCell;

use serde_json::json;
use tidegate_batch::kinesis::{Record, run};
use tidegate_batch::{Failure, NoDeadLetters, Observer, Outcome, Policy, Runner};

use crate::acts::budget;

#[derive(Default)]
struct Noted(RefCell<Vec<String>>);

impl Observer<Record> for Noted {
    fn before(&self, record: &Record) {
        self.0.borrow_mut().push(format!("{} begins", record.kinesis.sequence_number));
    }

    fn after(&self, record: &Record, outcome: &Outcome) {
        self.0.borrow_mut().push(format!("{} {outcome:?}", record.kinesis.sequence_number));
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_sees_what_begins_and_what_becomes_of_everything() {
    let record = |number: &str| json!({"kinesis": {"partitionKey": "k", "sequenceNumber": number, "data": ""}});
    let event = serde_json::from_value(json!({"Records": [record("1"), record("2"), record("3")]})).unwrap();
    let (policy, mut random, noted) = (Policy::default(), fastrand::Rng::with_seed(1), Noted::default());
    let runner = Runner::new(&policy, budget(), &mut random).observed_by(&noted);
    let each = async |record: &Record| match record.kinesis.sequence_number.as_str() {
        "1" => Ok(()),
        _ => Err(Failure::transient("away")),
    };
    let report = run(event, runner, &NoDeadLetters, each).await.unwrap();
    assert_eq!(report.summary().blocked, 1);
    let delayed = r#"2 Retry { error: "away", after: None }"#;
    assert_eq!(noted.0.take(), ["1 begins", "1 Done", "2 begins", delayed, "3 Blocked"]);
}
