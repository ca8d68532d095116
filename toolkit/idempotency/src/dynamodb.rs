//! Claims in a DynamoDB table with partition key `id` (string) and time to live on `expires_at` (seconds).
//!
//! | attribute | type | meaning |
//! |---|---|---|
//! | `id` | S | the key |
//! | `fence` | S | the holder's fencing token |
//! | `state` | S | `claimed` or `done` |
//! | `lease_until` | N | milliseconds since the epoch; from then on a successor may take over; 0 where the owner let go |
//! | `expires_at` | N | seconds since the epoch; DynamoDB deletes late, so every condition compares it too |
//! | `label` | S | what the first claimant leaves for its successors |
//! | `fingerprint` | S | SHA-256 of what the key was first used with |
//! | `answer` | S | the owner's response |
//!
//! Two conditional writes a first call (claim, complete), one a repeated call. An owner that outlives its lease:
//!
//! ```text
//! A  claim(fence a) ok ........ paused ................................ complete(fence a): refused, fence is b
//! B                  claim: a's lease runs  .  lease over: takes over from fence a, now b ... complete(fence b) ok
//! C                                            takes over from fence a: refused, fence is b already
//! ```

mod record;
mod transaction;

use std::time::SystemTime;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use self::record::{CLAIMED, DONE, Item, RELEASED, Record, millis, secs_up};
pub use self::transaction::TransactionFailure;
use crate::claim::{Claim, ClaimRequest, Claimed, FinishError, Key, Origin, Store, StoreError, contradicts};

/// The condition of a write under a claim: the writer holds it, and it is not done.
const OWN: &str = "fence = :fence AND #state = :claimed";

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
    /// while a function initialises, when it has a whole processor. Failing here harms nothing, a missing right to read
    /// included, so nothing is returned.
    pub async fn warm(&self) {
        let _ = self.reach().await;
    }

    /// Looks whether the table responds: reads a record that does not exist. For this alone the role needs
    /// `dynamodb:GetItem`.
    ///
    /// # Errors
    /// [`StoreError`] where it does not respond.
    pub async fn reach(&self) -> Result<(), StoreError> {
        let key = Key::new("reach", "");
        let read = self.client.get_item().table_name(&self.table).key("id", S(key.to_string())).send().await;
        read.map(drop).map_err(|error| failed("reach", &key, error))
    }

    /// Takes over from an owner that died or let go. The condition names the fence that was read, so that of several
    /// successors exactly one wins, and none wins against an owner that completed meanwhile.
    async fn take_over(&self, request: &ClaimRequest<'_>, predecessor: Record) -> Result<Claimed, StoreError> {
        let ClaimRequest { key, fence, lease_until, .. } = request;
        let origin = if predecessor.lease_until == RELEASED { Origin::Released } else { Origin::Abandoned };
        let taken = self
            .update(key)
            .update_expression("SET fence = :fence, lease_until = :lease_until, expires_at = :expires_at")
            .condition_expression("fence = :predecessor AND #state = :claimed")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":fence", S(fence.to_string()))
            .expression_attribute_values(":lease_until", N(millis(*lease_until).to_string()))
            .expression_attribute_values(":expires_at", N(secs_up(request.kept_until()).to_string()))
            .expression_attribute_values(":predecessor", S(predecessor.fence))
            .expression_attribute_values(":claimed", S(CLAIMED.to_owned()))
            .send()
            .await;
        if let Err(error) = taken {
            let Some(held) = refused_update(&error) else { return Err(failed("take over", key, error)) };
            // Another successor wrote first, or the owner lived and completed, or the record is gone since: the next
            // claim finds it. A record under our own fence is this write, repeated by the SDK after its response was lost.
            match held.and_then(|item| Record::read(item).ok()) {
                Some(held) if held.is_of(*fence) => {}
                Some(held) if held.done => return Ok(Claimed::Done(held.completed)),
                Some(held) => return Ok(Claimed::InProgress { lease_until: held.lease_until }),
                None => return Ok(Claimed::InProgress { lease_until: *lease_until }),
            }
        }
        Ok(Claimed::Owner(Claim {
            label: predecessor.completed.label,
            fingerprint: predecessor.completed.fingerprint,
            ..first(request, origin)
        }))
    }

    fn finish(&self, claim: &Claim) -> UpdateItemFluentBuilder {
        let mut update =
            self.update(&claim.key).condition_expression(OWN).expression_attribute_names("#state", "state");
        for (name, value) in own(claim) {
            update = update.expression_attribute_values(name, value);
        }
        update
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
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let ClaimRequest { key, fence, lease_until, label, fingerprint, .. } = &request;
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("id", S(key.to_string()))
            .item("fence", S(fence.to_string()))
            .item("state", S(CLAIMED.to_owned()))
            .item("lease_until", N(millis(*lease_until).to_string()))
            .item("expires_at", N(secs_up(request.kept_until()).to_string()))
            .condition_expression("attribute_not_exists(id) OR expires_at <= :now")
            .expression_attribute_values(":now", N((millis(now) / 1000).to_string()))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if let Some(label) = label {
            put = put.item("label", S((*label).to_owned()));
        }
        if let Some(fingerprint) = fingerprint {
            put = put.item("fingerprint", S(fingerprint.as_str().to_owned()));
        }
        let held = match put.send().await {
            Ok(replaced) => {
                let origin = if replaced.attributes().is_some() { Origin::Expired } else { Origin::First };
                return Ok(Claimed::Owner(first(&request, origin)));
            }
            Err(error) => match refused_put(&error) {
                Some(item) => Record::read(item).map_err(|what| failed("read", key, what))?,
                None => return Err(failed("claim", key, error)),
            },
        };
        if held.is_of(*fence) && !held.done {
            // Our own put, repeated by the SDK after its response was lost.
            return Ok(Claimed::Owner(first(&request, Origin::First)));
        }
        if contradicts(*fingerprint, held.completed.fingerprint.as_ref()) {
            return Ok(Claimed::Mismatch);
        }
        if held.done {
            return Ok(Claimed::Done(held.completed));
        }
        if held.lease_until > now {
            return Ok(Claimed::InProgress { lease_until: held.lease_until });
        }
        self.take_over(&request, held).await
    }

    async fn complete(&self, claim: &Claim, response: Option<&str>) -> Result<(), FinishError> {
        let (expression, values) = completing(response);
        let mut update = self.finish(claim).update_expression(expression);
        for (name, value) in values {
            update = update.expression_attribute_values(name, value);
        }
        let Err(error) = update.send().await else { return Ok(()) };
        let Some(held) = refused_update(&error) else { return Err(failed("complete", &claim.key, error).into()) };
        // Done under our own fence: this write, repeated by the SDK after its response was lost.
        match held.and_then(|item| Record::read(item).ok()) {
            Some(held) if held.is_of(claim.fence) && held.done && held.completed.response.as_deref() == response => {
                Ok(())
            }
            _ => Err(FinishError::FencedOff { key: claim.key.to_string() }),
        }
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        let update = self
            .finish(claim)
            .update_expression("SET lease_until = :released")
            .expression_attribute_values(":released", N(millis(RELEASED).to_string()));
        match update.send().await {
            Ok(_) => Ok(()),
            Err(error) if refused_update(&error).is_some() => {
                Err(FinishError::FencedOff { key: claim.key.to_string() })
            }
            Err(error) => Err(failed("release", &claim.key, error).into()),
        }
    }
}

/// A claim as the first claimant has it.
fn first(request: &ClaimRequest<'_>, origin: Origin) -> Claim {
    Claim {
        key: request.key.clone(),
        fence: request.fence,
        expires_at: request.kept_until(),
        label: request.label.map(str::to_owned),
        fingerprint: request.fingerprint.cloned(),
        origin,
    }
}

/// The values that [`OWN`] names.
fn own(claim: &Claim) -> Item {
    [(":fence", claim.fence.to_string()), (":claimed", CLAIMED.to_owned())]
        .map(|(name, value)| (name.to_owned(), S(value)))
        .into()
}

/// The expression that completes a claim, and the values it names.
fn completing(response: Option<&str>) -> (&'static str, Item) {
    let mut values = Item::from([(":done".to_owned(), S(DONE.to_owned()))]);
    let Some(response) = response else { return ("SET #state = :done", values) };
    values.insert(":answer".to_owned(), S(response.to_owned()));
    ("SET #state = :done, answer = :answer", values)
}

fn refused_put<R>(error: &SdkError<PutItemError, R>) -> Option<&Item> {
    let PutItemError::ConditionalCheckFailedException(refused) = error.as_service_error()? else { return None };
    refused.item()
}

/// What an update met whose condition did not hold: the record, or none where there is none.
fn refused_update<R>(error: &SdkError<UpdateItemError, R>) -> Option<Option<&Item>> {
    let UpdateItemError::ConditionalCheckFailedException(refused) = error.as_service_error()? else { return None };
    Some(refused.item())
}

fn failed(
    operation: &'static str,
    key: &Key,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError { operation, key: key.to_string(), source: source.into() }
}
