//! A Lambda function that charges an order once, however often it is asked to.
//!
//! The claims are in memory here, so that the example needs no account: they last as long as the process. A function that
//! is deployed takes `DynamoDbStore::new(aws_sdk_dynamodb::Client::new(&aws_config::load_defaults(…).await), "claims")`
//! instead, and nothing else changes.

#![expect(clippy::expect_used, clippy::print_stderr, reason = "an example has no logger")]

use std::time::{Duration, SystemTime};

use lambda_runtime::tower::ServiceBuilder;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use tidegate_idempotency::{ClaimOutcome, Counted, Fence, Idempotent, LambdaLayer, MemoryStore, Moment, Part};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // A repeat with another amount is an error of its own, not a second charge and not a wrong receipt.
    let idempotent: Idempotent<Value, Value, _> =
        Idempotent::new(Counted::new(MemoryStore::default(), count), "charges", order()?, Duration::from_secs(86_400))
            .checking(Part::jmespath("amount")?)
            .on_unrecorded(|why| eprintln!("charged, but not on record: {why}"));
    let layer = LambdaLayer::new(idempotent, moment);
    run(ServiceBuilder::new().layer(layer).service(service_fn(charge))).await
}

/// The key: customer and order together.
fn order() -> Result<Part<Value>, Error> {
    Ok(Part::jmespath("[customer, order]")?)
}

async fn charge(event: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!({"receipt": format!("receipt-of-{}", event.payload["order"])}))
}

/// Where time and randomness are read.
#[expect(clippy::disallowed_methods, reason = "the one place of this function that reads the clock")]
fn moment() -> Moment {
    Moment { now: SystemTime::now(), fence: Fence::new(u128::from_be_bytes(random())) }
}

fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// A line for each call, which a metric filter or a log query counts.
fn count(outcome: ClaimOutcome) {
    eprintln!("{}", json!({"idempotency": outcome.as_str()}));
}
