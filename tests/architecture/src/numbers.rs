//! Numbers that hang together: what stands in a template or a state machine, held against the production's own value.
//! docs/numbers.md lists the pairs, `tests/numbers.rs` gives the values.

use std::time::Duration;

use serde_json::Value;

use crate::machine::{Machine, State};
use crate::template::{Resource, Template};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long SNS retries a delivery to a queue: 100,015 attempts over 23 days
/// (<https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>).
pub const SNS_RETRIES: Duration = DAY.saturating_mul(23);
/// How long an execution may take, and how long after its end its name is taken and it can be redriven
/// (<https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>).
pub const EXECUTION: Duration = DAY.saturating_mul(365);
/// See [`EXECUTION`].
pub const EXECUTION_NAME: Duration = DAY.saturating_mul(90);
/// See [`EXECUTION`].
pub const EXECUTION_REDRIVE: Duration = DAY.saturating_mul(14);
/// How long DynamoDB keeps a record of a stream.
pub const STREAM: Duration = DAY;

/// A function behind a queue, as its template has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    pub name: String,
    pub timeout: Duration,
    pub batch_size: u32,
    pub visibility: Duration,
    pub retention: Duration,
    /// `maxReceiveCount`.
    pub receives: u32,
    /// Retention of the dead-letter queue.
    pub dead_letters: Duration,
}

impl Consumer {
    /// How long a message may live, from its arrival in the queue: there, as a dead letter, and redriven once more in the
    /// queue.
    #[must_use]
    pub fn message_life(&self) -> Duration {
        self.retention + self.dead_letters + self.retention
    }
}

/// The consumers of a deployment, in the order of the templates.
#[must_use]
pub fn consumers(templates: &[Template]) -> Vec<Consumer> {
    let of = |template: &Template, mapping: Resource<'_>| {
        let function = template.target(&mapping.properties["FunctionName"])?;
        let queue = template.target(&mapping.properties["EventSourceArn"]).filter(|it| it.kind == "AWS::SQS::Queue")?;
        let redrive = &queue.properties["RedrivePolicy"];
        let letters = template.target(&redrive["deadLetterTargetArn"])?;
        Some(Consumer {
            name: crate::functions::crate_of(function)?.to_owned(),
            timeout: secs(&template.function_property(function, &["Timeout"])),
            batch_size: count(&mapping.properties["BatchSize"]),
            visibility: secs(&queue.properties["VisibilityTimeout"]),
            retention: secs(&queue.properties["MessageRetentionPeriod"]),
            receives: count(&redrive["maxReceiveCount"]),
            dead_letters: secs(&letters.properties["MessageRetentionPeriod"]),
        })
    };
    let mappings = |template| {
        Template::of_kind(template, "AWS::Lambda::EventSourceMapping").filter_map(move |it| of(template, it))
    };
    templates.iter().flat_map(mappings).collect()
}

/// A sentence where a value is less than what it has to cover.
#[must_use]
pub fn covers(what: &str, value: Duration, needed_for: &str, needed: Duration) -> Option<String> {
    (value < needed).then(|| format!("{what} is {value:?}, less than {needed:?}: {needed_for}"))
}

/// Whether a function gives a message up before its queue does: only the function attaches a reason, and a message must not
/// leave by its age. `longest_wait` is the longest delay that it asks for.
#[must_use]
pub fn giving_up(consumer: &Consumer, max_receives: u32, longest_wait: Duration) -> Vec<String> {
    let Consumer { name, receives, retention, .. } = consumer;
    let mut found = Vec::new();
    if *receives <= max_receives {
        found.push(format!("{name}: maxReceiveCount is {receives}, and the function gives up at {max_receives}"));
    }
    found.extend(covers(
        &format!("{name}: the queue's retention"),
        *retention,
        "the longest wait before every receive",
        longest_wait * max_receives,
    ));
    found
}

/// Whether a worker's heartbeats come in time: one is sent at each failure, the next at the receive after the longest
/// back-off, or after the visibility of a message whose worker died.
#[must_use]
pub fn heartbeats(machines: &[Machine], worker: &Consumer, max_delay: Duration) -> Vec<String> {
    let silence = max_delay.max(worker.visibility) + worker.timeout;
    let judge = |(machine, state): (&Machine, State<'_>)| {
        let what = format!("{}: {}: HeartbeatSeconds", machine.name, state.name);
        covers(&what, secs(&state.body["HeartbeatSeconds"]), "the longest silence of a worker", silence)
    };
    waiting(machines, false).filter_map(judge).collect()
}

/// Whether a worker is still at a command when the state that sent it times out: what comes after a message was given up
/// would find neither a reply nor a dead letter with its reason. `attempts` is how long a worker tries on average.
#[must_use]
pub fn timeouts(machines: &[Machine], attempts: Duration) -> Vec<String> {
    let judge = |(machine, state): (&Machine, State<'_>)| {
        let timeout = secs(&state.body["TimeoutSeconds"]);
        covers(
            "the average time of a worker's attempts",
            attempts,
            &format!("{}: {}", machine.name, state.name),
            timeout,
        )
    };
    waiting(machines, false).filter_map(judge).collect()
}

/// Whether a parked compensation can wait for a person as often as it asks, within an execution's life.
#[must_use]
pub fn parks(machines: &[Machine]) -> Vec<String> {
    let judge = |(machine, state): (&Machine, State<'_>)| {
        let asked = |retrier: &Value| {
            let attempts = count(&retrier["MaxAttempts"]);
            let heartbeat = if names_timeout(retrier) { secs(&state.body["HeartbeatSeconds"]) } else { Duration::ZERO };
            (heartbeat + secs(&retrier["MaxDelaySeconds"])) * attempts
        };
        let longest = secs(&state.body["HeartbeatSeconds"]) + state.handlers("Retry").map(asked).sum::<Duration>();
        covers(
            "an execution's life",
            EXECUTION,
            &format!("{}: {} waits for a person", machine.name, state.name),
            longest,
        )
    };
    waiting(machines, true).filter_map(judge).collect()
}

/// The longest time between two states of the straight path, the first not counted, every retry used.
#[must_use]
pub fn longest_between(machine: &Machine, from: &str, to: &str) -> Duration {
    let path = machine.straight_path();
    let between = path.iter().skip_while(|it| **it != from).skip(1);
    let longest = |state: State<'_>| {
        let retries: u32 = state.handlers("Retry").map(|it| count(&it["MaxAttempts"])).sum();
        let delays: Duration =
            state.handlers("Retry").map(|it| secs(&it["MaxDelaySeconds"]) * count(&it["MaxAttempts"])).sum();
        secs(&state.body["TimeoutSeconds"]) * (1 + retries) + delays
    };
    let mut total = Duration::ZERO;
    for name in between {
        total += machine.state(name).map(longest).unwrap_or_default();
        if *name == to {
            return total;
        }
    }
    Duration::MAX // no such way
}

/// Whether an integration with the HTTP API waits longer than its function may take, so that a timeout is the function's,
/// where it can be explained, and no longer than API Gateway lets it.
#[must_use]
pub fn integrations(template: &Template) -> Vec<String> {
    const LONGEST: Duration = Duration::from_secs(30);
    let judge = |integration: Resource<'_>| {
        let what = format!("{}: {}: TimeoutInMillis", template.name, integration.id);
        let waits = Duration::from_millis(integration.properties["TimeoutInMillis"].as_u64().unwrap_or(0));
        let function = template.target(&integration.properties["IntegrationUri"]);
        let timeout = function.map_or(Duration::MAX, |it| secs(&template.function_property(it, &["Timeout"])));
        let second = Duration::from_secs(1);
        covers(&what, waits, "the function's timeout and a second", timeout.saturating_add(second))
            .or_else(|| covers("API Gateway's limit", LONGEST, &what, waits))
    };
    template.of_kind("AWS::ApiGatewayV2::Integration").filter_map(judge).collect()
}

/// The thresholds of the alarms on a metric of a function or queue.
#[must_use]
pub fn thresholds(templates: &[Template], metric: &str, name: &str) -> Vec<u64> {
    let alarms = templates.iter().flat_map(|it| it.of_kind("AWS::CloudWatch::Alarm"));
    let watches = |alarm: &Resource<'_>| {
        let dimensions = alarm.properties["Dimensions"].as_array();
        alarm.properties["MetricName"] == metric
            && dimensions.is_some_and(|all| {
                all.iter()
                    .any(|it| it["Value"]["Fn::Sub"].as_str().is_some_and(|value| value.ends_with(&format!("-{name}"))))
            })
    };
    alarms.filter(watches).filter_map(|it| it.properties["Threshold"].as_u64()).collect()
}

fn waiting(machines: &[Machine], for_a_person: bool) -> impl Iterator<Item = (&Machine, State<'_>)> {
    machines
        .iter()
        .flat_map(|machine| machine.states().map(move |state| (machine, state)))
        .filter(move |(_, state)| state.waits_for_token() && state.asks_a_person() == for_a_person)
}

fn names_timeout(retrier: &Value) -> bool {
    crate::machine::names(retrier).any(|it| it == "States.HeartbeatTimeout")
}

fn secs(value: &Value) -> Duration {
    Duration::from_secs(value.as_u64().unwrap_or(0))
}

fn count(value: &Value) -> u32 {
    value.as_u64().and_then(|it| it.try_into().ok()).unwrap_or(0)
}

#[cfg(test)]
#[path = "numbers_tests.rs"]
mod tests;
