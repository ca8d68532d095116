//! Composition: configuration, adapters, run.

use std::sync::Arc;

use receive_webhook::{Receiver, Sources, WebKeys};
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::config::{number, required};
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::sns::SnsTopic;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
    let receiver = Receiver {
        max_body_bytes: number("MAX_BODY_BYTES", 1024 * 1024)?,
        ports: function.ports.clone(),
        sources: Sources::new(Arc::new(secrets), &required("TIDEGATE_DEPLOYMENT")?, Arc::new(WebKeys::default())),
        claims: DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&function.aws), required("IDEMPOTENCY_TABLE")?),
        topic: Arc::new(SnsTopic::new(aws_sdk_sns::Client::new(&function.aws), required("EVENTS_TOPIC_ARN")?)),
        payloads: Arc::new(S3Payloads::new(&function.http, &function.aws, required("PAYLOAD_BUCKET")?)),
    };
    function.serve(receiver).await
}
