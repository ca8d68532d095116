//! Kinesis: one shard a batch, in order within a partition key.
//!
//! A shard knows no delay of one record. What fails transiently is a checkpoint: it and every later record of the shard come
//! again, those included that were handled meanwhile because their key is another, so handlers have to be idempotent. How
//! often, and what then, is the mapping's setting (`MaximumRetryAttempts`, `BisectBatchOnFunctionError`, an on-failure
//! destination). What is permanent is dead-lettered and the shard goes on.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::failure::Failure;
use crate::payload;
use crate::ports::{DeadLetters, DeadLettersOnly, Observer};
use crate::report::{BatchError, Report, SequenceNumber};
use crate::run::{Runner, run_all};
use crate::stream::StreamRecord;

/// What Lambda hands over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Event {
    /// Records of one shard, in its order.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// One record, as [Lambda documents it](https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Record {
    pub kinesis: Data,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_version: Option<String>,
    /// Shard and sequence number.
    #[serde(default, rename = "eventID", skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoke_identity_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws_region: Option<String>,
    #[serde(default, rename = "eventSourceARN", skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
}

/// What the producer put, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Data {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinesis_schema_version: Option<String>,
    #[serde(default)]
    pub partition_key: String,
    #[serde(default)]
    pub sequence_number: String,
    /// In base64, so that a record that is none fails alone.
    #[serde(default)]
    pub data: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_arrival_timestamp: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_type: Option<String>,
}

impl Record {
    /// The bytes that the producer put.
    ///
    /// # Errors
    /// [`Failure::Undecodable`] for what is not base64.
    pub fn data(&self) -> Result<Vec<u8>, Failure> {
        payload::base64(&self.kinesis.data)
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
    if let Some(index) = event.records.iter().position(|record| record.kinesis.sequence_number.is_empty()) {
        return Err(BatchError::NoIdentifier { index });
    }
    Ok(run_all(event.records, runner, &DeadLettersOnly(dead_letters), handle).await)
}

impl crate::run::BatchRecord for Record {
    type Position = SequenceNumber;
    type Lane<'a> = &'a str;
    const RETURNS_ALONE: bool = false;

    fn lane(&self) -> Option<&str> {
        Some(&self.kinesis.partition_key)
    }

    fn into_position(self) -> SequenceNumber {
        SequenceNumber(self.kinesis.sequence_number)
    }
}

impl StreamRecord for Record {
    fn location(&self) -> Vec<(&'static str, String)> {
        vec![
            ("stream", self.event_source_arn.clone().unwrap_or_default()),
            ("event_id", self.event_id.clone().unwrap_or_default()),
            ("sequence_number", self.kinesis.sequence_number.clone()),
        ]
    }
}
