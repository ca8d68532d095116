//! Kinesis and DynamoDB streams: the answer is a checkpoint.

use proptest::prelude::*;
use serde_json::{Value, json};
use tidegate_batch::{BatchError, NoDeadLetters, Policy, Report, Runner, SequenceNumber, dynamodb, kinesis};

use crate::acts::{Letters, Plan, Rules, base64, block_on, budget, fates, is_retried, obey, oracle, plans, policy};

/// Sequence numbers cross a power of ten, so that comparing them as text would be wrong.
fn sequence_number(index: usize) -> String {
    (index + 5).to_string()
}

fn kinesis_event(plans: &[Plan]) -> kinesis::Event {
    let record = |(index, plan): (usize, &Plan)| {
        let key = plan.key.to_string();
        json!({"kinesis": {"partitionKey": key, "sequenceNumber": sequence_number(index), "data": base64(plan.act)}})
    };
    serde_json::from_value(json!({"Records": plans.iter().enumerate().map(record).collect::<Vec<_>>()})).unwrap()
}

fn dynamodb_event(plans: &[Plan]) -> dynamodb::Event {
    let record = |(index, plan): (usize, &Plan)| {
        json!({"dynamodb": {
            "Keys": {"pk": {"S": "tides"}, "sk": {"N": plan.key.to_string()}},
            "NewImage": {"act": {"S": plan.act}},
            "SequenceNumber": sequence_number(index),
        }})
    };
    serde_json::from_value(json!({"Records": plans.iter().enumerate().map(record).collect::<Vec<_>>()})).unwrap()
}

async fn run_kinesis(plans: &[Plan], policy: &Policy, letters: &Letters) -> Report<SequenceNumber> {
    let mut random = fastrand::Rng::with_seed(1);
    let each = async |record: &kinesis::Record| obey(&record.data()?).await;
    kinesis::run(kinesis_event(plans), Runner::new(policy, budget(), &mut random), letters, each).await.unwrap()
}

async fn run_dynamodb(plans: &[Plan], policy: &Policy, letters: &Letters) -> Report<SequenceNumber> {
    let mut random = fastrand::Rng::with_seed(1);
    let each = async |record: &dynamodb::Record| {
        let image: Value = record.new_image()?.unwrap();
        obey(image["act"]["S"].as_str().unwrap().as_bytes()).await
    };
    dynamodb::run(dynamodb_event(plans), Runner::new(policy, budget(), &mut random), letters, each).await.unwrap()
}

fn answer(report: &Report<SequenceNumber>) -> String {
    serde_json::to_string(&report.response().unwrap()).unwrap()
}

fn one_key(acts: &[&'static str]) -> Vec<Plan> {
    acts.iter().map(|act| Plan { scope: 0, key: 0, act }).collect()
}

#[tokio::test(start_paused = true)]
async fn the_checkpoint_is_the_first_record_that_is_not_done() {
    let letters = Letters::default();
    let report = run_kinesis(&one_key(&["ok", "permanent", "transient", "ok"]), &policy(true), &letters).await;
    assert_eq!(fates(&report.outcomes), ["done", "dead letter", "retry", "blocked"]);
    assert_eq!(answer(&report), r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#);
}

#[tokio::test(start_paused = true)]
async fn other_keys_go_on_but_what_is_retried_anyway_is_not_sent() {
    let letters = Letters::default();
    let mut plans = one_key(&["transient", "ok", "permanent"]);
    (plans[1].key, plans[2].key) = (1, 2);
    let report = run_dynamodb(&plans, &policy(true), &letters).await;
    assert_eq!(fates(&report.outcomes), ["retry", "done", "retry"]);
    assert!(letters.reasons.borrow().is_empty());
    assert_eq!(answer(&report), r#"{"batchItemFailures":[{"itemIdentifier":"5"}]}"#);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_the_record_that_lambda_handed_over() {
    let letters = Letters::default();
    let plans = one_key(&["panic"]);
    let report = run_kinesis(&plans, &policy(true), &letters).await;
    assert_eq!(answer(&report), r#"{"batchItemFailures":[]}"#);
    let kept: kinesis::Record = serde_json::from_str(&letters.reasons.borrow()[0].0).unwrap();
    assert_eq!(kept, kinesis_event(&plans).records[0]);
}

#[tokio::test(start_paused = true)]
async fn without_dead_letters_the_shard_stops_at_a_bad_record() {
    let (policy, mut random) = (Policy::default(), fastrand::Rng::with_seed(1));
    let each = async |record: &kinesis::Record| obey(&record.data()?).await;
    let event = kinesis_event(&one_key(&["ok", "{", "ok"]));
    let report = kinesis::run(event, Runner::new(&policy, budget(), &mut random), &NoDeadLetters, each).await.unwrap();
    assert_eq!(fates(&report.outcomes), ["done", "dead letter failed", "blocked"]);
    assert_eq!(answer(&report), r#"{"batchItemFailures":[{"itemIdentifier":"6"}]}"#);
}

#[tokio::test(start_paused = true)]
async fn data_that_is_not_base64_fails_alone() {
    let mut event = kinesis_event(&one_key(&["ok", "ok"]));
    event.records[0].kinesis.data = "?".to_owned();
    let (policy, mut random, letters) = (Policy::default(), fastrand::Rng::with_seed(1), Letters::default());
    let each = async |record: &kinesis::Record| obey(&record.data()?).await;
    let report = kinesis::run(event, Runner::new(&policy, budget(), &mut random), &letters, each).await.unwrap();
    assert_eq!(fates(&report.outcomes), ["dead letter", "done"]);
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_sequence_number_fails_the_batch_as_a_whole() {
    let (policy, mut random) = (Policy::default(), fastrand::Rng::with_seed(1));
    let mut event = kinesis_event(&one_key(&["ok", "ok"]));
    event.records[1].kinesis.sequence_number.clear();
    let runner = Runner::new(&policy, budget(), &mut random);
    let error = kinesis::run(event, runner, &NoDeadLetters, async |_: &kinesis::Record| Ok(())).await.unwrap_err();
    assert_eq!(error, BatchError::NoIdentifier { index: 1 });

    let mut event = dynamodb_event(&one_key(&["ok"]));
    event.records[0].change.sequence_number.clear();
    let runner = Runner::new(&policy, budget(), &mut random);
    let error = dynamodb::run(event, runner, &NoDeadLetters, async |_: &dynamodb::Record| Ok(())).await.unwrap_err();
    assert_eq!(error, BatchError::NoIdentifier { index: 0 });
}

proptest! {
    #[test]
    fn every_mix_names_exactly_the_checkpoint(plans in plans(), changes: bool, reachable: bool, one_at_a_time: bool) {
        let (letters, policy) = (Letters { unreachable: !reachable, ..Letters::default() }, policy(one_at_a_time));
        let report = block_on(async {
            if changes { run_dynamodb(&plans, &policy, &letters).await } else { run_kinesis(&plans, &policy, &letters).await }
        });
        let rules = Rules { alone: false, lane: |_, plan| plan.key.into(), scope: |_| 0, reachable, one_at_a_time };
        let fated = oracle(&plans, rules);
        if one_at_a_time {
            prop_assert_eq!(fates(&report.outcomes), fated.clone());
        }
        let first = fated.iter().position(|fate| is_retried(fate));
        let expected = first.map(|index| format!(r#"{{"itemIdentifier":"{}"}}"#, sequence_number(index))).unwrap_or_default();
        prop_assert_eq!(answer(&report), format!(r#"{{"batchItemFailures":[{expected}]}}"#));
    }
}
