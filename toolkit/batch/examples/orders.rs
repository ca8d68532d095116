//! A Lambda that works an SQS queue of orders. Its mapping has `ReportBatchItemFailures`.

use std::env::{self, VarError};
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::SqsEvent;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use tidegate_batch::sqs::{self, Message, SqsQueue};
use tidegate_batch::{Budget, Failure, Policy, Runner};

#[derive(Deserialize)]
struct Order {
    id: String,
    quantity: u32,
}

async fn place(message: &Message) -> Result<(), Failure> {
    let order: Order = message.json()?;
    if order.quantity == 0 {
        return Err(Failure::permanent(format!("order {} is of nothing", order.id)));
    }
    Ok(()) // here the order is placed; an answer "try later" would be Failure::retry_after
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let client = aws_sdk_sqs::Client::new(&aws);
    let queue = SqsQueue::new(client, variable("QUEUE_URL")?, variable("DEAD_LETTER_QUEUE_URL")?, "orders");
    let (policy, queue) = (Policy::default(), &queue);
    let policy = &policy;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<SqsEvent>| {
        let budget = Budget { now: now(), deadline: event.context.deadline() };
        let mut random = fastrand::Rng::new();
        let report = sqs::run(event.payload, Runner::new(policy, budget, &mut random), queue, place).await?;
        for (name, count) in report.summary().counts() {
            count_line(name, count);
        }
        Ok::<_, Error>(report.response()?)
    }))
    .await
}

#[expect(clippy::print_stdout, reason = "an example counts by a line in its log")]
fn count_line(name: &str, count: u64) {
    if count > 0 {
        println!("{name}: {count}");
    }
}

#[expect(clippy::disallowed_methods, reason = "an example reads its own environment")]
fn variable(name: &str) -> Result<String, VarError> {
    env::var(name)
}

#[expect(clippy::disallowed_methods, reason = "the clock is read in main's file only")]
fn now() -> SystemTime {
    SystemTime::now()
}
