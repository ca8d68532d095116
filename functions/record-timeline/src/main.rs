//! Composition: configuration, adapters, run.
// Two SDKs' futures inside the runtime's are nested deeper than the compiler goes by default.
#![recursion_limit = "256"]

use aws_lambda_events::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use record_timeline::Recorder;
use record_timeline::dynamodb::DynamoDbTimelines;
use tidegate_batch::sqs::SqsQueue;
use tidegate_runtime::ambient::System;
use tidegate_runtime::config::required;
use tidegate_runtime::consumer::Invocation;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let function = required("AWS_LAMBDA_FUNCTION_NAME")?;
    let recorder = &Recorder {
        ambient: System,
        timelines: DynamoDbTimelines::new(aws_sdk_dynamodb::Client::new(&aws), required("TIMELINE_TABLE")?),
        queue: SqsQueue::new(
            aws_sdk_sqs::Client::new(&aws),
            required("RECORD_TIMELINE_QUEUE_URL")?,
            required("DEAD_LETTER_QUEUE_URL")?,
            &function,
        ),
        metrics: EmbeddedMetrics::new(&function),
    };
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
        let invocation =
            Invocation { request_id: event.context.request_id.clone(), deadline: event.context.deadline() };
        recorder.handle(event.payload, invocation).await.map_err(Error::from)
    }))
    .await
}
