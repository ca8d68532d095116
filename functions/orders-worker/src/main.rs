//! Composition: configuration, adapters, run.

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use orders_worker::Orders;
use tidegate_batch::sqs::SqsQueue;
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::ambient::System;
use tidegate_runtime::config::required;
use tidegate_runtime::consumer::Invocation;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::{aws, telemetry};
use tidegate_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let function = required("AWS_LAMBDA_FUNCTION_NAME")?;
    let (queue, dead_letters) = (required("ORDERS_QUEUE_URL")?, required("DEAD_LETTER_QUEUE_URL")?);
    let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&aws), required("ORDERS_TABLE")?);
    let worker = Worker {
        ambient: System,
        queue: SqsQueue::new(aws_sdk_sqs::Client::new(&aws), queue, dead_letters, &function),
        tasks: SfnTasks::new(aws_sdk_sfn::Client::new(&aws)),
        metrics: EmbeddedMetrics::new(&function),
        service: Orders { store },
    };
    // While initialising there is a whole processor: open the connection the first command needs. Failing is no harm.
    worker.service.store.warm().await;
    let worker = &worker;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
        let invocation =
            Invocation { request_id: event.context.request_id.clone(), deadline: event.context.deadline() };
        worker.handle(event.payload, invocation).await.map_err(Error::from)
    }))
    .await
}
