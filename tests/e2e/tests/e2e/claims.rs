//! The port suite of claims, on the deployed table.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use tidegate_cli::clock;
use tidegate_idempotency::DynamoDbStore;
use tidegate_testkit::claims_suite;

use crate::stack::Stack;

pub(crate) async fn the_deployed_table_keeps_the_contract_of_claims(stack: Arc<Stack>) -> Result<()> {
    let store = DynamoDbStore::new(stack.dynamodb.clone(), stack.output("IdempotencyTableName")?);
    let unique = uuid::Uuid::new_v4().to_string();
    // Whole milliseconds are what the table keeps.
    let now = Duration::from_millis(u64::try_from(clock::epoch_millis())?);
    claims_suite::run(Arc::new(store), &unique, SystemTime::UNIX_EPOCH + now).await;
    Ok(())
}
