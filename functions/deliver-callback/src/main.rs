//! Composition: configuration, adapters, run.

use std::sync::Arc;

use deliver_callback::Deliverer;
use deliver_callback::sender::{Sender, TIMEOUT};
use deliver_callback::signers::Signers;
use tidegate_callbacks::{DeliveryStore, schedule};
use tidegate_outbox::DynamoDbAggregates;
use tidegate_runtime::config::{optional, required};
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let tables = aws_sdk_dynamodb::Client::new(&function.aws);
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
    let deliverer = Deliverer {
        ports: function.ports.clone(),
        orders: DynamoDbAggregates::new(tables.clone(), required("ORDERS_TABLE")?),
        deliveries: DeliveryStore(DynamoDbAggregates::new(tables, required("CALLBACKS_TABLE")?)),
        signers: Signers::new(Arc::new(secrets), &required("TIDEGATE_DEPLOYMENT")?),
        sender: Sender::new(optional("ALLOW_PRIVATE_CALLBACKS").as_deref() == Some("true"), TIMEOUT),
        schedule: schedule::schedule(),
    };
    function.consume("DELIVER_CALLBACK_QUEUE_URL", deliverer).await
}
