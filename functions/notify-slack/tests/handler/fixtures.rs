//! Queue records, and the handler with everything it stands on. Token and events are made up.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use notify_slack::Notifier;
use notify_slack::slack::SlackClient;
use serde_json::{Value, json};
use tidegate_batch::Reason;
use tidegate_cloudevents::{Event, messaging};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::{MemoryClaims, MemoryPayloads, MemorySecrets, TestConsumer, TestPorts};

use crate::server::{Reply, Server};

pub(crate) const TOKEN: &str = "xoxb-made-up-token";
pub(crate) const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN_ID: &str = "00f067aa0ba902b7";

/// Slack says that the message is in the channel.
pub(crate) fn posted() -> Reply {
    Reply::with("200 OK", r#"{"ok":true}"#)
}

/// Slack refuses with its own word for why.
pub(crate) fn refused(word: &str) -> Reply {
    Reply::with("200 OK", &format!(r#"{{"ok":false,"error":"{word}"}}"#))
}

/// A push of one commit.
pub(crate) fn push(repository: &str, branch: &str) -> Vec<u8> {
    let url = format!("https://github.com/{repository}");
    let commit = json!({"id": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c", "message": "Mend the moon table"});
    let push = json!({
        "ref": format!("refs/heads/{branch}"),
        "repository": {"full_name": repository, "html_url": url},
        "sender": {"login": "mona-example"},
        "commits": [commit],
    });
    push.to_string().into_bytes()
}

/// An event as receive-webhook publishes it.
pub(crate) fn event(id: &str, ty: &str, data: &[u8]) -> Event {
    let traceparent = format!("00-{TRACE_ID}-{SPAN_ID}-01");
    let event = Event::builder(id, "/webhooks/github", ty).extension("traceparent", traceparent);
    event.data_json(data).build().unwrap()
}

/// A push that is routed to `#tides`.
pub(crate) fn tides(id: &str) -> Event {
    event(id, "com.github.push", &push("octo-harbour/tide-tables", "main"))
}

/// A push that is routed to `#charts`.
pub(crate) fn charts(id: &str) -> Event {
    event(id, "com.github.push", &push("octo-harbour/charts", "main"))
}

/// A batch, whose records are `m0`, `m1` and so on, received for the first time.
pub(crate) fn batch<'a>(events: impl IntoIterator<Item = &'a Event>) -> SqsEvent {
    tidegate_testkit::batch(events.into_iter().map(messaging::to_body), 1)
}

/// The handler, and Slack.
pub(crate) struct Desk {
    pub(crate) notifier: TestConsumer<Notifier<MemoryClaims>>,
    pub(crate) payloads: MemoryPayloads,
    pub(crate) secrets: MemorySecrets,
    pub(crate) slack: Server,
}

impl Desk {
    /// With a Slack that answers so, request by request.
    pub(crate) async fn new(replies: Vec<Reply>) -> Self {
        let slack = Server::start(replies).await;
        let secrets = MemorySecrets::default();
        let payloads = MemoryPayloads::default();
        let notifier = TestConsumer::new(TestPorts::at(1_790_000_000), |ports| Notifier {
            ports,
            configuration: notify_slack::document(Arc::new(secrets.clone()), "tidegate"),
            claims: MemoryClaims::default(),
            payloads: Arc::new(payloads.clone()),
            slack: SlackClient::default(),
            pace: Mutex::default(),
        });
        let desk = Self { notifier, payloads, secrets, slack };
        desk.configure(&desk.document());
        desk
    }

    /// The document that fits the Slack at hand.
    pub(crate) fn document(&self) -> String {
        let route = |repository, channel| json!({"source": "github", "repository": repository, "channel": channel});
        let routes = [route("octo-harbour/tide-*", "#tides"), route("octo-harbour/charts", "#charts")];
        json!({"api_url": self.slack.api_url.to_string(), "token": TOKEN, "routes": routes}).to_string()
    }

    pub(crate) fn configure(&self, document: &str) {
        self.secrets.put("tidegate/notify-slack", document);
    }

    pub(crate) fn skip(&self, time: Duration) {
        self.notifier.ports.skip(time);
    }

    /// Handles a batch and returns the ids of the records that stay in the queue.
    pub(crate) async fn handle(&self, batch: SqsEvent) -> Vec<String> {
        self.notifier.handle_batch(batch).await
    }

    /// The channels that something was posted to since the last look, in order.
    pub(crate) fn channels(&self) -> Vec<String> {
        let requests = self.slack.seen().requests;
        let channel = |(_, body): &(String, String)| {
            let body: Value = serde_json::from_str(body).unwrap();
            body["channel"].as_str().unwrap().to_owned()
        };
        requests.iter().map(channel).collect()
    }

    /// The delays that the queue was told of since the last look.
    pub(crate) fn delays(&self) -> Vec<(String, Duration)> {
        self.notifier.delays()
    }

    /// The dead letters since the last look: record, reason, text.
    pub(crate) fn letters(&self) -> Vec<(String, Reason, String)> {
        self.notifier.letters()
    }

    pub(crate) fn count(&self, metric: Metric) -> u64 {
        self.notifier.count(metric)
    }
}
