//! DynamoDB streams: one shard a batch, in order within an item.
//!
//! As with [Kinesis](https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html), what fails
//! transiently is a checkpoint: it and every later record of the shard come again, those included that were handled meanwhile
//! because they are of another item, so handlers have to be idempotent. What is permanent is dead-lettered and the shard goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::payload;
use crate::ports::{DeadLetters, DeadLettersOnly, Observer};
use crate::report::{BatchError, Report, SequenceNumber};
use crate::run::{Runner, run_all};
use crate::stream::StreamRecord;

/// What Lambda hands over.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Event {
    /// Records of one shard, in its order.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One change, as [Lambda documents it](https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html).
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Record {
    #[serde(default, rename = "eventID", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// `INSERT`, `MODIFY` or `REMOVE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_region: Option<String>,
    #[serde(rename = "dynamodb")]
    pub change: Change,
    #[serde(default, rename = "eventSourceARN", skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_identity: Option<UserIdentity>,
}

/// What changed, and where it stands.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Change {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_creation_date_time: Option<Number>,
    #[serde(default)]
    pub keys: BTreeMap<String, KeyAttribute>,
    /// Attribute values as DynamoDB writes them, unread until [`Record::new_image`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_image: Option<Box<RawValue>>,
    /// As `new_image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_image: Option<Box<RawValue>>,
    #[serde(default)]
    pub sequence_number: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_view_type: Option<String>,
}

/// An attribute of a primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
pub enum KeyAttribute {
    /// A string.
    S(String),
    /// A number.
    N(String),
    /// Bytes, in base64.
    B(String),
}

/// Who deleted: DynamoDB itself, where an item expired.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct UserIdentity {
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
}

impl Record {
    /// The item after the change, read as `T` (a map of attribute values, such as `serde_dynamo::Item`); `None` where the
    /// stream does not carry it or the item is gone.
    ///
    /// # Errors
    /// [`Failure::Undecodable`] for what is no `T`.
    pub fn new_image<'a, T: Deserialize<'a>>(&'a self) -> Result<Option<T>, Failure> {
        read(self.change.new_image.as_deref())
    }

    /// The item before the change.
    ///
    /// # Errors
    /// As [`Record::new_image`].
    pub fn old_image<'a, T: Deserialize<'a>>(&'a self) -> Result<Option<T>, Failure> {
        read(self.change.old_image.as_deref())
    }
}

/// Runs every record of `event` through `handle`.
///
/// # Errors
/// [`BatchError::NoIdentifier`] where a record has no sequence number.
pub async fn run<O: Observer<Record>>(
    event: Event,
    runner: Runner<'_, O>,
    dead_letters: &impl DeadLetters<Record>,
    handle: impl AsyncFn(&Record) -> Result<(), Failure>,
) -> Result<Report<SequenceNumber>, BatchError> {
    if let Some(index) = event.records.iter().position(|record| record.change.sequence_number.is_empty()) {
        return Err(BatchError::NoIdentifier { index });
    }
    Ok(run_all(event.records, runner, &DeadLettersOnly(dead_letters), handle).await)
}

impl crate::run::BatchRecord for Record {
    type Position = SequenceNumber;
    type Lane<'a> = &'a BTreeMap<String, KeyAttribute>;
    const RETURNS_ALONE: bool = false;

    fn lane(&self) -> Option<Self::Lane<'_>> {
        Some(&self.change.keys)
    }

    fn into_position(self) -> SequenceNumber {
        SequenceNumber(self.change.sequence_number)
    }
}

impl StreamRecord for Record {
    fn location(&self) -> Vec<(&'static str, String)> {
        vec![
            ("stream", self.event_source_arn.clone().unwrap_or_default()),
            ("event_id", self.event_id.clone().unwrap_or_default()),
            ("sequence_number", self.change.sequence_number.clone()),
        ]
    }
}

fn read<'a, T: Deserialize<'a>>(image: Option<&'a RawValue>) -> Result<Option<T>, Failure> {
    image.map(|image| payload::json(image.get().as_bytes())).transpose()
}
