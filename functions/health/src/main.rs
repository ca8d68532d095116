//! Composition: configuration, adapters, run.

use health::Health;
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::config::required;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::sns::SnsTopic;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let health = Health {
        deployment: required("TIDEGATE_DEPLOYMENT")?,
        claims: DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&function.aws), required("IDEMPOTENCY_TABLE")?),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&function.aws), required("EVENTS_TOPIC_ARN")?),
        payloads: S3Payloads::new(&function.http, &function.aws, required("PAYLOAD_BUCKET")?),
        secrets: SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws)),
    };
    function.serve(health).await
}
