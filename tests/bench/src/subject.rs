//! The functions that are measured: one row each.

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::aws::{SLACK_SOURCES, WEBHOOK_SECRET};
use crate::orders;

/// A real push in all but its names, as GitHub writes it.
pub(crate) const PUSH: &str = include_str!("../fixtures/push.json").trim_ascii_end();

/// One function: its name is that of its binary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) environment: &'static [(&'static str, &'static str)],
    /// The event of the n-th call. Each has its own id, so that none is taken for a repetition.
    pub(crate) event: fn(u64) -> Value,
    /// Whether an answer shows that the work was done. What is measured must not be a refusal.
    pub(crate) done: fn(&Value) -> bool,
}

/// What the others are compared with.
pub(crate) const EMPTY: Subject =
    Subject { name: "empty-function", environment: &[], event: |_| json!({}), done: |_| true };

/// The one that strangers reach.
pub(crate) const RECEIVE_WEBHOOK: Subject = Subject {
    name: "receive-webhook",
    environment: ENVIRONMENT,
    event: delivery,
    done: |answer| answer["statusCode"] == 202,
};

/// Those of the backbone; [`orders::FUNCTIONS`] follow.
const FUNCTIONS: &[Subject] = &[
    RECEIVE_WEBHOOK,
    Subject {
        name: "notify-slack",
        environment: ENVIRONMENT,
        event: batch_of_one,
        done: |answer| answer["batchItemFailures"].as_array().is_none_or(Vec::is_empty),
    },
    Subject {
        name: "health",
        environment: ENVIRONMENT,
        event: |call| http_request("GET", "/health", call, json!({}), None),
        done: |answer| answer["statusCode"] == 200,
    },
];

/// As `infra/` sets it; a function takes what it needs.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("TIDEGATE_DEPLOYMENT", "tidegate"),
    ("IDEMPOTENCY_TABLE", "tidegate-idempotency"),
    ("EVENTS_TOPIC_ARN", "arn:aws:sns:us-east-1:000000000000:tidegate-events"),
    ("PAYLOAD_BUCKET", "tidegate-payloads-example"),
    ("NOTIFY_SLACK_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-notify-slack"),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/tidegate-notify-slack-dlq"),
];

/// The functions of these names, or all, after the empty one.
pub(crate) fn chosen(names: &[String]) -> anyhow::Result<Vec<Subject>> {
    let mut chosen = vec![EMPTY];
    if names.is_empty() {
        chosen.extend(FUNCTIONS.iter().chain(orders::FUNCTIONS));
        return Ok(chosen);
    }
    for name in names.iter().filter(|name| *name != EMPTY.name) {
        let known = FUNCTIONS.iter().chain(orders::FUNCTIONS).find(|subject| subject.name == name);
        chosen.push(*known.with_context(|| format!("no function is called {name}"))?);
    }
    Ok(chosen)
}

/// `sha256=` and the hexadecimal HMAC of a body, as GitHub sends it.
pub(crate) fn signature(body: &[u8]) -> String {
    // A key of any length is a key to HMAC; the type allows for MACs where it is not so.
    let mac = Hmac::<Sha256>::new_from_slice(WEBHOOK_SECRET.as_bytes()).map(|mac| mac.chain_update(body));
    mac.map(|mac| format!("sha256={}", hex::encode(mac.finalize().into_bytes()))).unwrap_or_default()
}

fn delivery(call: u64) -> Value {
    let headers = json!({
        "content-type": "application/json",
        "user-agent": "GitHub-Hookshot/example",
        "x-github-delivery": delivery_id(call),
        "x-github-event": "push",
        "x-hub-signature-256": signature(PUSH.as_bytes()),
    });
    http_request("POST", "/webhooks/github", call, headers, Some(PUSH))
}

/// What API Gateway's HTTP API sends in payload format 2.0.
pub(crate) fn http_request(method: &str, path: &str, call: u64, headers: Value, body: Option<&str>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {}", path.replace("/github", "/{source}")),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": {"source": "github"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "example",
            "domainName": "example.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "example",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "GitHub-Hookshot/example",
            },
            "requestId": format!("request-{call}"),
            "routeKey": format!("{method} {}", path.replace("/github", "/{source}")),
            "stage": "$default",
            "time": "01/Mar/2026:08:15:00 +0000",
            "timeEpoch": 1_772_352_900_000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// What the event source mapping sends: SNS delivers raw, so the body is the event.
fn batch_of_one(call: u64) -> Value {
    let event = format!(
        "{{\"specversion\":\"1.0\",\"id\":\"{}\",\"source\":\"/webhooks/source-{}\",\"type\":\"com.github.push\",\
         \"subject\":\"octo-harbour/tide-tables\",\"time\":\"2026-03-01T08:15:00Z\",\
         \"datacontenttype\":\"application/json\",\"data\":{PUSH}}}",
        delivery_id(call),
        call % SLACK_SOURCES,
    );
    json!({"Records": [sqs_record(&delivery_id(call), &event)]})
}

/// A record as the event source mapping hands it over, received for the first time.
pub(crate) fn sqs_record(id: &str, body: &str) -> Value {
    json!({
        "messageId": id,
        "receiptHandle": "example",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1772352900000",
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": "1772352900001",
        },
        "messageAttributes": {},
        "md5OfBody": "00000000000000000000000000000000",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:tidegate-notify-slack",
        "awsRegion": "us-east-1",
    })
}

fn delivery_id(call: u64) -> String {
    format!("00000000-0000-4000-8000-{call:012x}")
}
