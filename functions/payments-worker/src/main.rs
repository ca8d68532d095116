//! Composition: configuration, adapters, run.

use std::sync::Arc;

use payments_worker::stripe::{StripeClient, TIMEOUT};
use payments_worker::{Payments, document};
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::config::required;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::{Error, Function};
use tidegate_worker::Worker;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let secrets = SecretsManager(aws_sdk_secretsmanager::Client::new(&function.aws));
    let service = Payments {
        store: DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), required("PAYMENTS_TABLE")?),
        account: document(Arc::new(secrets), &required("TIDEGATE_DEPLOYMENT")?),
        stripe: StripeClient::new(TIMEOUT, &function.priming),
    };
    let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
    let worker = Worker { ports: function.ports.clone(), tasks, service };
    function.consume("PAYMENTS_QUEUE_URL", worker).await
}
