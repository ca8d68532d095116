//! Completing a claim inside the caller's own transaction, so that its business state and the completion are one write.
//!
//! ```text
//! A  claim(fence a) ok ...... paused ...... TransactWriteItems [state, completion a]: all refused, fence is b
//! B              lease over: takes over, fence b ... TransactWriteItems [state, completion b] ok
//! ```

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::AttributeValue::S;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};

use super::record::Record;
use super::{DynamoDbStore, OWN, completing, own};
use crate::claim::Claim;

/// Whether a transaction that failed did so because of its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionFailure {
    /// A successor holds the claim, or finished it. Nothing of the transaction was written.
    FencedOff,
    /// This claim has been completed already: an earlier try of the same transaction went through, and its response was
    /// lost. The business state is written too.
    Completed,
    /// The claim had no part in it.
    Unrelated,
}

impl DynamoDbStore {
    /// The item of a `TransactWriteItems` that completes a claim, on the condition that its owner still holds it. The role
    /// needs `dynamodb:UpdateItem` on the table of claims.
    #[must_use]
    pub fn completion(&self, claim: &Claim, response: Option<&str>) -> TransactWriteItem {
        let (expression, values) = completing(response);
        let update = Update::builder()
            .table_name(&self.table)
            .key("id", S(claim.key.to_string()))
            .update_expression(expression)
            .condition_expression(OWN)
            .expression_attribute_names("#state", "state")
            .set_expression_attribute_values(Some(values.into_iter().chain(own(claim)).collect()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // Invariant: `build` asks for the table, the key and the update expression, which stand above.
        #[expect(clippy::expect_used, reason = "every required member is set")]
        let update = update.build().expect("every required member is set");
        TransactWriteItem::builder().update(update).build()
    }

    /// Judges a transaction that failed. `position` is where [`DynamoDbStore::completion`] stood among its items.
    #[must_use]
    pub fn transaction_failure<R>(
        claim: &Claim,
        position: usize,
        error: &SdkError<TransactWriteItemsError, R>,
    ) -> TransactionFailure {
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return TransactionFailure::Unrelated;
        };
        let reason = canceled.cancellation_reasons().get(position);
        let Some(reason) = reason.filter(|reason| reason.code() == Some("ConditionalCheckFailed")) else {
            return TransactionFailure::Unrelated;
        };
        let record = reason.item().and_then(|item| Record::read(item).ok());
        let by_us = record.is_some_and(|record| record.is_of(claim.fence) && record.done);
        if by_us { TransactionFailure::Completed } else { TransactionFailure::FencedOff }
    }
}
