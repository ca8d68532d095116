//! Composition: configuration, adapters, run.

use shipping_worker::Shipping;
use shipping_worker::carrier::TableCarrier;
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::config::required;
use tidegate_runtime::{Error, Function};
use tidegate_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), required("SHIPPING_TABLE")?);
    let carrier = TableCarrier::serving(&required("SERVED_COUNTRIES")?)?;
    let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
    let service = Shipping { store, carrier };
    let worker = Worker { ports: function.ports.clone(), tasks, service };
    function.consume("SHIPPING_QUEUE_URL", worker).await
}
