//! Kafka, of Amazon MSK and self-managed: several partitions a batch, in order within a key, or for records without a key
//! with those of the partition that have none either.
//!
//! A partition knows no delay of one record. What fails transiently comes again with everything after it in its partition,
//! those included that were handled meanwhile because their key is another, so handlers have to be idempotent. Other
//! partitions go on. What is permanent is dead-lettered and its partition goes on. Partial answers need a mapping in provisioned
//! mode with `ReportBatchItemFailures`
//! ([rule](https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html)).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::payload;
use crate::ports::{DeadLetters, DeadLettersOnly, Observer};
use crate::report::{BatchError, Report, Response};
use crate::run::{Runner, run_all};
use crate::stream::StreamRecord;

/// What Lambda hands over.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Event {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source: Option<String>,
    /// Absent where Kafka is self-managed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_source_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_servers: Option<String>,
    /// By `topic-partition`, in each partition's order.
    pub records: BTreeMap<String, Vec<Record>>,
}

/// One record, as [Lambda documents it](https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct Record {
    #[serde(default)]
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_type: Option<String>,
    /// In base64.
    #[serde(default)]
    pub key: Option<String>,
    /// In base64; none is a tombstone.
    #[serde(default)]
    pub value: Option<String>,
    /// Bytes as numbers, which may be signed.
    #[serde(default)]
    pub headers: Vec<BTreeMap<String, Option<Vec<i16>>>>,
    /// Where the mapping reads a schema registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_schema_metadata: Option<SchemaMetadata>,
    /// Where the mapping reads a schema registry: the value comes without its frame then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_schema_metadata: Option<SchemaMetadata>,
    /// The name under which the event has this record's partition, and its number among the batch's partitions.
    #[serde(skip)]
    found_in: (Arc<str>, usize),
}

/// Which schema wrote a key or value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "Lambda's own names")]
pub struct SchemaMetadata {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_format: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<String>,
}

impl Record {
    /// The key's bytes.
    ///
    /// # Errors
    /// [`Failure::Undecodable`] for what is not base64.
    pub fn key(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.key.as_deref().map(payload::base64).transpose()
    }

    /// The value's bytes; `None` is a tombstone.
    ///
    /// # Errors
    /// [`Failure::Undecodable`] for what is not base64.
    pub fn value(&self) -> Result<Option<Vec<u8>>, Failure> {
        self.value.as_deref().map(payload::base64).transpose()
    }

    /// Headers in their order; a name may stand there more than once, and a value may be null.
    ///
    /// # Errors
    /// [`Failure::Undecodable`] for numbers that are no bytes.
    pub fn headers(&self) -> Result<Headers<'_>, Failure> {
        let bytes = |numbers: &Vec<i16>| numbers.iter().map(|number| byte(*number)).collect::<Result<Vec<u8>, _>>();
        let all = self.headers.iter().flatten();
        all.map(|(name, value)| Ok((name.as_str(), value.as_ref().map(bytes).transpose()?))).collect()
    }
}

/// A record's headers: names and values.
pub type Headers<'a> = Vec<(&'a str, Option<Vec<u8>>)>;

/// A record's place, as the answer names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offset {
    /// `topic-partition`, as the event has it.
    #[serde(serialize_with = "as_text")]
    pub partition: Arc<str>,
    /// The offset in it.
    pub offset: i64,
}

/// Runs every record of `event` through `handle`.
///
/// # Errors
/// [`BatchError::NoIdentifier`] where records stand under no partition.
pub async fn run<O: Observer<Record>>(
    event: Event,
    runner: Runner<'_, O>,
    dead_letters: &impl DeadLetters<Record>,
    handle: impl AsyncFn(&Record) -> Result<(), Failure>,
) -> Result<Report<Offset>, BatchError> {
    let mut all = Vec::with_capacity(event.records.values().map(Vec::len).sum());
    for (number, (partition, records)) in event.records.into_iter().enumerate() {
        if partition.is_empty() && !records.is_empty() {
            return Err(BatchError::NoIdentifier { index: all.len() });
        }
        let partition: Arc<str> = partition.into();
        all.extend(records.into_iter().map(|record| Record { found_in: (partition.clone(), number), ..record }));
    }
    Ok(run_all(all, runner, &DeadLettersOnly(dead_letters), handle).await)
}

impl Report<Offset> {
    /// Names every record that failed, in the order of its partition. Where Lambda takes the lowest offset of a partition
    /// as its checkpoint the others add nothing; where it retries what is named, nothing is missing.
    ///
    /// # Errors
    /// [`BatchError::Failed`] as [`FailInvocation`](crate::FailInvocation) decides.
    pub fn response(&self) -> Result<Response<Offset>, BatchError> {
        self.check(self.fail_invocation)?;
        Ok(self.failed().cloned().collect())
    }
}

impl crate::run::BatchRecord for Record {
    type Position = Offset;
    type Lane<'a> = (usize, Option<&'a str>);
    const RETURNS_ALONE: bool = false;

    fn lane(&self) -> Option<Self::Lane<'_>> {
        Some((self.found_in.1, self.key.as_deref()))
    }

    fn scope(&self) -> usize {
        self.found_in.1
    }

    fn into_position(self) -> Offset {
        Offset { partition: self.found_in.0, offset: self.offset }
    }
}

impl StreamRecord for Record {
    fn location(&self) -> Vec<(&'static str, String)> {
        vec![
            ("topic", self.topic.clone()),
            ("partition", self.partition.to_string()),
            ("offset", self.offset.to_string()),
        ]
    }
}

/// Java's bytes are signed: what is over 127 may come as a negative number.
fn byte(number: i16) -> Result<u8, Failure> {
    u8::try_from(number)
        .or_else(|_| i8::try_from(number).map(i8::cast_unsigned))
        .map_err(|_| Failure::undecodable("a header's value is not made of bytes"))
}

fn as_text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
