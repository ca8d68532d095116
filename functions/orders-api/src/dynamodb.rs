//! The views in DynamoDB: the index `by-customer` of the table of orders, and the table of timelines.
//!
//! | read | key | one page costs |
//! |---|---|---|
//! | a customer's orders | `customer_id`, by `placed_at` downwards | half a unit for 4 KB |
//! | an order's timeline | `order_id`, by `entry` downwards | the same |

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::AttributeValue::S;
use tidegate_events::{CustomerId, OrderId, TimelineEntry};
use tidegate_orders::Order;
use tidegate_runtime::PortError;

use crate::views::{MAX_ENTRIES, Page, Position, Views};

/// The index over what `Order::index` gives each item.
const BY_CUSTOMER: &str = "by-customer";
const CUSTOMER_ID: &str = "customer_id";
const PLACED_AT: &str = "placed_at";

type Item = HashMap<String, AttributeValue>;

/// Reads views of orders from DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoDbViews {
    client: Client,
    orders_table: String,
    timeline_table: String,
}

impl DynamoDbViews {
    /// Over the index `by-customer` of one table, and another table.
    #[must_use]
    pub fn new(client: Client, orders_table: impl Into<String>, timeline_table: impl Into<String>) -> Self {
        Self { client, orders_table: orders_table.into(), timeline_table: timeline_table.into() }
    }
}

impl Views for DynamoDbViews {
    async fn orders_of(
        &self,
        customer: &CustomerId,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page, PortError> {
        let start = after.map(|Position { placed_at, order_id }| {
            let key = [("id", order_id.as_str()), (PLACED_AT, placed_at), (CUSTOMER_ID, customer.as_str())];
            key.map(|(name, value)| (name.to_owned(), S(value.to_owned()))).into()
        });
        let read = self
            .client
            .query()
            .table_name(&self.orders_table)
            .index_name(BY_CUSTOMER)
            .key_condition_expression("#customer = :customer")
            .expression_attribute_names("#customer", CUSTOMER_ID)
            .expression_attribute_values(":customer", S(customer.as_str().to_owned()))
            .scan_index_forward(false)
            .set_exclusive_start_key(start)
            .limit(i32::try_from(limit + 1).unwrap_or(i32::MAX)); // one more tells whether there are more
        let read = read.send().await.map_err(|error| failed("list", "a customer's orders", &error))?;
        let mut orders = read.items().iter().map(listed).collect::<Result<Vec<_>, _>>()?;
        let more = orders.len() > limit || read.last_evaluated_key().is_some();
        orders.truncate(limit);
        Ok(Page { orders, more })
    }

    async fn timeline_of(&self, order: &OrderId) -> Result<Vec<TimelineEntry>, PortError> {
        let (mut entries, mut start) = (Vec::new(), None);
        loop {
            let read = self
                .client
                .query()
                .table_name(&self.timeline_table)
                .key_condition_expression("#order = :order")
                .expression_attribute_names("#order", TimelineEntry::ORDER_ID)
                .expression_attribute_values(":order", S(order.as_str().to_owned()))
                .scan_index_forward(false)
                .set_exclusive_start_key(start)
                .limit(i32::try_from(MAX_ENTRIES - entries.len()).unwrap_or(i32::MAX));
            let read = read.send().await.map_err(|error| failed("read the timeline of", order.as_str(), &error))?;
            for item in read.items() {
                let entry = TimelineEntry::read(|name| text(item, name));
                entries.push(entry.map_err(|error| unreadable("read the timeline of", order.as_str(), error))?);
            }
            start = read.last_evaluated_key.filter(|_| entries.len() < MAX_ENTRIES);
            if start.is_none() {
                entries.reverse();
                return Ok(entries);
            }
        }
    }
}

fn listed(item: &Item) -> Result<(Position, Order), PortError> {
    let id = text(item, "id").unwrap_or_default();
    let read = || {
        let position = Position { placed_at: text(item, PLACED_AT)?.to_owned(), order_id: id.parse().ok()? };
        Some((position, serde_json::from_str(text(item, "state")?).ok()?))
    };
    read().ok_or_else(|| unreadable("read", id, "an attribute is missing or not what it should be"))
}

fn text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// What stands there was written by another program. A person has to look.
fn unreadable(
    operation: &'static str,
    what: &str,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> PortError {
    PortError { operation, what: what.to_owned(), transient: false, source: why.into() }
}

/// By the code where there is one: the service's message can quote what it was sent.
fn failed<E, R>(operation: &'static str, what: &str, error: &SdkError<E, R>) -> PortError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let source = error.code().map_or_else(|| error.to_string(), str::to_owned);
    PortError { operation, what: what.to_owned(), transient: true, source: source.into() }
}
