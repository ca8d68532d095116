//! Composition: configuration, adapters, run.
// Two SDKs' futures inside the runtime's are nested deeper than the compiler goes by default.
#![recursion_limit = "256"]

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use payments_worker::stripe::StripeClient;
use payments_worker::{Configuration, Payments};
use tidegate_batch::sqs::SqsQueue;
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::ambient::{Ambient, System};
use tidegate_runtime::config::required;
use tidegate_runtime::consumer::Invocation;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::{aws, telemetry};
use tidegate_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&aws));
    let function = required("AWS_LAMBDA_FUNCTION_NAME")?;
    let worker = Worker {
        ambient: System,
        queue: SqsQueue::new(
            aws_sdk_sqs::Client::new(&aws),
            required("PAYMENTS_QUEUE_URL")?,
            required("DEAD_LETTER_QUEUE_URL")?,
            &function,
        ),
        tasks: SfnTasks::new(aws_sdk_sfn::Client::new(&aws)),
        metrics: EmbeddedMetrics::new(&function),
        service: Payments {
            store: DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&aws), required("PAYMENTS_TABLE")?),
            configuration: Configuration::new(secrets, &required("TIDEGATE_DEPLOYMENT")?),
            stripe: StripeClient::default(),
        },
    };
    // While initialising there is a whole processor: open the connections the first command needs. Failing is no harm.
    tokio::join!(worker.service.store.warm(), worker.service.warm(System.now()));
    let worker = &worker;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
        let invocation =
            Invocation { request_id: event.context.request_id.clone(), deadline: event.context.deadline() };
        worker.handle(event.payload, invocation).await.map_err(Error::from)
    }))
    .await
}
