//! Claims in a DynamoDB table with partition key `id` (string) and time to live on `expires_at` (seconds).
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `id` | S | the key |
//! | `fence` | S | the holder's fencing token |
//! | `state` | S | `claimed` or `done` |
//! | `lease_until` | N | milliseconds since the epoch; from then on a successor may take over |
//! | `expires_at` | N | seconds since the epoch; DynamoDB deletes late, so every condition compares it too |
//! | `label` | S | what the first claimant wants its successors to know |
//! | `answer` | S | what the owner answered |
//!
//! Two conditional writes a first call (claim, complete), one a repeated call. An owner that outlives its lease:
//!
//! ```text
//! A  claim(fence a) ok ........ paused ................................ complete(fence a): refused, fence is b
//! B                  claim: a's lease runs  .  lease over: takes over from fence a, now b ... complete(fence b) ok
//! C                                            takes over from fence a: refused, fence is b already
//! ```

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use crate::{Claim, Claimed, Fence, FinishError, Key, Request, Store, StoreError};

type Item = HashMap<String, AttributeValue>;

/// Keeps claims in a DynamoDB table.
#[derive(Clone, Debug)]
pub struct DynamoDbStore {
    client: Client,
    table: String,
}

impl DynamoDbStore {
    /// A store over `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Opens the connection and runs the signing code once, so that the first claim does not pay for it. To be called
    /// while a function initialises, when it has a whole processor. Failing here harms nothing, so nothing is returned.
    pub async fn warm(&self) {
        let _ = self.reach().await;
    }

    /// Looks whether the table answers: reads a record that does not exist.
    ///
    /// # Errors
    /// [`StoreError`] where it does not answer.
    pub async fn reach(&self) -> Result<(), StoreError> {
        let key = Key::new("reach", "");
        let read = self.client.get_item().table_name(&self.table).key("id", S(key.to_string())).send().await;
        read.map(drop).map_err(|error| failed("reach", &key, error))
    }

    /// Takes over from an owner that died or let go. The condition names the fence that was read, so that of several
    /// successors exactly one wins, and none wins against an owner that completed meanwhile.
    async fn take_over(&self, request: &Request<'_>, predecessor: Record) -> Result<Claimed, StoreError> {
        let Request { key, fence, lease_until, expires_at, .. } = request;
        let taken = self
            .update(key)
            .update_expression("SET fence = :fence, lease_until = :lease_until, expires_at = :expires_at")
            .condition_expression("fence = :predecessor AND #state = :claimed")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":fence", S(fence.to_string()))
            .expression_attribute_values(":lease_until", N(millis(*lease_until).to_string()))
            .expression_attribute_values(":expires_at", N(secs_up(*expires_at).to_string()))
            .expression_attribute_values(":predecessor", S(predecessor.fence))
            .expression_attribute_values(":claimed", S(CLAIMED.to_owned()))
            .send()
            .await;
        match taken {
            Err(error) if !is_refused_update(&error) => Err(failed("take over", key, error)),
            // Somebody was quicker. Its lease is not known here and is at most as long as ours.
            Err(error) if !left_by(&error, *fence, CLAIMED) => Ok(Claimed::InProgress { lease_until: *lease_until }),
            _ => Ok(Claimed::Owner(Claim {
                key: (*key).clone(),
                fence: *fence,
                expires_at: *expires_at,
                label: predecessor.label,
                taken_over: true,
            })),
        }
    }

    async fn finish(
        &self,
        operation: &'static str,
        claim: &Claim,
        update: impl FnOnce(UpdateItemFluentBuilder) -> UpdateItemFluentBuilder,
    ) -> Result<(), FinishError> {
        let conditional = self
            .update(&claim.key)
            .condition_expression("fence = :fence AND #state = :claimed")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":fence", S(claim.fence.to_string()))
            .expression_attribute_values(":claimed", S(CLAIMED.to_owned()));
        match update(conditional).send().await {
            Ok(_) => Ok(()),
            Err(error) if operation == "complete" && left_by(&error, claim.fence, DONE) => Ok(()),
            Err(error) if is_refused_update(&error) => Err(FinishError::FencedOff { key: claim.key.to_string() }),
            Err(error) => Err(failed(operation, &claim.key, error).into()),
        }
    }

    fn update(&self, key: &Key) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("id", S(key.to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

impl Store for DynamoDbStore {
    async fn claim(&self, request: Request<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let Request { key, fence, lease_until, expires_at, label } = &request;
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("id", S(key.to_string()))
            .item("fence", S(fence.to_string()))
            .item("state", S(CLAIMED.to_owned()))
            .item("lease_until", N(millis(*lease_until).to_string()))
            .item("expires_at", N(secs_up(*expires_at).to_string()))
            .condition_expression("attribute_not_exists(id) OR expires_at <= :now")
            .expression_attribute_values(":now", N((millis(now) / 1000).to_string()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(label) = label {
            put = put.item("label", S((*label).to_owned()));
        }
        let held = match put.send().await {
            Ok(_) => return Ok(owner(&request)),
            Err(error) => match refused_put(&error) {
                Some(item) => Record::read(item).map_err(|what| failed("read", key, what))?,
                None => return Err(failed("claim", key, error)),
            },
        };
        if held.fence == fence.to_string() {
            return Ok(owner(&request)); // our own put, repeated by the SDK after its answer was lost
        }
        if held.done {
            return Ok(Claimed::Done { answer: held.answer, label: held.label });
        }
        if held.lease_until > now {
            return Ok(Claimed::InProgress { lease_until: held.lease_until });
        }
        self.take_over(&request, held).await
    }

    async fn complete(&self, claim: &Claim, answer: Option<&str>, _now: SystemTime) -> Result<(), FinishError> {
        self.finish("complete", claim, |update| match answer {
            Some(answer) => update
                .update_expression("SET #state = :done, answer = :answer")
                .expression_attribute_values(":done", S(DONE.to_owned()))
                .expression_attribute_values(":answer", S(answer.to_owned())),
            None => {
                update.update_expression("SET #state = :done").expression_attribute_values(":done", S(DONE.to_owned()))
            }
        })
        .await
    }

    async fn release(&self, claim: &Claim, now: SystemTime) -> Result<(), FinishError> {
        self.finish("release", claim, |update| {
            update
                .update_expression("SET lease_until = :released")
                .expression_attribute_values(":released", N(millis(now).to_string()))
        })
        .await
    }
}

const CLAIMED: &str = "claimed";
const DONE: &str = "done";

/// What stands in the table, as far as a claimant needs it.
struct Record {
    fence: String,
    done: bool,
    lease_until: SystemTime,
    label: Option<String>,
    answer: Option<String>,
}

impl Record {
    fn read(item: &Item) -> Result<Self, String> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
        Ok(Self {
            fence: text("fence").ok_or("the record has no fence")?,
            done: text("state").ok_or("the record has no state")? == DONE,
            lease_until: SystemTime::UNIX_EPOCH
                + Duration::from_millis(number("lease_until").ok_or("the record has no lease_until")?),
            label: text("label"),
            answer: text("answer"),
        })
    }
}

fn owner(request: &Request<'_>) -> Claimed {
    Claimed::Owner(Claim {
        key: request.key.clone(),
        fence: request.fence,
        expires_at: request.expires_at,
        label: request.label.map(str::to_owned),
        taken_over: false,
    })
}

fn refused_put<R>(error: &SdkError<PutItemError, R>) -> Option<&Item> {
    match error.as_service_error()? {
        PutItemError::ConditionalCheckFailedException(refused) => refused.item(),
        _ => None,
    }
}

fn is_refused_update<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

/// The SDK repeats a write whose answer was lost; the repeat is then refused because of what the first one left.
fn left_by<R>(error: &SdkError<UpdateItemError, R>, fence: Fence, state: &str) -> bool {
    let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error() else {
        return false;
    };
    let record = refused.item().and_then(|item| Record::read(item).ok());
    record.is_some_and(|record| record.fence == fence.to_string() && record.done == (state == DONE))
}

fn failed(
    operation: &'static str,
    key: &Key,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError { operation, key: key.to_string(), source: source.into() }
}

fn millis(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// Rounded up, so that a record never expires before the moment that was asked for.
fn secs_up(time: SystemTime) -> u128 {
    millis(time).div_ceil(1000)
}
