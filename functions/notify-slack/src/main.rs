//! Composition: configuration, adapters, run.

use std::sync::{Arc, Mutex};

use notify_slack::slack::{SlackClient, TIMEOUT};
use notify_slack::{Notifier, document};
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::config::required;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
    let notifier = Notifier {
        ports: function.ports.clone(),
        configuration: document(Arc::new(secrets), &required("TIDEGATE_DEPLOYMENT")?),
        claims: DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&function.aws), required("IDEMPOTENCY_TABLE")?),
        payloads: Arc::new(S3Payloads::new(&function.http, &function.aws, required("PAYLOAD_BUCKET")?)),
        slack: SlackClient::new(TIMEOUT, &function.priming),
        pace: Mutex::default(),
    };
    function.consume("NOTIFY_SLACK_QUEUE_URL", notifier).await
}
