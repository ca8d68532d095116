//! An event becomes one message, in its channel, at the channel's pace.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use notify_slack::Notifier;
use notify_slack::slack::{SlackClient, TIMEOUT};
use tidegate_cloudevents::Event;
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_testkit::{Fault, PrimingTest};

use crate::fixtures::{Desk, TRACE_ID, batch, charts, event, posted, push, tides};
use crate::server::Reply;

#[tokio::test]
async fn an_event_is_posted_once_and_not_again_when_it_is_repeated() {
    let desk = Desk::new(vec![posted()]).await;
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides"]);
    assert_eq!((desk.count(Metric::SlackPosted), desk.count(Metric::SlackSkipped)), (1, 0));

    desk.skip(Duration::from_secs(86_400));
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0], "acknowledged");
    assert_eq!(desk.channels(), [""; 0]);
    assert_eq!((desk.count(Metric::SlackPosted), desk.count(Metric::SlackSkipped)), (1, 1));
    assert_eq!(desk.notifier.ports.dimensions(), ["github", "github"]);
}

#[tokio::test]
async fn two_messages_to_one_channel_are_a_second_apart_and_another_channel_need_not_wait() {
    let desk = Desk::new(vec![posted(), posted(), posted()]).await;
    assert_eq!(desk.handle(batch([&tides("e1"), &tides("e2"), &charts("e3")])).await, [""; 0]);
    let seen = desk.slack.seen();
    let channels: Vec<_> = seen.requests.iter().map(|(_, body)| body.contains("#tides")).collect();
    assert_eq!(channels.iter().filter(|tides| **tides).count(), 2);
    assert!(channels[2], "the one that waits is the second to the same channel");
    let apart = seen.times[2] - seen.times[0].min(seen.times[1]);
    assert!(apart > Duration::from_millis(900), "{apart:?}; the way to the server varies a little");
}

#[tokio::test]
async fn an_event_that_stands_twice_in_a_batch_is_posted_once() {
    let desk = Desk::new(vec![posted()]).await;
    assert_eq!(desk.handle(batch([&tides("e1"), &tides("e1")])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides"]);
    assert_eq!((desk.count(Metric::SlackPosted), desk.count(Metric::SlackSkipped)), (1, 1));
}

#[tokio::test]
async fn what_has_no_route_or_nothing_to_say_is_acknowledged_and_counted() {
    let desk = Desk::new(vec![]).await;
    let elsewhere = event("e1", "com.github.push", &push("octo-harbour/elsewhere", "main"));
    let ping = event("e2", "com.github.ping", br#"{"zen":"Keep it logically awesome."}"#);
    let foreign = event("e3", "com.stripe.charge.succeeded", b"{}");
    assert_eq!(desk.handle(batch([&elsewhere, &ping, &foreign])).await, [""; 0]);
    assert_eq!(desk.channels(), [""; 0]);
    assert_eq!((desk.delays(), desk.letters()), (vec![], vec![]));
    assert_eq!(desk.count(Metric::SlackSkipped), 3);
    assert!(desk.notifier.claims.is_empty());
}

#[tokio::test]
async fn the_events_trace_goes_on_to_slack() {
    let desk = Desk::new(vec![posted()]).await;
    let event = tides("e1");
    desk.handle(batch([&event])).await;
    let (head, _) = &desk.slack.seen().requests[0];
    let sent = head.lines().find_map(|line| line.strip_prefix("traceparent: ")).expect("a traceparent");
    assert!(sent.starts_with(&format!("00-{TRACE_ID}-")), "{sent}");
    assert_ne!(Some(sent), event.extension("traceparent").and_then(|value| value.as_str()), "a span of its own");
}

#[tokio::test]
async fn an_event_without_a_trace_goes_on_with_the_one_that_the_queue_carries() {
    let desk = Desk::new(vec![posted()]).await;
    let bare = Event::builder("e1", "/webhooks/github", "com.github.push");
    let bare = bare.data_json(&push("octo-harbour/tide-tables", "main")).build().unwrap();
    let mut batch = batch([&bare]);
    let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    batch.records[0].attributes.insert("AWSTraceHeader".to_owned(), header.to_owned());
    desk.handle(batch).await;
    let (head, _) = &desk.slack.seen().requests[0];
    assert!(head.contains("traceparent: 00-5759e988bd862e3fe1be46a994272793-"), "{head}");
}

#[tokio::test]
async fn a_message_that_is_in_slack_is_acknowledged_although_its_claim_cannot_be_completed() {
    let desk = Desk::new(vec![posted()]).await;
    desk.notifier.claims.fail_next_finish(Fault::Transient);
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    assert_eq!(desk.count(Metric::SlackPosted), 1);
}

#[tokio::test]
async fn an_event_that_cannot_be_claimed_is_not_posted_and_comes_back() {
    let desk = Desk::new(vec![posted()]).await;
    desk.notifier.claims.fail_next_claim(Fault::Permanent);
    assert_eq!(desk.handle(batch([&tides("e1")])).await, ["m0"]);
    assert_eq!(desk.channels(), [""; 0]);
    desk.skip(Duration::from_secs(1));
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides"]);
}

#[tokio::test]
async fn an_event_that_a_dead_invocation_was_posting_waits_for_its_lease_to_end() {
    let desk = Desk::new(vec![Reply::Nothing, posted()]).await;
    let killed = tokio::time::timeout(Duration::from_secs(1), desk.handle(batch([&tides("e1")]))).await;
    assert!(killed.is_err());
    assert_eq!(desk.channels(), ["#tides"], "it may be in the channel");
    desk.skip(Duration::from_secs(5));
    assert_eq!(desk.handle(batch([&tides("e1")])).await, ["m0"]);
    let [(_, wait)] = desk.delays()[..] else { panic!("not one delay") };
    assert!(wait > Duration::from_secs(20) && wait < Duration::from_secs(25), "{wait:?}");
    desk.skip(wait);
    assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides"], "rather twice than never");
}

/// A sender of CloudEvents names itself as it likes; dimensions cost money.
#[tokio::test]
async fn a_sender_that_names_itself_makes_no_dimension() {
    let desk = Desk::new(vec![]).await;
    for source in ["/harbour/1", "/harbour/2", "https://harbour.example.com/3"] {
        let own = Event::builder("e1", source, "tide.turned").build().unwrap();
        assert_eq!(desk.handle(batch([&own])).await, [""; 0]);
    }
    assert_eq!(desk.notifier.ports.dimensions(), ["any"]);
}

#[tokio::test]
async fn priming_posts_nothing() {
    let document = r##"{"api_url": "{server}", "token": "xoxb-made-up", "routes": [{"channel": "#everything"}]}"##;
    let primed = PrimingTest::start(document).await.consumer(|function| {
        let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
        Notifier {
            ports: function.ports.clone(),
            configuration: notify_slack::document(Arc::new(secrets), "tidegate"),
            claims: DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&function.aws), "claims"),
            payloads: Arc::new(S3Payloads::new(&function.http, &function.aws, "payloads")),
            slack: SlackClient::new(TIMEOUT, &function.priming),
            pace: Mutex::default(),
        }
    });
    let primed = primed.await;
    assert_eq!(primed.sent, ["GetSecretValue", "HEAD /"]);
    assert_eq!((primed.letters, primed.retried), (vec![], false));
    assert_eq!(primed.ports.total(Metric::SlackSkipped), 1);
}
