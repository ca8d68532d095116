//! What an endpoint's answer means for this delivery and for others.

use tidegate_batch::Reason;
use tidegate_runtime::metrics::Metric;

use crate::fixtures::{Desk, Fate, batch, confirmed};
use crate::server::answer;

#[tokio::test]
async fn attempts_follow_the_schedule_and_end_with_a_reason() {
    let desk = Desk::new(vec![answer("500 Oops")]).await;
    for delay in [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000] {
        assert_eq!(desk.deliver().await, Fate::Back(delay));
        desk.skip(delay);
    }
    let Fate::Dead(Reason::Permanent, error) = desk.deliver().await else { panic!("eight are enough") };
    assert!(error.contains("in 8 attempts, the last of which ended with 500"), "{error}");
    assert!(error.contains("tidegate callbacks retry ord_1") && !error.contains("made-up"), "{error}");
    assert_eq!(desk.endpoint.seen().len(), 8);
    assert_eq!(desk.ended("ord_1").await, "exhausted: 500 500 500 500 500 500 500 500");
    assert_eq!((desk.count(Metric::CallbackFailed), desk.count(Metric::CallbackExhausted)), (8, 1));
}

#[tokio::test]
async fn a_message_that_comes_early_waits_for_the_rest() {
    let desk = Desk::new(vec![answer("500 Oops"), answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Back(5));
    assert_eq!(desk.deliver().await, Fate::Back(5));
    desk.skip(5);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.endpoint.seen().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_says_when_is_asked_then_and_not_before_the_schedule() {
    let desk = Desk::new(vec![
        answer("503 Busy\nretry-after: 120"),
        answer("503 Busy\nretry-after: 1"),
        answer("500 Oops\nretry-after: Mon, 21 Sep 2026 16:13:20 GMT"),
        answer("500 Oops\nretry-after: 9999999"),
        answer("200 OK"),
    ])
    .await;
    for delay in [120, 300] {
        assert_eq!(desk.deliver().await, Fate::Back(delay));
        desk.skip(delay);
    }
    // The clock began at 14:13:20, and is some milliseconds further than what was skipped.
    assert_eq!(desk.deliver().await, Fate::Back(7_200 - 420));
    desk.skip(7_200);
    assert_eq!(desk.deliver().await, Fate::Back(86_400), "a day at most");
    desk.skip(86_400);
    assert_eq!(desk.deliver().await, Fate::Done);
}

#[tokio::test]
async fn gone_disables_the_endpoint_for_what_comes_later() {
    let desk = Desk::new(vec![answer("410 Gone"), answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "disabled: 410");

    desk.place("ord_2", Some(&desk.url("/hooks?token=made-up"))).await;
    desk.place("ord_3", Some(&desk.url("/elsewhere"))).await;
    for _ in 0..2 {
        assert_eq!(desk.handle(batch([&confirmed("ord_2"), &confirmed("ord_3")])).await, [""; 0]);
    }
    assert_eq!(desk.ended("ord_2").await, "disabled: ");
    assert_eq!(desk.ended("ord_3").await, "delivered: 200", "another endpoint of the same customer");
    assert_eq!(desk.endpoint.seen().len(), 2);
    assert_eq!(desk.count(Metric::CallbackDisabled), 2, "each once");
}

#[tokio::test]
async fn an_overloaded_endpoint_has_its_peace_from_other_deliveries_too() {
    for busy in
        ["429 Too Many Requests\nretry-after: 90", "502 Bad Gateway\nretry-after: 90", "504 Late\nretry-after: 90"]
    {
        let desk = Desk::new(vec![answer(busy), answer("200 OK")]).await;
        assert_eq!(desk.deliver().await, Fate::Back(90));
        desk.place("ord_2", Some(&desk.url("/hooks?token=made-up"))).await;
        assert_eq!(desk.handle(batch([&confirmed("ord_2")])).await, ["m0"]);
        assert_eq!(desk.endpoint.seen().len(), 1, "the second is not sent yet");
        desk.skip(180);
        assert_eq!(desk.handle(batch([&confirmed("ord_2")])).await, [""; 0]);
        assert_eq!(desk.ended("ord_2").await, "delivered: 200");
    }
}

#[tokio::test]
async fn a_redirection_is_a_failure_and_leads_nowhere() {
    let desk = Desk::new(vec![answer("307 Elsewhere\nlocation: /elsewhere"), answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Back(5));
    assert_eq!(desk.endpoint.seen().len(), 1);
    assert_eq!(desk.ended("ord_1").await, "pending: 307");
}

#[tokio::test]
async fn two_that_hear_of_an_overload_at_once_are_both_written_down_and_sent_once() {
    let desk = Desk::new(vec![answer("429 Too Many Requests\nretry-after: 90")]).await;
    desk.place("ord_2", Some(&desk.url("/hooks?token=made-up"))).await;
    assert_eq!(desk.handle(batch([&confirmed("ord_1"), &confirmed("ord_2")])).await, ["m0", "m1"]);
    assert_eq!(desk.endpoint.seen().len(), 2);
    for order in ["ord_1", "ord_2"] {
        assert_eq!(desk.ended(order).await, "pending: 429");
    }
}

#[tokio::test]
async fn operators_find_what_has_failed_and_not_what_went_well() {
    let desk = Desk::new(vec![answer("500 Oops"), answer("200 OK")]).await;
    assert_eq!(desk.deliver().await, Fate::Back(5));
    let index = desk.index("ord_1").await;
    assert_eq!(index["status"], "pending");
    assert!(index["since"].starts_with("2026-09-21T14:13:20"), "{index:?}");
    desk.skip(5);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert!(desk.index("ord_1").await.is_empty());
}
