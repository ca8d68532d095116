//! The port suite of aggregates, on the emulator's DynamoDB.

use std::sync::Arc;

use anyhow::Result;
use tidegate_testkit::aggregates_suite;

use crate::stack::Stack;
use crate::tables::{Table, now};

pub(crate) async fn a_table_keeps_the_contract_of_aggregates(stack: Arc<Stack>) -> Result<()> {
    let table = Table::create(&stack, "aggregates-suite").await?;
    aggregates_suite::run(Arc::new(table.store(&stack)), "suite", now()).await;
    table.delete(&stack).await
}
