//! The port suite of commits, on the emulator's DynamoDB.

use std::sync::Arc;

use anyhow::Result;
use tidegate_testkit::commits_suite;

use crate::stack::Stack;
use crate::tables::{Table, now};

pub(crate) async fn a_table_keeps_the_contract_of_commits(stack: Arc<Stack>) -> Result<()> {
    let table = Table::create(&stack, "commits-suite").await?;
    commits_suite::run(Arc::new(table.commits(&stack)), "suite", now()).await;
    table.delete(&stack).await
}
