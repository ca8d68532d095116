//! RabbitMQ: all or nothing.

use proptest::prelude::*;
use serde_json::{Map, json};
use tidegate_batch::rabbitmq::{Event, Message, Position, run};
use tidegate_batch::{BatchError, Policy, Report, Runner};

use crate::acts::{Letters, Plan, Rules, base64, block_on, budget, fates, is_retried, obey, oracle, plans, policy};

fn event(plans: &[Plan]) -> Event {
    let mut queues = Map::new();
    for plan in plans {
        let queue = queues.entry(format!("tides-{}::/", plan.scope)).or_insert(json!([]));
        queue.as_array_mut().unwrap().push(json!({"data": base64(plan.act)}));
    }
    serde_json::from_value(json!({"rmqMessagesByQueue": queues})).unwrap()
}

async fn run_all(plans: &[Plan], policy: &Policy, letters: &Letters) -> Report<Position> {
    let mut random = fastrand::Rng::with_seed(1);
    let each = async |message: &Message| obey(&message.data()?).await;
    run(event(plans), Runner::new(policy, budget(), &mut random), letters, each).await
}

#[tokio::test(start_paused = true)]
async fn what_is_bad_is_dead_lettered_and_does_not_hold_up_the_others() {
    let plans = ["ok", "permanent", "panic", "{", "ok"].map(|act| Plan { scope: 0, key: 0, act });
    let letters = Letters::default();
    let report = run_all(&plans, &Policy::default(), &letters).await;
    assert_eq!(fates(&report.outcomes), ["done", "dead letter", "dead letter", "dead letter", "done"]);
    assert_eq!((report.response(), letters.reasons.borrow().len()), (Ok(()), 3));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_retried_brings_the_whole_batch_back() {
    let plans = ["ok", "transient", "ok"].map(|act| Plan { scope: 0, key: 0, act });
    let report = run_all(&plans, &Policy::default(), &Letters::default()).await;
    assert_eq!(report.response(), Err(BatchError::Failed { failed: 2, records: 3 }));
    assert_eq!(report.failed().map(ToString::to_string).collect::<Vec<_>>(), ["tides-0::/ 1", "tides-0::/ 2"]);
}

proptest! {
    #[test]
    fn every_mix_is_acknowledged_exactly_if_nothing_must_come_back(
        plans in plans(), reachable: bool, one_at_a_time: bool,
    ) {
        let letters = Letters { unreachable: !reachable, ..Letters::default() };
        let report = block_on(run_all(&plans, &policy(one_at_a_time), &letters));
        let lane = |_: usize, plan: &Plan| usize::from(plan.scope);
        let fated = oracle(&plans, Rules { alone: false, lane, scope: |_| 0, reachable, one_at_a_time });
        if one_at_a_time {
            prop_assert_eq!(fates(&report.outcomes), fated.clone());
        }
        prop_assert_eq!(report.response().is_ok(), !fated.into_iter().any(is_retried));
    }
}
