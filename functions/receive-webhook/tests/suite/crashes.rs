//! The function dies, or what it stands on fails: nothing is lost, and what comes twice has the same event id.

use std::time::Duration;

use tidegate_runtime::metrics::Metric;
use tidegate_testkit::Fault;

use crate::fixtures::{Delivery, Gate, TIMEOUT};

/// Sends the delivery to a function that is killed a second later, without having answered.
async fn send_and_die(gate: &Gate, delivery: &Delivery) {
    let answered = tokio::time::timeout(Duration::from_secs(1), gate.send(delivery)).await;
    assert!(answered.is_err(), "answered before it died: {answered:?}");
}

/// Everything that a delivery of GitHub's calls between its signature and its answer, and how many events are out
/// after a retry when the function dies there. Twice is the least where it cannot know that the first is out.
#[tokio::test(start_paused = true)]
async fn wherever_the_function_dies_the_retry_is_published_under_the_same_id() {
    type Kill = fn(&Gate);
    let kills: [(&str, Kill, &[&str]); 6] = [
        ("before the claim", |gate| gate.receiver.claims.fail_next_claim(Fault::NoAnswer), &["d1"]),
        ("after the claim", |gate| gate.receiver.claims.fail_next_claim(Fault::LostAnswer), &["d1"]),
        ("before publishing", |gate| gate.topic.fail_next(Fault::NoAnswer), &["d1"]),
        ("after publishing", |gate| gate.topic.fail_next(Fault::LostAnswer), &["d1", "d1"]),
        ("before completing", |gate| gate.receiver.claims.fail_next_finish(Fault::NoAnswer), &["d1", "d1"]),
        ("between the completions", |gate| gate.receiver.claims.fail_next_finish(Fault::LostAnswer), &["d1"]),
    ];
    for (moment, kill, published) in kills {
        let gate = Gate::new();
        kill(&gate);
        send_and_die(&gate, &gate.push("d1")).await;
        let retry = gate.send(&gate.push("d1")).await;
        assert!(matches!(retry.status, 200 | 202), "{moment}: {retry:?}");
        assert_eq!(gate.ids(), published, "killed {moment}");
        assert_eq!(gate.send(&gate.push("d1")).await.told(), (200, "duplicate"), "{moment}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_under_another_id_is_published_under_the_first_ones() {
    let gate = Gate::new();
    gate.topic.fail_next(Fault::LostAnswer);
    send_and_die(&gate, &gate.push("d1")).await;
    assert_eq!(gate.send(&gate.push("d2")).await.told(), (202, "accepted"));
    assert_eq!(gate.ids(), ["d1", "d1"], "consumers recognise the second");
    for id in ["d1", "d2", "d3"] {
        assert_eq!(gate.send(&gate.push(id)).await.told(), (200, "duplicate"), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_the_lease_to_end_and_tells_its_sender_when_it_cannot() {
    let gate = Gate::new();
    gate.topic.fail_next(Fault::NoAnswer);
    let killed_at = gate.now();
    send_and_die(&gate, &gate.push("d1")).await;

    let mut event = gate.push("d1").event();
    event.headers = gate.push("d1").headers;
    let time = Duration::from_secs(3); // ends before the dead owner's lease does
    let deadline = gate.now() + time;
    let hurried = gate.receiver.respond(event, time).await;
    assert_eq!((hurried.status_code, &hurried.headers["retry-after"]), (503, &"5".parse().unwrap()));
    assert!(gate.now() < deadline, "answered in time");

    assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"));
    assert!(gate.now() >= killed_at + TIMEOUT, "a live owner's claim was taken");
}

#[tokio::test(start_paused = true)]
async fn a_failed_publish_makes_the_delivery_its_senders_again() {
    for fault in [Fault::Transient, Fault::Permanent] {
        let gate = Gate::new();
        gate.topic.fail_next(fault);
        let before = gate.now();
        assert_eq!(gate.send(&gate.push("d1")).await.told(), (503, "not-published"));
        assert_eq!(gate.receiver.ports.total(Metric::WebhookFailed), 1);
        assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"), "the claim was let go");
        assert_eq!(gate.now(), before, "without waiting for a lease");
        assert_eq!(gate.ids(), ["d1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_claimed_is_not_published() {
    for fault in [Fault::Transient, Fault::Permanent] {
        let gate = Gate::new();
        gate.receiver.claims.fail_next_claim(fault);
        assert_eq!(gate.send(&gate.push("d1")).await.told(), (503, "not-claimed"));
        assert_eq!(gate.ids(), [""; 0]);
        assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_held_is_let_go_when_the_next_one_fails() {
    let gate = Gate::new();
    let before = gate.now();
    gate.receiver.claims.fail_second_claim(Fault::Transient);
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (503, "not-claimed"));
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"));
    assert_eq!(gate.now(), before, "without waiting for a lease");
}

/// The redelivery finds one of the two claims done and the other left to its lease.
#[tokio::test(start_paused = true)]
async fn an_event_that_is_out_is_accepted_and_not_repeated_although_a_claim_could_not_be_completed() {
    let gate = Gate::new();
    gate.receiver.claims.fail_next_finish(Fault::Transient);
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"));
    gate.skip(Duration::from_secs(1));
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (200, "duplicate"));
    assert_eq!(gate.ids(), ["d1"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_document_that_cannot_be_had_is_503_and_a_mended_one_is_read_at_once() {
    let document = |gate: &Gate, text: &str| gate.secrets.put("tidegate/webhooks/github", text);
    let gate = Gate::new();
    gate.secrets.fail_next(Fault::Transient);
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (503, "source-unavailable"));
    for malformed in ["", "{}", "not JSON", r#"{"scheme":"github"}"#, r#"{"scheme":"github","secrets":["short"]}"#] {
        document(&gate, malformed);
        assert_eq!(gate.send(&gate.push("d1")).await.told(), (503, "source-unavailable"), "{malformed}");
        assert_eq!(gate.send(&Delivery::options("github")).await.status, 503, "{malformed}");
    }
    gate.assert_nothing_was_kept("a delivery that nobody could verify");
    document(&gate, crate::fixtures::SOURCES[0].1);
    assert_eq!(gate.send(&gate.push("d1")).await.told(), (202, "accepted"));
}
