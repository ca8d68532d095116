//! Composition: configuration, adapters, run.

use health::{Look, answer};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::de::IgnoredAny;
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::config::required;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::sns::SnsTopic;
use tidegate_runtime::{PortError, aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let deployment = required("TIDEGATE_DEPLOYMENT")?;
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let claims = DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&aws), required("IDEMPOTENCY_TABLE")?);
    let topic = SnsTopic::new(aws_sdk_sns::Client::new(&aws), required("EVENTS_TOPIC_ARN")?);
    let payloads = S3Payloads::new(&http, &aws, required("PAYLOAD_BUCKET")?);
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&aws));
    let secret = format!("{deployment}/notify-slack");

    lambda_runtime::run(service_fn(async |_: LambdaEvent<IgnoredAny>| {
        let looks: Vec<(&str, Look<'_>)> = vec![
            ("dynamodb", Box::pin(async { claims.reach().await.map_err(unreachable) })),
            ("sns", Box::pin(topic.reach())),
            ("s3", Box::pin(payloads.reach())),
            ("secretsmanager", Box::pin(secrets.reach(&secret))),
        ];
        Ok::<_, Error>(answer(&deployment, looks).await)
    }))
    .await
}

fn unreachable(error: tidegate_idempotency::StoreError) -> PortError {
    PortError { operation: "reach", what: "the idempotency table".to_owned(), transient: true, source: Box::new(error) }
}
