//! Composition: configuration, adapters, run.
// Two SDKs' futures inside the runtime's are nested deeper than the compiler goes by default.
#![recursion_limit = "256"]

use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use relay_outbox::Relay;
use tidegate_outbox::{SfnTasks, SnsPublisher};
use tidegate_runtime::ambient::System;
use tidegate_runtime::config::required;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let relay = &Relay {
        ambient: System,
        publisher: SnsPublisher::new(aws_sdk_sns::Client::new(&aws), required("EVENTS_TOPIC_ARN")?),
        tasks: SfnTasks::new(aws_sdk_sfn::Client::new(&aws)),
        metrics: EmbeddedMetrics::new(required("AWS_LAMBDA_FUNCTION_NAME")?),
    };
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Event>| {
        relay.handle(&event.payload, &event.context.request_id).await.map_err(Error::from)
    }))
    .await
}
