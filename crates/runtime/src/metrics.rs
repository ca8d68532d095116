//! Metrics in CloudWatch's embedded metric format: a JSON line that CloudWatch turns into metrics without any call
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use std::io::Write;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

/// Every metric that exists. The names stand in the dashboard's template too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// A delivery was verified, claimed and published.
    WebhookAccepted,
    /// A delivery had been published before.
    WebhookDuplicate,
    /// A delivery was refused: bad signature, malformed, too large.
    WebhookRefused,
    /// A delivery could not be published and was handed back to its sender.
    WebhookFailed,
    /// A message reached Slack.
    SlackPosted,
    /// An event had been posted before, or says nothing that a channel wants.
    SlackSkipped,
    /// A message waits and comes back.
    MessageDelayed,
    /// A message went to the dead-letter queue.
    MessageDeadLettered,
    /// A command was decided about and committed.
    CommandHandled,
    /// A command had been handled before.
    CommandRepeated,
    /// A command failed: it comes back, or is set aside.
    CommandFailed,
    /// A committed event was published.
    RelayPublished,
    /// A workflow took its answer.
    RelayAnswered,
    /// An answer came too late, or a second time: nobody waited for it.
    RelayExpired,
    /// A batch of a stream could not be said to its end, and comes again.
    RelayStopped,
    /// A workflow was started.
    WorkflowStarted,
    /// A workflow had been started before, by the same event.
    WorkflowRepeated,
    /// An event has its entry in an order's timeline.
    TimelineRecorded,
    /// A client was told the outcome of its order.
    CallbackDelivered,
    /// An attempt to tell one has failed.
    CallbackFailed,
    /// An endpoint wants no callbacks: it has just said so, or had before.
    CallbackDisabled,
    /// No attempt is left to tell one.
    CallbackGivenUp,
}

impl Metric {
    /// The name in CloudWatch.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::WebhookAccepted => "WebhookAccepted",
            Self::WebhookDuplicate => "WebhookDuplicate",
            Self::WebhookRefused => "WebhookRefused",
            Self::WebhookFailed => "WebhookFailed",
            Self::SlackPosted => "SlackPosted",
            Self::SlackSkipped => "SlackSkipped",
            Self::MessageDelayed => "MessageDelayed",
            Self::MessageDeadLettered => "MessageDeadLettered",
            Self::CommandHandled => "CommandHandled",
            Self::CommandRepeated => "CommandRepeated",
            Self::CommandFailed => "CommandFailed",
            Self::RelayPublished => "RelayPublished",
            Self::RelayAnswered => "RelayAnswered",
            Self::RelayExpired => "RelayExpired",
            Self::RelayStopped => "RelayStopped",
            Self::WorkflowStarted => "WorkflowStarted",
            Self::WorkflowRepeated => "WorkflowRepeated",
            Self::TimelineRecorded => "TimelineRecorded",
            Self::CallbackDelivered => "CallbackDelivered",
            Self::CallbackFailed => "CallbackFailed",
            Self::CallbackDisabled => "CallbackDisabled",
            Self::CallbackGivenUp => "CallbackGivenUp",
        }
    }
}

/// Where a handler's counts go.
pub trait Metrics: Send + Sync {
    /// Counts, with one dimension beside the function's name (for instance `source`, which is an operator's own word
    /// and so of bounded variety).
    fn count(&self, at: SystemTime, dimension: (&'static str, &str), counts: &[(Metric, u64)]);
}

/// Writes counts to standard output in the embedded metric format.
#[derive(Clone, Debug)]
pub struct EmbeddedMetrics {
    function: String,
}

impl EmbeddedMetrics {
    /// Metrics of the function of that name.
    #[must_use]
    pub fn new(function: impl Into<String>) -> Self {
        Self { function: function.into() }
    }

    fn line(&self, at: SystemTime, (dimension, value): (&'static str, &str), counts: &[(Metric, u64)]) -> String {
        let millis = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut line = Map::new();
        line.insert("function".to_owned(), json!(self.function));
        line.insert(dimension.to_owned(), json!(value));
        let mut metrics = Vec::new();
        for (metric, count) in counts {
            line.insert(metric.name().to_owned(), json!(count));
            metrics.push(json!({ "Name": metric.name(), "Unit": "Count" }));
        }
        let namespace = json!({ "Namespace": "Tidegate", "Dimensions": [["function", dimension]], "Metrics": metrics });
        let timestamp = u64::try_from(millis).unwrap_or_default();
        line.insert("_aws".to_owned(), json!({ "Timestamp": timestamp, "CloudWatchMetrics": [namespace] }));
        Value::Object(line).to_string()
    }
}

impl Metrics for EmbeddedMetrics {
    fn count(&self, at: SystemTime, dimension: (&'static str, &str), counts: &[(Metric, u64)]) {
        if !counts.is_empty() {
            // A metric that cannot be written is not worth failing a delivery for.
            let _ = writeln!(std::io::stdout(), "{}", self.line(at, dimension, counts));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_what_the_specification_asks_for() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let line =
            EmbeddedMetrics::new("receive-webhook").line(at, ("source", "github"), &[(Metric::WebhookAccepted, 2)]);
        assert_eq!(
            serde_json::from_str::<Value>(&line).unwrap(),
            json!({
                "_aws": {
                    "Timestamp": 1_700_000_000_123_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "Tidegate",
                        "Dimensions": [["function", "source"]],
                        "Metrics": [{"Name": "WebhookAccepted", "Unit": "Count"}],
                    }],
                },
                "function": "receive-webhook",
                "source": "github",
                "WebhookAccepted": 2,
            })
        );
    }
}
