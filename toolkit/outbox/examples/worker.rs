//! A worker behind an SQS queue: `sqs:sendMessage.waitForTaskToken` sends it
//! `{"command": "execution/state", "token": "…", "order": "order-17", "sku": "tea", "quantity": 2}`, and it takes the
//! quantity off the SKU's stock, all or nothing, once.

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::SqsEvent;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_cloudevents::Event;
use tidegate_outbox::{
    AggregateId, Change, CommandId, Decision, DynamoDbAggregates, HandleError, Image, Loaded, Reply, TaskToken, Write,
    handle,
};

#[derive(Deserialize)]
struct Reserve {
    command: CommandId,
    token: TaskToken,
    order: AggregateId,
    sku: AggregateId,
    quantity: u64,
}

/// Pure: what is there in, what becomes of it out. A "no" is a reply like any other.
fn decide(reserve: &Reserve, loaded: Loaded<'_>) -> Result<Decision, Error> {
    let in_stock: u64 = loaded.others[0].state_as()?.unwrap_or(0);
    let Some(left) = in_stock.checked_sub(reserve.quantity) else {
        return Ok(Decision::default().reply(Reply::failure("OutOfStock", "there is less than was asked for")));
    };
    let reserved = Event::builder_without_id("/inventory", "StockReserved")
        .subject(reserve.order.as_str())
        .data_of(&json!({ "sku": reserve.sku, "quantity": reserve.quantity }));
    // Home comes first: proof, reply and event ride there.
    let home = Change::new(reserve.order.clone(), &reserve.quantity)?.events([reserved]);
    let stock = Change::new(reserve.sku.clone(), &left)?;
    Ok(Decision::changes([home, stock]).reply(Reply::success(&json!({ "left": left }))?))
}

async fn work_on(store: &DynamoDbAggregates, body: &str) -> Result<(), Error> {
    let reserve: Reserve = serde_json::from_str(body).map_err(|_| "the command cannot be read")?;
    let write = Write::command(reserve.command.clone(), reserve.order.clone()).answering(reserve.token.clone());
    #[expect(clippy::disallowed_methods, reason = "an example has no ports for time")]
    let now = std::time::SystemTime::now();
    let concerns = |_: &Image| vec![reserve.sku.clone()];
    let handled = handle(store, &write, now, concerns, |loaded| decide(&reserve, loaded)).await;
    handled.map(drop).map_err(HandleError::into_boxed)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    #[expect(clippy::disallowed_methods, reason = "an example has no configuration module")]
    let table = std::env::var("TABLE")?;
    let store = &DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&aws), table);
    let work = async |event: LambdaEvent<SqsEvent>| -> Result<Value, Error> {
        let mut failures = Vec::new();
        for message in event.payload.records {
            if work_on(store, message.body.as_deref().unwrap_or_default()).await.is_err() {
                failures.push(json!({ "itemIdentifier": message.message_id }));
            }
        }
        Ok(json!({ "batchItemFailures": failures }))
    };
    lambda_runtime::run(service_fn(work)).await
}
