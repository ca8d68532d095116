//! An AWS and a Slack that agree to everything at once, so that what is measured is the function and not its services.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};
use tidegate_testkit::lambda_api::{Answer, Server, operation_of};

use crate::orders;

/// The secret that the benchmark's deliveries are signed with.
pub(crate) const WEBHOOK_SECRET: &str = "It's a Secret to Everybody";

/// Thirty-two bytes that sign nothing real.
const CALLBACK_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The webhook sources, `source-0` and so on, that have a Slack channel each.
pub(crate) const SLACK_SOURCES: u64 = 128;

/// The stub and what it was asked.
#[derive(Debug)]
pub(crate) struct Aws {
    server: Server,
    calls: Arc<Mutex<Vec<String>>>,
    written: Arc<Mutex<Written>>,
}

impl Aws {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let record = Arc::clone(&calls);
        let written: Arc<Mutex<Written>> = Arc::default();
        let found = Arc::clone(&written);
        let server = Server::start(move |request| {
            let operation = operation_of(&request);
            let answer = answer(&operation, &request, &mut found.lock().unwrap_or_else(PoisonError::into_inner));
            record.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
            async move { answer }
        })
        .await?;
        Ok(Self { server, calls, written })
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Nothing was written yet, for the next process that begins with the first event.
    pub(crate) fn forget_written(&self) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The operations asked for since the last time.
    pub(crate) fn take_calls(&self) -> Vec<String> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// By table and id, for a function that reads what it has written.
type Written = HashMap<String, Value>;

fn answer(operation: &str, request: &Request<Bytes>, written: &mut Written) -> Answer {
    match operation {
        "GetSecretValue" => secret(request),
        "DescribeSecret" => json_answer(&json!({"ARN": SECRET_ARN, "Name": "example"})),
        "Publish" => Answer::new(200, query_answer("Publish", &format!("<MessageId>{MESSAGE_ID}</MessageId>"))),
        "GetTopicAttributes" => Answer::new(200, query_answer("GetTopicAttributes", "<Attributes/>")),
        "SendMessage" => json_answer(&json!({"MessageId": MESSAGE_ID})),
        "POST /api/chat.postMessage" => json_answer(&json!({"ok": true, "channel": "C0EXAMPLE", "ts": "1.000100"})),
        "PublishBatch" => Answer::new(200, query_answer("PublishBatch", &first_of_batch())),
        "StartExecution" => json_answer(&json!({"executionArn": EXECUTION_ARN, "startDate": 1_772_352_900.0})),
        "GetItem" => {
            let asked = body(request);
            match written.get(&place(&asked, &asked["Key"])) {
                Some(item) => json_answer(&json!({"Item": item})),
                None => json_answer(&orders::found(&asked, host(request))),
            }
        }
        "PutItem" => {
            let mut asked = body(request);
            let item = asked["Item"].take();
            written.insert(place(&asked, &item), item);
            json_answer(&json!({}))
        }
        "POST /v1/payment_intents" => json_answer(&json!({"id": "pi_made_up", "status": "requires_capture"})),
        // Of S3 only success counts here; DynamoDB and SQS answer an empty object to what these functions ask.
        _ if request.method() == Method::POST => json_answer(&json!({})),
        _ => Answer::new(200, ""),
    }
}

const MESSAGE_ID: &str = "00000000-0000-4000-8000-000000000001";
const SECRET_ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:example";

const EXECUTION_ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1";

/// The relay gets one record at a time here, which says one event.
fn first_of_batch() -> String {
    format!("<Successful><member><Id>0</Id><MessageId>{MESSAGE_ID}</MessageId></member></Successful><Failed/>")
}

fn place(asked: &Value, key: &Value) -> String {
    format!("{} {}", asked["TableName"], key["id"]["S"])
}

fn body(request: &Request<Bytes>) -> Value {
    serde_json::from_slice(request.body()).unwrap_or_default()
}

/// Where this server answers.
fn host(request: &Request<Bytes>) -> &str {
    request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default()
}

fn secret(request: &Request<Bytes>) -> Answer {
    let (asked, host) = (body(request), host(request));
    let name = asked["SecretId"].as_str().unwrap_or_default();
    let document = if name.ends_with("/notify-slack") {
        // A channel for each source: Slack takes one message a second in each, and that wait is not what is measured.
        let route =
            |source: u64| json!({"source": format!("source-{source}"), "channel": format!("#deploys-{source}")});
        let routes: Vec<Value> = (0..SLACK_SOURCES).map(route).collect();
        // Slack is this server too.
        json!({"api_url": format!("http://{host}/api"), "token": "xoxb-example", "routes": routes})
    } else if name.ends_with("/stripe") {
        // And so is Stripe.
        json!({"api_url": format!("http://{host}"), "api_key": "sk_test_made_up"})
    } else if name.contains("/callbacks/") {
        json!({"secrets": [CALLBACK_SECRET]})
    } else {
        json!({"scheme": "github", "secrets": [WEBHOOK_SECRET]})
    };
    json_answer(&json!({
        "ARN": SECRET_ARN,
        "Name": name,
        "SecretString": document.to_string(),
        "VersionId": "00000000-0000-4000-8000-000000000002",
        "VersionStages": ["AWSCURRENT"],
    }))
}

fn json_answer(document: &Value) -> Answer {
    Answer::new(200, document.to_string())
}

fn query_answer(operation: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><{operation}Result>{result}\
         </{operation}Result><ResponseMetadata><RequestId>{MESSAGE_ID}</RequestId></ResponseMetadata></{operation}Response>"
    )
}
