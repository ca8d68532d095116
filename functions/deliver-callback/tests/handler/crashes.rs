//! The process dies at each step, and the message comes back.

use tidegate_runtime::metrics::Metric;
use tidegate_testkit::Fault;

use crate::fixtures::{Desk, Fate, batch, confirmed};
use crate::server::{Reply, answer};

/// SQS hides a message for so long that was received and not answered for.
const VISIBILITY: u64 = 180;

#[tokio::test]
async fn dead_before_an_attempt_is_begun_it_was_never_there() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.table.fail_commit(0, Fault::NoAnswer);
    desk.deliver_and_die().await;
    assert!(desk.endpoint.seen().is_empty());
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "delivered: 200");
}

#[tokio::test]
async fn dead_after_it_is_begun_nobody_else_sends_before_the_deadline_and_then_one_does() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.table.fail_commit(0, Fault::LostAnswer);
    desk.deliver_and_die().await;
    assert!(matches!(desk.deliver().await, Fate::Back(29..=30)), "as far as others know it is being sent");
    desk.skip(VISIBILITY);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "delivered: unknown 200");
    assert_eq!(desk.endpoint.seen().len(), 1);
}

#[tokio::test]
async fn dead_between_the_answer_and_the_write_it_is_sent_again_under_the_same_id() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.table.fail_commit(1, Fault::NoAnswer);
    desk.deliver_and_die().await;
    desk.skip(VISIBILITY);
    assert_eq!(desk.deliver().await, Fate::Done);
    let [first, second] = desk.endpoint.seen().try_into().unwrap();
    assert_eq!(first.headers["webhook-id"], second.headers["webhook-id"]);
    assert_eq!(desk.ended("ord_1").await, "delivered: unknown 200");
    assert_eq!(desk.count(Metric::CallbackDelivered), 1);
}

#[tokio::test]
async fn dead_after_the_write_it_is_over() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.table.fail_commit(1, Fault::LostAnswer);
    desk.deliver_and_die().await;
    desk.skip(VISIBILITY);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.endpoint.seen().len(), 1);
}

#[tokio::test]
async fn dead_between_the_last_write_and_the_dead_letter_the_letter_is_written_by_the_next() {
    let desk = Desk::new(vec![answer("500 Oops")]).await;
    for _ in 0..7 {
        let Fate::Back(delay) = desk.deliver().await else { panic!("not yet") };
        desk.skip(delay);
    }
    desk.table.fail_commit(1, Fault::LostAnswer);
    desk.deliver_and_die().await;
    assert!(desk.ended("ord_1").await.starts_with("exhausted"));
    desk.skip(VISIBILITY);
    assert!(matches!(desk.deliver().await, Fate::Dead(..)));
    assert_eq!(desk.endpoint.seen().len(), 8);
}

#[tokio::test]
async fn a_table_that_fails_costs_at_most_a_second_request() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.table.fail_commit(0, Fault::Transient);
    assert!(matches!(desk.deliver().await, Fate::Back(0..=1)));
    desk.table.fail_commit(1, Fault::Transient);
    assert!(matches!(desk.deliver().await, Fate::Back(0..=1)));
    assert!(matches!(desk.deliver().await, Fate::Back(25..=30)), "as far as is known it is being sent");
    desk.skip(30);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.endpoint.seen().len(), 2);
}

#[tokio::test]
async fn a_write_that_is_refused_because_of_itself_is_known_for_what_it_is() {
    for writes_before in [0, 1] {
        let desk = Desk::new(vec![answer("200 OK")]).await;
        desk.table.fail_commit(writes_before, Fault::Permanent);
        assert_eq!(desk.deliver().await, Fate::Done);
        assert_eq!(desk.ended("ord_1").await, "delivered: 200");
        assert_eq!((desk.endpoint.seen().len(), desk.table.writes()), (1, 2));
    }
}

#[tokio::test]
async fn a_sender_that_was_taken_for_dead_does_not_overwrite_its_successor() {
    let desk = Desk::new(vec![Reply::Nothing, answer("200 OK")]).await;
    // The first hangs on the endpoint beyond its deadline by this clock; the second takes over meanwhile.
    let second = async {
        while desk.endpoint.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        desk.skip(60);
        assert_eq!(desk.handle(batch([&confirmed("ord_1")])).await, [""; 0]);
    };
    let (first, ()) = tokio::join!(desk.handle(batch([&confirmed("ord_1")])), second);
    assert_eq!(first, ["m0"], "it comes back and finds that all is done");
    assert_eq!(desk.ended("ord_1").await, "delivered: unknown 200");
}
