//! Timelines in a DynamoDB table with partition key `order_id` and range key `entry`, both strings.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue::S;
use tidegate_events::TimelineEntry;
use tidegate_runtime::PortError;

use crate::Timelines;

/// Keeps timelines in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDbTimelines {
    client: Client,
    table: String,
}

impl DynamoDbTimelines {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }
}

impl Timelines for DynamoDbTimelines {
    async fn keep(&self, entry: &TimelineEntry) -> Result<(), PortError> {
        let item = entry.attributes().into_iter().map(|(name, text)| (name.to_owned(), S(text))).collect();
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item)).send().await;
        put.map(drop).map_err(|error| failed(entry, error.code()))
    }
}

/// By the code alone: the service's message can quote the item. An item that is refused stays refused; everything else
/// (throttling, a table that a deployment is about to make or to allow) passes, and the entries that waited are written.
fn failed(entry: &TimelineEntry, code: Option<&str>) -> PortError {
    let is_final = matches!(code, Some("ValidationException" | "ItemCollectionSizeLimitExceededException"));
    PortError {
        operation: "keep the entry",
        what: format!("{} of {}", entry.id, entry.order_id.as_str()),
        transient: !is_final,
        source: code.unwrap_or("no answer").to_owned().into(),
    }
}
