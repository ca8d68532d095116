//! Numbers that hang together, each held with the production's own value. docs/numbers.md lists them.

#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::path::Path;
use std::time::Duration;

use deliver_callback::ATTEMPT_TIME;
use notify_slack::Notifier;
use record_timeline::Recorder;
use record_timeline::dynamodb::DynamoDbTimelines;
use start_workflow::WorkflowStarter;
use start_workflow::sfn::SfnWorkflows;
use tidegate_architecture::machine::{self, Machine};
use tidegate_architecture::numbers::{
    self, Consumer, EXECUTION_NAME, EXECUTION_REDRIVE, SNS_RETRIES, STREAM, consumers, covers, giving_up,
};
use tidegate_architecture::template::{self, Template};
use tidegate_batch::Policy;
use tidegate_callbacks::schedule;
use tidegate_idempotency::MemoryStore;
use tidegate_runtime::queue::Handler;
use tidegate_webhooks::Source;

/// What a write to DynamoDB takes at most, with its retries, and the batch's own reserve (`tidegate_runtime::aws`).
const WRITE: Duration = Duration::from_secs(4);
/// How long senders deliver again by themselves. Pub/Sub's default retention is the longest.
const SENDERS: &[(&str, u64)] =
    &[("GitHub", 3), ("Stripe", 3), ("Slack", 1), ("Shopify", 2), ("Svix", 2), ("Event Grid", 1), ("Pub/Sub", 7)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn templates() -> Vec<Template> {
    template::read_all(&root().join("infra")).unwrap()
}

fn machines() -> Vec<Machine> {
    machine::read_all(&root().join("statemachines")).unwrap()
}

fn consumer(name: &str) -> Consumer {
    consumers(&templates()).into_iter().find(|it| it.name == name).unwrap()
}

/// Each consumer's policy, and the longest delay that its handler asks for.
fn policy(consumer: &str) -> (Policy, Duration) {
    match consumer {
        "notify-slack" => (Notifier::<MemoryStore>::policy(), notify_slack::slack::LONGEST_WAIT),
        "start-workflow" => (WorkflowStarter::<SfnWorkflows>::policy(), Duration::ZERO),
        "record-timeline" => (Recorder::<DynamoDbTimelines>::policy(), Duration::ZERO),
        "payments-worker" => (tidegate_worker::policy(), payments_worker::stripe::LONGEST_WAIT),
        "orders-worker" | "inventory-worker" | "shipping-worker" => (tidegate_worker::policy(), Duration::ZERO),
        "deliver-callback" => (schedule::policy(), Duration::ZERO), // its waits are the schedule's: see below
        other => panic!("{other}: which policy, and which delay does its handler ask for at most?"),
    }
}

#[track_caller]
fn assert_none(violations: impl IntoIterator<Item = String>) {
    let violations: Vec<_> = violations.into_iter().collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

#[test]
fn a_function_gives_up_before_its_queue_does_and_before_a_message_is_too_old() {
    let consumers = consumers(&templates());
    assert!(consumers.len() >= 8, "{consumers:?}");
    for consumer in &consumers {
        let (policy, asked) = policy(&consumer.name);
        assert_none(giving_up(consumer, policy.max_receives, asked.max(policy.max_delay)));
    }
}

#[test]
fn the_queue_of_callbacks_outlives_their_schedule() {
    let (queue, life) = (consumer("deliver-callback"), schedule::longest_life(&schedule::schedule()));
    assert_none(covers("deliver-callback: the queue's retention", queue.retention, "every wait of the schedule", life));
}

#[test]
fn an_attempt_of_each_consumer_fits_into_its_invocation() {
    let slack = consumer("notify-slack");
    let paced = notify_slack::pace::INTERVAL * slack.batch_size + notify_slack::POST_TIME;
    let stripe = payments_worker::stripe::TIMEOUT + WRITE * 2 + Policy::default().reserve;
    let post = notify_slack::slack::TIMEOUT + WRITE * 2 + Policy::default().reserve;
    assert_none(
        [
            covers("notify-slack: Timeout", slack.timeout, "a batch to one channel at its pace", paced),
            covers("notify-slack: POST_TIME", notify_slack::POST_TIME, "claim, post and completion", post),
            covers("payments-worker: Timeout", consumer("payments-worker").timeout, "a call to Stripe", stripe),
            covers("deliver-callback: Timeout", consumer("deliver-callback").timeout, "an attempt", ATTEMPT_TIME),
        ]
        .into_iter()
        .flatten(),
    );
}

#[test]
fn a_worker_is_heard_of_before_its_saga_gives_up_and_tries_until_it_has() {
    let policy = tidegate_worker::policy();
    for worker in consumers(&templates()).iter().filter(|it| it.name.ends_with("-worker")) {
        assert_none(numbers::heartbeats(&machines(), worker, policy.max_delay));
    }
    // Full jitter: half of each back-off on average.
    let delays =
        (0..policy.max_receives - 1).map(|n| (policy.base_delay * 2_u32.pow(n.min(20))).min(policy.max_delay) / 2);
    assert_none(numbers::timeouts(&machines(), delays.sum()));
}

#[test]
fn a_parked_compensation_waits_for_a_person_for_less_than_an_executions_life() {
    assert_none(numbers::parks(&machines()));
}

#[test]
fn a_payment_is_captured_before_its_authorisation_lapses() {
    // Stripe's for cards: https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
    let machines = machines();
    let longest = numbers::longest_between(&machines[0], "AuthorisePayment", "CapturePayment");
    assert_none(covers("Stripe's authorisation", days(7), "the steps from authorisation to capture", longest));
}

#[test]
fn proofs_outlive_the_commands_they_recognise() {
    for worker in consumers(&templates()).iter().filter(|it| it.name.ends_with("-worker")) {
        let life = worker.retention + worker.dead_letters + EXECUTION_REDRIVE;
        let needed = format!("{}: queue, dead letters and redrive of an execution", worker.name);
        assert_none(covers("PROOFS_KEPT", tidegate_outbox::PROOFS_KEPT, &needed, life));
    }
}

#[test]
fn what_was_done_is_recognised_for_as_long_as_it_can_come_again() {
    let posted = consumer("notify-slack").message_life();
    let started = SNS_RETRIES + consumer("start-workflow").message_life();
    let longest = SENDERS.iter().map(|(_, days)| *days).max().unwrap();
    let (delivery, signature) = (receive_webhook::RECOGNISED_FOR, receive_webhook::SIGNATURE_RECOGNISED_FOR);
    assert_none(
        [
            covers("notify-slack: RECOGNISED_FOR", notify_slack::RECOGNISED_FOR, "a message's life", posted),
            covers("an execution's name", EXECUTION_NAME, "an event's life on its way to start-workflow", started),
            covers("receive-webhook: RECOGNISED_FOR", delivery, "senders' own redeliveries", days(longest)),
            covers("receive-webhook: SIGNATURE_RECOGNISED_FOR", signature, "redeliveries", delivery),
        ]
        .into_iter()
        .flatten(),
    );
    // A signed timestamp that is still accepted must still be recognised.
    let tolerance = delivery.as_secs() + 1;
    let document = format!(r#"{{"scheme": "stripe", "secrets": ["long enough"], "tolerance_secs": {tolerance}}}"#);
    assert!(Source::from_json(document.as_bytes()).is_err(), "a tolerance of {tolerance} s is accepted");
}

#[test]
fn the_api_waits_longer_than_its_functions_take() {
    let templates = templates();
    assert!(templates.iter().any(|it| it.of_kind("AWS::ApiGatewayV2::Integration").next().is_some()));
    assert_none(templates.iter().flat_map(numbers::integrations));
}

#[test]
fn a_message_fits_wherever_it_goes() {
    let templates = templates();
    let largest = tidegate_runtime::sns::MAX_MESSAGE_BYTES as u64;
    let queues: Vec<_> = templates.iter().flat_map(|it| it.of_kind("AWS::SQS::Queue")).collect();
    assert!(!queues.is_empty());
    for queue in queues {
        let most = queue.properties["MaximumMessageSize"].as_u64().unwrap_or(262_144);
        assert!(most >= largest, "{} takes {most} bytes, the topic sends up to {largest}", queue.id);
    }
    let bodies: Vec<_> =
        templates.iter().map(|it| &it.root()["Parameters"]["MaxBodyBytes"]).filter(|it| !it.is_null()).collect();
    assert!(!bodies.is_empty());
    for body in bodies {
        // Lambda takes 6 MB, and API Gateway sends what is no text in base64, a third longer.
        let most = body["MaxValue"].as_u64().unwrap();
        assert!(most * 4 / 3 < 6 * 1024 * 1024 - 64 * 1024, "{most}");
    }
}

#[test]
fn alarms_ring_after_what_is_usual_and_before_what_is_lost() {
    let templates = templates();
    let lag = numbers::thresholds(&templates, "IteratorAge", "relay-outbox");
    assert!(!lag.is_empty());
    for millis in lag {
        assert_none(covers("a stream's retention", STREAM, "the alarm's threshold", Duration::from_millis(millis) * 2));
    }
    let age = numbers::thresholds(&templates, "ApproximateAgeOfOldestMessage", "notify-slack");
    assert!(!age.is_empty());
    for secs in age {
        let usual = Notifier::<MemoryStore>::policy().max_delay;
        assert_none(covers(
            "the alarm on notify-slack's age",
            Duration::from_secs(secs),
            "the longest back-off",
            usual,
        ));
    }
    // SQS leaves out what was received more than three times.
    let schedule = schedule::schedule();
    let first: Duration = (1..4).filter_map(|made| schedule.delay_before(made, u64::MAX, None)).sum();
    let age = numbers::thresholds(&templates, "ApproximateAgeOfOldestMessage", "deliver-callback");
    assert!(!age.is_empty());
    for secs in age {
        assert_none(covers("the alarm on callbacks' age", Duration::from_secs(secs), "the first three waits", first));
    }
}

#[test]
fn every_pair_that_is_listed_has_its_test() {
    let listed = std::fs::read_to_string(root().join("docs/numbers.md")).unwrap();
    let tests = std::fs::read_to_string(root().join("tests/architecture/tests/numbers.rs")).unwrap();
    let tests = tests + &std::fs::read_to_string(root().join("tests/architecture/tests/repository.rs")).unwrap();
    let named: Vec<_> = listed.lines().filter_map(|line| line.strip_suffix("` |")?.rsplit('`').next()).collect();
    assert!(named.len() > 10, "{named:?}");
    let absent: Vec<_> = named.iter().filter(|it| !tests.contains(&format!("fn {it}()"))).collect();
    assert!(absent.is_empty(), "{absent:?}");
}
