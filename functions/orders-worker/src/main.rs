//! Composition: configuration, adapters, run.

use orders_worker::Orders;
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::config::required;
use tidegate_runtime::{Error, Function};
use tidegate_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), required("ORDERS_TABLE")?);
    let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
    let service = Orders { store };
    let worker = Worker { ports: function.ports.clone(), tasks, service };
    function.consume("ORDERS_QUEUE_URL", worker).await
}
