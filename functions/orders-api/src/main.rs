//! Composition: configuration, adapters, run.

use orders_api::{Api, DynamoDbViews};
use tidegate_outbox::DynamoDbAggregates;
use tidegate_runtime::config::{number, required};
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let dynamodb = aws_sdk_dynamodb::Client::new(&function.aws);
    let orders_table = required("ORDERS_TABLE")?;
    let api = Api {
        max_body_bytes: number("MAX_BODY_BYTES", 64 * 1024)?,
        ports: function.ports.clone(),
        store: DynamoDbAggregates::new(dynamodb.clone(), &orders_table),
        views: DynamoDbViews::new(dynamodb, orders_table, required("TIMELINE_TABLE")?),
    };
    function.serve(api).await
}
