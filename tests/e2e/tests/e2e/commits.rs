//! The port suite of commits, on a table like those that services have. It is made here until a template has one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableStatus,
};
use tidegate_cli::clock;
use tidegate_outbox::DynamoDbCommits;
use tidegate_testkit::commits_suite;

use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::{SOON, eventually};

pub(crate) async fn a_table_keeps_the_contract_of_commits(stack: Arc<Stack>) -> Result<()> {
    let table = format!("{DEPLOYMENT}-commits-suite");
    let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build()?;
    let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?;
    stack
        .dynamodb
        .create_table()
        .table_name(&table)
        .attribute_definitions(id)
        .key_schema(key)
        .billing_mode(BillingMode::PayPerRequest)
        .send()
        .await?;
    eventually("the table is active", SOON, async || {
        let described = stack.dynamodb.describe_table().table_name(&table).send().await?;
        let status = described.table().and_then(|it| it.table_status());
        Ok((status == Some(&TableStatus::Active)).then_some(()))
    })
    .await?;
    let commits = DynamoDbCommits::new(stack.dynamodb.clone(), &table);
    let now = Duration::from_millis(u64::try_from(clock::epoch_millis())?);
    commits_suite::run(Arc::new(commits), "suite", SystemTime::UNIX_EPOCH + now).await;
    stack.dynamodb.delete_table().table_name(&table).send().await?;
    Ok(())
}
