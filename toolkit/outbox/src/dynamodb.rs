//! Aggregates in a DynamoDB table with partition key `id` (string) and a stream that shows new images.
//!
//! One aggregate changes: one `PutItem` on the condition that the version before is the stored one. Several: one
//! `TransactWriteItems` of such puts, at twice the price. A put replaces the whole item, so that the last version's
//! outbox never stays behind.
//!
//! The client repeats a write whose answer was lost, and the repeat of a put is refused because of what the first one
//! left: that is a conflict to this module, and [`handle`](crate::handle) finds the proof. (The repeat of a transaction
//! succeeds, for ten minutes: the client sends the same request token again.)

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use crate::commit::{AggregateStore, Commit, CommitError, StoreError};
use crate::ids::{AggregateId, Version};
use crate::image::{ATTRIBUTES, Image, Unreadable};

/// Keeps aggregates in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDbAggregates {
    client: Client,
    table: String,
}

impl DynamoDbAggregates {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Opens the connection and runs the signing code once, so that the first command does not pay for it. To be called
    /// while a function initialises, when it has a whole processor. It reads an item that does not exist; failing here
    /// harms nothing, so nothing is returned.
    pub async fn warm(&self) {
        let _ = self.client.get_item().table_name(&self.table).key("id", S("warm".to_owned())).send().await;
    }

    async fn put(&self, image: &Image) -> Result<(), CommitError> {
        let (condition, values) = condition(image);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(image)))
            .condition_expression(condition)
            .set_expression_attribute_values(values);
        match put.send().await.map_err(|error| (is_conflict_of_put(error.as_service_error()), error)) {
            Ok(_) => Ok(()),
            Err((true, _)) => Err(CommitError::Conflict),
            Err((false, error)) => Err(failed("commit", &image.aggregate, &error).into()),
        }
    }

    async fn transact(&self, images: &[Image]) -> Result<(), CommitError> {
        let home = &images[0].aggregate;
        let mut transaction = self.client.transact_write_items();
        for image in images {
            let (condition, values) = condition(image);
            let put = Put::builder()
                .table_name(&self.table)
                .set_item(Some(item(image)))
                .condition_expression(condition)
                .set_expression_attribute_values(values)
                .build()
                .map_err(|error| StoreError { operation: "commit", aggregate: home.clone(), source: error.into() })?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await.map_err(|error| (is_conflict_of_transaction(error.as_service_error()), error)) {
            Ok(_) => Ok(()),
            Err((true, _)) => Err(CommitError::Conflict),
            Err((false, error)) => Err(failed("commit", home, &error).into()),
        }
    }
}

impl AggregateStore for DynamoDbAggregates {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        let read = self.client.get_item().table_name(&self.table).key("id", S(aggregate.to_string()));
        let read = read.consistent_read(true).send().await.map_err(|error| failed("load", aggregate, &error))?;
        let Some(item) = read.item() else { return Ok(Image::absent(aggregate.clone())) };
        let image = Image::read(|name| match item.get(name) {
            Some(S(text) | N(text)) => Some(text.as_str()),
            _ => None,
        });
        let unreadable =
            |error: Unreadable| StoreError { operation: "read", aggregate: aggregate.clone(), source: error.into() };
        Ok(Image { index: index(item), ..image.map_err(unreadable)? })
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        match commit.images() {
            [image] => self.put(image).await,
            images => self.transact(images).await,
        }
    }
}

fn item(image: &Image) -> HashMap<String, AttributeValue> {
    let texts = image.texts().into_iter().map(|(name, text)| (name.to_owned(), S(text)));
    texts.chain([("version".to_owned(), N(image.version.to_string()))]).collect()
}

/// The attributes that are not the item's own.
fn index(item: &HashMap<String, AttributeValue>) -> BTreeMap<String, String> {
    let others = item.iter().filter(|(name, _)| !ATTRIBUTES.contains(&name.as_str()));
    others.filter_map(|(name, value)| Some((name.clone(), value.as_s().ok()?.clone()))).collect()
}

/// That the version before the image's is the stored one.
fn condition(image: &Image) -> (&'static str, Option<HashMap<String, AttributeValue>>) {
    match Commit::expected(image) {
        Version::ABSENT => ("attribute_not_exists(id)", None),
        version => {
            let values = HashMap::from([(":expected".to_owned(), N(version.to_string()))]);
            ("version = :expected", Some(values))
        }
    }
}

/// A conflict: another write came first, or is under way as part of a transaction.
fn is_conflict_of_put(error: Option<&PutItemError>) -> bool {
    error.is_some_and(|it| it.is_conditional_check_failed_exception() || it.is_transaction_conflict_exception())
}

fn is_conflict_of_transaction(error: Option<&TransactWriteItemsError>) -> bool {
    let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error else { return false };
    let mut codes = cancelled.cancellation_reasons().iter().filter_map(|reason| reason.code());
    codes.any(|code| matches!(code, "ConditionalCheckFailed" | "TransactionConflict"))
}

/// By the code where there is one: the service's message can quote what it was sent.
fn failed<E>(operation: &'static str, aggregate: &AggregateId, error: &E) -> StoreError
where
    E: ProvideErrorMetadata + std::fmt::Display,
{
    let source = error.code().map_or_else(|| error.to_string(), str::to_owned);
    StoreError { operation, aggregate: aggregate.clone(), source: source.into() }
}
