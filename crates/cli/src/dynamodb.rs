//! DynamoDB: what the tables of the order pipeline hold, for people. Nothing is written here but through the outbox.

use std::collections::HashMap;

use anyhow::{Context, Result};
pub use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use tidegate_events::{OrderId, TimelineEntry};
use tidegate_outbox::{AggregateId, AggregateStore, DynamoDbAggregates, Image};

use crate::aws::explain;

type Item = HashMap<String, AttributeValue>;

/// The aggregates of a table.
pub fn store(client: &Client, table: &str) -> DynamoDbAggregates {
    DynamoDbAggregates::new(client.clone(), table)
}

/// An aggregate's newest image.
pub async fn load(client: &Client, table: &str, id: &str) -> Result<Image> {
    let id = AggregateId::new(id).with_context(|| format!("{id} is no key of table {table}"))?;
    store(client, table).load(&id).await.with_context(|| format!("table {table} cannot be read"))
}

/// An aggregate's state, or nothing where it was never written.
pub async fn state<T: DeserializeOwned>(client: &Client, table: &str, id: &str) -> Result<Option<T>> {
    let image = load(client, table, id).await?;
    image.state_as().with_context(|| format!("the state of {id} in table {table} is not understood"))
}

/// What has happened to an order, oldest first.
pub async fn timeline(client: &Client, table: &str, order: &OrderId) -> Result<Vec<TimelineEntry>> {
    let mut pages = client
        .query()
        .table_name(table)
        .key_condition_expression("#order = :order")
        .expression_attribute_names("#order", TimelineEntry::ORDER_ID)
        .expression_attribute_values(":order", AttributeValue::S(order.as_str().to_owned()))
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut entries = Vec::new();
    while let Some(item) = pages.next().await {
        let item: Item = item.map_err(explain).with_context(|| format!("table {table} cannot be read"))?;
        let entry = TimelineEntry::read(|name| text(&item, name));
        entries.push(entry.with_context(|| format!("the timeline of {} is not understood", order.as_str()))?);
    }
    Ok(entries)
}

/// An item that an index has: its key, and since when it is in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// The item's key.
    pub id: String,
    /// What the index is in the order of.
    pub at: String,
}

/// The keys of the items under one value of an index, in the index's order. Goes on for ever in a large one, so it stops at `most`.
pub async fn indexed(
    client: &Client,
    table: &str,
    index: &str,
    (name, value): (&str, &str),
    at: &str,
    most: usize,
) -> Result<Vec<Indexed>> {
    let mut pages = client
        .query()
        .table_name(table)
        .index_name(index)
        .key_condition_expression("#name = :value")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":value", AttributeValue::S(value.to_owned()))
        .into_paginator()
        .items()
        .send();
    let mut found = Vec::new();
    while let Some(item) = pages.next().await
        && found.len() < most
    {
        let item: Item = item.map_err(explain).with_context(|| format!("index {index} of {table} cannot be read"))?;
        if let (Some(id), Some(at)) = (text(&item, "id"), text(&item, at)) {
            found.push(Indexed { id: id.to_owned(), at: at.to_owned() });
        }
    }
    Ok(found)
}

/// The keys that start with `prefix`, sorted. Reads the whole table.
pub async fn keys(client: &Client, table: &str, prefix: &str) -> Result<Vec<String>> {
    let mut pages = client
        .scan()
        .table_name(table)
        .filter_expression("begins_with(id, :prefix)")
        .projection_expression("id")
        .expression_attribute_values(":prefix", AttributeValue::S(prefix.to_owned()))
        .into_paginator()
        .items()
        .send();
    let mut keys = Vec::new();
    while let Some(item) = pages.next().await {
        let item: Item = item.map_err(explain).with_context(|| format!("table {table} cannot be read"))?;
        keys.extend(text(&item, "id").map(str::to_owned));
    }
    keys.sort();
    Ok(keys)
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}
