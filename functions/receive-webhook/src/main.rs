//! Composition: configuration, adapters, run.

use std::sync::Arc;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use receive_webhook::{Invocation, Receiver, Settings, Sources, WebKeys};
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::ambient::System;
use tidegate_runtime::config::{number, required};
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::sns::SnsTopic;
use tidegate_runtime::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let receiver = Arc::new(Receiver {
        settings: Settings {
            deployment: required("TIDEGATE_DEPLOYMENT")?,
            max_body_bytes: number("MAX_BODY_BYTES", 1024 * 1024)?,
        },
        ambient: System,
        sources: Sources::new(SecretsManager(aws_sdk_secretsmanager::Client::new(&aws)), WebKeys::default()),
        claims: DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&aws), required("IDEMPOTENCY_TABLE")?),
        topic: SnsTopic::new(aws_sdk_sns::Client::new(&aws), required("EVENTS_TOPIC_ARN")?),
        payloads: S3Payloads::new(&http, &aws, required("PAYLOAD_BUCKET")?),
        metrics: EmbeddedMetrics::new(required("AWS_LAMBDA_FUNCTION_NAME")?),
    });
    // While initialising there is a whole processor: open the connections the first delivery needs. Failing is no harm.
    let (sources, deployment) = (&receiver.sources, &receiver.settings.deployment);
    let _ = tokio::join!(receiver.claims.warm(), receiver.topic.reach(), sources.warm(deployment));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let receiver = Arc::clone(&receiver);
        async move {
            let invocation = Invocation {
                request_id: event.context.request_id.clone(),
                deadline: event.context.deadline(),
                xray: event.context.xray_trace_id.clone(),
            };
            Ok::<_, Error>(receiver.handle(event.payload, invocation).await)
        }
    }))
    .await
}
