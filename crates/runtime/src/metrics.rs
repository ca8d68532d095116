//! Metrics in CloudWatch's embedded metric format: a JSON line that CloudWatch turns into metrics without any call
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>).

use std::time::SystemTime;

use serde_json::{Map, Value, json};

macro_rules! metrics {
    ($($(#[$meaning:meta])* $metric:ident,)*) => {
        /// Every metric that exists. The names stand in the dashboards' templates too.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric { $($(#[$meaning])* $metric,)* }

        impl Metric {
            /// The name in CloudWatch.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$metric => stringify!($metric),)* }
            }
        }
    };
}

metrics! {
    /// A delivery was verified, claimed and published.
    WebhookAccepted,
    /// A delivery had been published before.
    WebhookDuplicate,
    /// A delivery was rejected: bad signature, malformed, too large.
    WebhookRejected,
    /// A delivery could not be published, and its sender was asked to retry.
    WebhookFailed,
    SlackPosted,
    /// An event is a duplicate, or no message is made of it for any channel.
    SlackSkipped,
    /// A message stays in the queue and will be received again.
    MessageRetried,
    MessageDeadLettered,
    /// A command was decided and committed.
    CommandHandled,
    /// A command had been handled before.
    CommandDuplicate,
    /// A command failed: it is retried, or goes to the dead-letter queue.
    CommandFailed,
    RelayPublished,
    /// A workflow took the reply to its command.
    RelayReplied,
    /// A reply was late or a duplicate: its task token was no longer valid.
    RelayExpired,
    /// A batch of a stream was not relayed to its end, and is retried.
    RelayStopped,
    WorkflowStarted,
    /// A workflow had been started before, by the same event.
    WorkflowDuplicate,
    /// An event has its entry in an order's timeline.
    TimelineRecorded,
    CallbackDelivered,
    /// One attempt failed.
    CallbackFailed,
    /// An endpoint wants no callbacks: by its response to this one, or to one before.
    CallbackDisabled,
    /// No attempt is left.
    CallbackExhausted,
}

/// The line of some counts, with one dimension beside the function's name.
pub(crate) fn line(
    function: &str,
    at: SystemTime,
    (dimension, value): (&'static str, &str),
    counts: &[(Metric, u64)],
) -> String {
    let millis = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let mut line = Map::new();
    line.insert("function".to_owned(), json!(function));
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_what_the_specification_asks_for() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let line = line("receive-webhook", at, ("source", "github"), &[(Metric::WebhookAccepted, 2)]);
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
