//! A worker behind an SQS queue: `sqs:sendMessage.waitForTaskToken` sends it
//! `{"command": "execution/state", "token": "…", "order": "order-17", "sku": "tea", "quantity": 2}`, and it takes the
//! quantity off the SKU's stock, all or nothing, once.

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::SqsEvent;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};
use tidegate_cloudevents::{Event, JsonText};
use tidegate_outbox::{
    AggregateId, Change, Command, CommandId, Decision, DynamoDbAggregates, Image, Reply, TaskToken, handle,
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
fn decide(reserve: &Reserve, loaded: &[Image]) -> Result<Decision, Error> {
    let in_stock: u64 = loaded[1].state_as()?.unwrap_or(0);
    let Some(left) = in_stock.checked_sub(reserve.quantity) else {
        return Ok(Decision {
            reply: Reply::failure("OutOfStock", "there is less than was asked for"),
            changes: vec![],
        });
    };
    let reserved = Event::builder("-", "/inventory", "StockReserved")
        .subject(reserve.order.as_str())
        .data_of(&json!({ "sku": reserve.sku, "quantity": reserve.quantity }))
        .build()?;
    let change = |aggregate: &AggregateId, state: u64, events| -> Result<Change, Error> {
        Ok(Change { aggregate: aggregate.clone(), state: JsonText::of(&state)?, events, index: Vec::new() })
    };
    Ok(Decision {
        reply: Reply::success(&json!({ "left": left }))?,
        changes: vec![
            change(&reserve.order, reserve.quantity, vec![reserved])?, // home: proof, reply and event ride here
            change(&reserve.sku, left, vec![])?,
        ],
    })
}

async fn worked(store: &DynamoDbAggregates, body: &str) -> Result<(), Error> {
    let reserve: Reserve = serde_json::from_str(body).map_err(|_| "the command cannot be read")?;
    let (id, home) = (reserve.command.clone(), reserve.order.clone());
    let command = Command { id, home, token: Some(reserve.token.clone()) };
    #[expect(clippy::disallowed_methods, reason = "an example has no ports for time")]
    let now = std::time::SystemTime::now();
    let others = |_: &Image| vec![reserve.sku.clone()];
    handle(store, &command, now, others, |loaded| decide(&reserve, loaded)).await?;
    Ok(())
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
            if worked(store, message.body.as_deref().unwrap_or_default()).await.is_err() {
                failures.push(json!({ "itemIdentifier": message.message_id }));
            }
        }
        Ok(json!({ "batchItemFailures": failures }))
    };
    lambda_runtime::run(service_fn(work)).await
}
