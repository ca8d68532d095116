//! Slack says no: for now, or for good.

use std::time::Duration;

use notify_slack::Notifier;
use tidegate_batch::Reason;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::queue::Handler;
use tidegate_testkit::MemoryClaims;

use crate::fixtures::{Desk, TOKEN, batch, charts, event, posted, refused, tides};
use crate::server::Reply;

#[tokio::test]
async fn too_many_requests_keeps_the_channel_quiet_for_as_long_as_slack_asks() {
    let limited = Reply::with("429 Too Many Requests\nretry-after: 40", "");
    let desk = Desk::new(vec![limited, posted(), posted()]).await;
    assert_eq!(desk.handle(batch([&tides("e1")])).await, ["m0"]);
    assert_eq!(desk.delays(), [("m0".to_owned(), Duration::from_secs(40))]);
    assert_eq!(desk.channels(), ["#tides"]);

    assert_eq!(desk.handle(batch([&tides("e2"), &charts("e3")])).await, ["m0"]);
    assert_eq!(desk.channels(), ["#charts"], "the other channel is not held");
    let [(_, wait)] = desk.delays()[..] else { panic!("not one delay") };
    assert!(wait > Duration::from_secs(35) && wait <= Duration::from_secs(40), "{wait:?}");

    desk.skip(Duration::from_secs(45));
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0], "its claim was let go");
    assert_eq!(desk.channels(), ["#tides"]);
    assert_eq!((desk.count(Metric::MessageRetried), desk.count(Metric::SlackPosted)), (2, 2));
}

#[tokio::test]
async fn a_slack_in_trouble_is_tried_again_after_a_back_off() {
    let failing = |status: &str| Reply::with(status, "");
    let desk = Desk::new(vec![failing("500 Internal Server Error"), failing("502 Bad Gateway"), posted()]).await;
    for (receive_count, longest) in [(1, 1), (5, 16)] {
        let body = tidegate_cloudevents::messaging::to_body(&tides("e1"));
        assert_eq!(desk.handle(tidegate_testkit::batch([body], receive_count)).await, ["m0"]);
        let [(_, wait)] = desk.delays()[..] else { panic!("not one delay") };
        assert!(wait <= Duration::from_secs(longest), "{wait:?}");
        desk.skip(Duration::from_secs(1));
    }
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides"; 3]);
}

#[tokio::test]
async fn a_slack_in_trouble_that_asks_for_time_gets_it() {
    let desk = Desk::new(vec![Reply::with("503 Service Unavailable\nretry-after: 60", "")]).await;
    assert_eq!(desk.handle(batch([&tides("e1")])).await, ["m0"]);
    assert_eq!(desk.delays(), [("m0".to_owned(), Duration::from_secs(60))]);
}

#[tokio::test]
async fn a_slack_that_stays_in_trouble_ends_in_the_dead_letter_queue() {
    let desk = Desk::new(vec![Reply::with("500 Internal Server Error", "")]).await;
    let body = tidegate_cloudevents::messaging::to_body(&tides("e1"));
    let batch = tidegate_testkit::batch([body], Notifier::<MemoryClaims>::policy().max_receives);
    assert_eq!(desk.handle(batch).await, [""; 0]);
    let error = "500 Internal Server Error".to_owned();
    assert_eq!(desk.letters(), [("m0".to_owned(), Reason::AttemptsExhausted, error)]);
}

#[tokio::test]
async fn a_refusal_for_good_is_set_aside_at_once_with_slacks_word_for_it() {
    for (reply, word) in [
        (refused("invalid_blocks"), "invalid_blocks"),
        (refused("channel_not_found"), "channel_not_found"),
        (refused("invalid_auth"), "invalid_auth"),
        (Reply::with("404 Not Found", ""), "404 Not Found"),
    ] {
        let desk = Desk::new(vec![reply]).await;
        assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0], "acknowledged, because it is safe elsewhere");
        let error = format!("Slack refuses the message to #tides: {word}");
        assert_eq!(desk.letters(), [("m0".to_owned(), Reason::Permanent, error)]);
        assert_eq!((desk.delays(), desk.count(Metric::MessageDeadLettered)), (vec![], 1));
    }
}

#[tokio::test]
async fn what_was_refused_is_posted_when_it_is_redriven_after_mending() {
    let desk = Desk::new(vec![refused("channel_not_found"), posted()]).await;
    desk.handle(batch([&tides("e1")])).await;
    assert_eq!(desk.letters().len(), 1);
    desk.configure(&desk.document().replace("#tides", "#tides-new"));
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides", "#tides-new"], "mended configuration is read at once");
}

#[tokio::test]
async fn what_is_no_event_is_set_aside_as_undecodable() {
    let push = |data: &[u8]| tidegate_cloudevents::messaging::to_body(&event("e1", "com.github.push", data));
    for (body, why) in [
        (String::new(), "the body is not a CloudEvent"),
        ("plain text".to_owned(), "the body is not a CloudEvent"),
        ("{}".to_owned(), "the body is not a CloudEvent"),
        (push(b"{}"), "the data is no GitHub push payload: `ref` is missing"),
        (push(b"[]"), "the data is no GitHub push payload"),
        (push(br#""text""#), "the data is no GitHub push payload"),
    ] {
        let desk = Desk::new(vec![]).await;
        assert_eq!(desk.handle(tidegate_testkit::batch([body.clone()], 1)).await, [""; 0]);
        let [(id, reason, error)] = &desk.letters()[..] else { panic!("{body}: not one letter") };
        assert_eq!((id.as_str(), *reason), ("m0", Reason::Undecodable));
        assert!(error.starts_with(why), "{error}");
    }
}

#[tokio::test]
async fn each_record_of_a_batch_is_judged_alone() {
    let desk = Desk::new(vec![posted()]).await;
    let body = tidegate_cloudevents::messaging::to_body;
    let far = tides("e1").with_dataref("s3://elsewhere/payloads/x").unwrap();
    let bodies = ["poison".to_owned(), body(&far), body(&charts("e2")), body(&event("e3", "com.github.ping", b"{}"))];
    assert_eq!(desk.handle(tidegate_testkit::batch(bodies, 1)).await, [""; 0]);
    assert_eq!(desk.channels(), ["#charts"]);
    let letters: Vec<_> = desk.letters().into_iter().map(|(id, reason, _)| (id, reason)).collect();
    assert_eq!(letters.len(), 2);
    assert!(letters.contains(&("m0".to_owned(), Reason::Undecodable)), "{letters:?}");
    assert!(letters.contains(&("m1".to_owned(), Reason::Permanent)), "{letters:?}");
}

#[tokio::test]
async fn no_letter_holds_the_token_or_the_message() {
    let replies = [refused("invalid_blocks"), refused(TOKEN), Reply::with("403 Forbidden", TOKEN)];
    for reply in replies {
        let desk = Desk::new(vec![reply]).await;
        desk.handle(batch([&tides("e1")])).await;
        let [(_, _, error)] = &desk.letters()[..] else { panic!("not one letter") };
        assert!(!error.contains(TOKEN) && !error.contains("moon"), "{error}");
    }
}
