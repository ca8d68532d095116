//! Composition: configuration, adapters, run.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use orders_api::{Api, DynamoDbViews, Invocation};
use tidegate_outbox::DynamoDbAggregates;
use tidegate_runtime::ambient::System;
use tidegate_runtime::config::{number, required};
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&aws);
    let orders_table = required("ORDERS_TABLE")?;
    let api = &Api {
        max_body_bytes: number("MAX_BODY_BYTES", 64 * 1024)?,
        ambient: System,
        store: DynamoDbAggregates::new(dynamodb.clone(), &orders_table),
        views: DynamoDbViews::new(dynamodb, orders_table, required("TIMELINE_TABLE")?),
    };
    api.warm().await;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<ApiGatewayV2httpRequest>| {
        let LambdaEvent { payload, context } = event;
        let invocation = Invocation { request_id: context.request_id, xray: context.xray_trace_id };
        Ok::<_, Error>(api.handle(payload, invocation).await)
    }))
    .await
}
