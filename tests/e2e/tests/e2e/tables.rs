//! Tables as services have them. They are made here until a template has one.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableStatus,
};
use aws_sdk_dynamodbstreams::types::AttributeValue::{N, S};
use aws_sdk_dynamodbstreams::types::{Record, ShardIteratorType};
use serde_json::{Map, Value, json};
use tidegate_cli::clock;
use tidegate_outbox::DynamoDbAggregates;

use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::{SOON, eventually};

/// A table of aggregates, and its stream.
pub(crate) struct Table {
    pub(crate) name: String,
    stream_arn: String,
}

/// Somebody who reads a stream.
pub(crate) struct Reader {
    stream_arn: String,
    next: Option<String>,
}

impl Table {
    pub(crate) async fn create(stack: &Stack, name: &str) -> Result<Self> {
        let name = format!("{DEPLOYMENT}-{name}");
        let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build()?;
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build()?;
        let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
        stack
            .dynamodb
            .create_table()
            .table_name(&name)
            .attribute_definitions(id)
            .key_schema(key)
            .billing_mode(BillingMode::PayPerRequest)
            .stream_specification(stream.build()?)
            .send()
            .await?;
        let stream_arn = eventually("the table is active", SOON, async || {
            let table = stack.dynamodb.describe_table().table_name(&name).send().await?.table;
            let active = table.filter(|it| it.table_status() == Some(&TableStatus::Active));
            Ok(active.and_then(|it| it.latest_stream_arn))
        })
        .await?;
        Ok(Self { name, stream_arn })
    }

    pub(crate) fn store(&self, stack: &Stack) -> DynamoDbAggregates {
        DynamoDbAggregates::new(stack.dynamodb.clone(), &self.name)
    }

    /// All that the stream shows, oldest first, as Lambda hands it over.
    pub(crate) async fn stream(&self, stack: &Stack) -> Result<Vec<Value>> {
        let mut reader = self.reader(stack).await?;
        let mut records = Vec::new();
        loop {
            let more = reader.read(stack).await?;
            if more.is_empty() {
                return Ok(records);
            }
            records.extend(more);
        }
    }

    /// Reads the stream from its beginning.
    pub(crate) async fn reader(&self, stack: &Stack) -> Result<Reader> {
        let described = stack.streams.describe_stream().stream_arn(&self.stream_arn).send().await?;
        let description = described.stream_description.context("a stream without a description")?;
        let [shard] = description.shards() else { bail!("not one shard: {:?}", description.shards()) };
        let first = stack
            .streams
            .get_shard_iterator()
            .stream_arn(&self.stream_arn)
            .shard_id(shard.shard_id().context("a shard without an id")?)
            .shard_iterator_type(ShardIteratorType::TrimHorizon);
        let next = first.send().await?.shard_iterator;
        Ok(Reader { stream_arn: self.stream_arn.clone(), next })
    }

    pub(crate) async fn delete(&self, stack: &Stack) -> Result<()> {
        stack.dynamodb.delete_table().table_name(&self.name).send().await?;
        Ok(())
    }
}

impl Reader {
    /// What has come since the last look; nothing says nothing about later.
    pub(crate) async fn read(&mut self, stack: &Stack) -> Result<Vec<Value>> {
        let iterator = self.next.clone().context("the stream has ended")?;
        let page = stack.streams.get_records().shard_iterator(iterator).send().await?;
        let records = page.records().iter().map(|record| self.handed_over(record)).collect();
        self.next = page.next_shard_iterator;
        Ok(records)
    }

    fn handed_over(&self, record: &Record) -> Value {
        let change = record.dynamodb();
        let image = change.and_then(|it| it.new_image()).into_iter().flatten();
        let image: Map<String, Value> = image
            .filter_map(|(name, value)| match value {
                S(text) => Some((name.clone(), json!({ "S": text }))),
                N(number) => Some((name.clone(), json!({ "N": number }))),
                _ => None, // no aggregate's
            })
            .collect();
        json!({
            "eventID": record.event_id(),
            "eventName": record.event_name().map(|it| it.as_str()),
            "eventVersion": record.event_version(),
            "eventSource": "aws:dynamodb",
            "awsRegion": record.aws_region(),
            "eventSourceARN": self.stream_arn,
            "dynamodb": {
                "ApproximateCreationDateTime":
                    change.and_then(|it| it.approximate_creation_date_time()).map_or(0.0, |it| it.as_secs_f64()),
                "Keys": { "id": image.get("id") },
                "NewImage": image,
                "SequenceNumber": change.and_then(|it| it.sequence_number()),
                "SizeBytes": change.and_then(|it| it.size_bytes()),
                "StreamViewType": change.and_then(|it| it.stream_view_type()).map(|it| it.as_str()),
            },
        })
    }
}

/// The version and state of an item; 0 and null where there is none.
pub(crate) async fn item(stack: &Stack, table: &str, id: &str) -> Result<(u64, Value)> {
    let key = aws_sdk_dynamodb::types::AttributeValue::S(id.to_owned());
    let read = stack.dynamodb.get_item().table_name(table).key("id", key).consistent_read(true).send().await?;
    let Some(item) = read.item else { return Ok((0, Value::Null)) };
    let version = item.get("version").and_then(|it| it.as_n().ok()).context("an item without a version")?.parse()?;
    let state = item.get("state").and_then(|it| it.as_s().ok());
    Ok((version, state.map(|text| serde_json::from_str(text)).transpose()?.unwrap_or_default()))
}

/// The time as the stores want it.
pub(crate) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(clock::since_epoch().as_secs())
}
