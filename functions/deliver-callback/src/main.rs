//! Composition: configuration, adapters, run.

use aws_lambda_events::sqs::SqsEvent;
use deliver_callback::Deliverer;
use deliver_callback::sender::{Sender, TIMEOUT};
use deliver_callback::signers::Signers;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidegate_batch::sqs::SqsQueue;
use tidegate_callbacks::{DeliveryStore, schedule};
use tidegate_outbox::DynamoDbAggregates;
use tidegate_runtime::ambient::System;
use tidegate_runtime::config::{optional, required};
use tidegate_runtime::consumer::Invocation;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::metrics::EmbeddedMetrics;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::{aws, telemetry};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::start();
    let http = HttpClient::trusting_amazon();
    let aws = aws::sdk_config(&http)?;
    let tables = aws_sdk_dynamodb::Client::new(&aws);
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&aws));
    let function = required("AWS_LAMBDA_FUNCTION_NAME")?;
    let deliverer = Deliverer {
        ambient: System,
        orders: DynamoDbAggregates::new(tables.clone(), required("ORDERS_TABLE")?),
        deliveries: DeliveryStore(DynamoDbAggregates::new(tables, required("CALLBACKS_TABLE")?)),
        signers: Signers::new(secrets, &required("TIDEGATE_DEPLOYMENT")?),
        sender: Sender::new(optional("ALLOW_PRIVATE_CALLBACKS").as_deref() == Some("true"), TIMEOUT),
        schedule: schedule::schedule(),
        queue: SqsQueue::new(
            aws_sdk_sqs::Client::new(&aws),
            required("DELIVER_CALLBACK_QUEUE_URL")?,
            required("DEAD_LETTER_QUEUE_URL")?,
            &function,
        ),
        metrics: EmbeddedMetrics::new(&function),
    };
    // While initialising there is a whole processor: open the connection the first message needs. Failing is no harm.
    deliverer.orders.warm().await;
    let deliverer = &deliverer;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
        let invocation =
            Invocation { request_id: event.context.request_id.clone(), deadline: event.context.deadline() };
        deliverer.handle(event.payload, invocation).await.map_err(Error::from)
    }))
    .await
}
