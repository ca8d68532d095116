//! DynamoDB: the tables of the order pipeline.

use std::collections::HashMap;

use anyhow::{Context, Result};
pub use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use tidegate_events::{OrderId, TimelineEntry};
use tidegate_outbox::{AggregateStore, DynamoDbAggregates};

use crate::aws::explain;
use crate::tables::{IndexKey, Indexed, Tables};

type Item = HashMap<String, AttributeValue>;

impl Tables for Client {
    fn aggregates(&self, table: &str) -> impl AggregateStore {
        DynamoDbAggregates::new(self.clone(), table)
    }

    async fn indexed(&self, table: &str, key: IndexKey<'_>, most: usize) -> Result<Vec<Indexed>> {
        let mut pages = self
            .query()
            .table_name(table)
            .index_name(key.index)
            .key_condition_expression("#name = :value")
            .expression_attribute_names("#name", key.attribute)
            .expression_attribute_values(":value", AttributeValue::S(key.value.to_owned()))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while found.len() < most
            && let Some(item) = pages.next().await
        {
            let item: Item =
                item.map_err(explain).with_context(|| format!("index {} of {table} cannot be read", key.index))?;
            if let (Some(id), Some(sort)) = (text(&item, "id"), text(&item, key.sort)) {
                found.push(Indexed { id: id.to_owned(), sort: sort.to_owned() });
            }
        }
        Ok(found)
    }

    async fn keys(&self, table: &str, prefix: &str) -> Result<Vec<String>> {
        let mut pages = self
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

    async fn timeline(&self, table: &str, order: &OrderId) -> Result<Vec<TimelineEntry>> {
        let mut pages = self
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
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}
