//! Composition: configuration, adapters, run.

use std::sync::Mutex;

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use notify_slack::slack::SlackClient;
use notify_slack::{Configuration, Notifier};
use tidegate_batch::sqs::SqsQueue;
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::ambient::{Ambient, System};
use tidegate_runtime::config::required;
use tidegate_runtime::consumer::Invocation;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&aws));
    let claims = DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&aws), required("IDEMPOTENCY_TABLE")?);
    let function = required("AWS_LAMBDA_FUNCTION_NAME")?;
    let notifier = Notifier {
        ambient: System,
        configuration: Configuration::new(secrets, &required("TIDEGATE_DEPLOYMENT")?),
        claims,
        payloads: S3Payloads::new(&http, &aws, required("PAYLOAD_BUCKET")?),
        queue: SqsQueue::new(
            aws_sdk_sqs::Client::new(&aws),
            required("NOTIFY_SLACK_QUEUE_URL")?,
            required("DEAD_LETTER_QUEUE_URL")?,
            &function,
        ),
        metrics: EmbeddedMetrics::new(&function),
        slack: SlackClient::default(),
        pace: Mutex::default(),
    };
    // While initialising there is a whole processor: open the connections the first message needs. Failing is no harm.
    let _ = tokio::join!(notifier.claims.warm(), notifier.configuration.load(System.now()));
    let notifier = &notifier;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
        let invocation =
            Invocation { request_id: event.context.request_id.clone(), deadline: event.context.deadline() };
        notifier.handle(event.payload, invocation).await.map_err(Error::from)
    }))
    .await
}
