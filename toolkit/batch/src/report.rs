//! The outcome of every record, and the response to Lambda.

use std::time::Duration;

use serde::Serialize;

use crate::failure::Reason;
use crate::policy::FailInvocation;

/// The invocation has to fail, because a response record by record is not possible.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A record that the response could not name. An unnamed record would count as done.
    #[error("record {index} of the batch has no identifier")]
    NoIdentifier {
        /// The record's index in the batch.
        index: usize,
    },
    /// Records failed, and the source or the policy knows no partial response.
    #[error("{failed} of {records} records failed and are retried")]
    Failed {
        /// How many failed.
        failed: usize,
        /// How many the batch has.
        records: usize,
    },
}

/// The outcome of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Handled.
    Done,
    /// Failed, and is retried.
    Retry {
        /// What went wrong.
        error: String,
        /// After which delay; `None` where the source cannot delay a record, or failed to, so that its own setting decides.
        after: Option<Duration>,
    },
    /// Moved to the dead letters with a reason.
    DeadLettered {
        /// The kind of failure.
        reason: Reason,
        /// What went wrong.
        error: String,
    },
    /// The dead letters could not be reached; is retried.
    DeadLetterFailed {
        /// What went wrong, first with the record and then with dead-lettering it.
        error: String,
    },
    /// Not started, because an earlier record of its lane is retried; is retried after that one.
    Blocked,
    /// The deadline came first; is retried.
    TimedOut,
}

impl Outcome {
    /// True where the source may forget the record.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Done | Self::DeadLettered { .. })
    }
}

/// The outcome of every record, in the order of the batch. `P` names a record in its source's terms.
#[derive(Clone, Debug)]
#[must_use = "without a response every record counts as done"]
pub struct Report<P> {
    /// Each record with its outcome.
    pub outcomes: Vec<(P, Outcome)>,
    pub(crate) fail_invocation: FailInvocation,
}

impl<P> Report<P> {
    /// The records that failed: the source delivers them again.
    pub fn failed(&self) -> impl Iterator<Item = &P> {
        self.outcomes.iter().filter(|(_, outcome)| !outcome.is_acknowledged()).map(|(position, _)| position)
    }

    /// How many records had which outcome, to be counted as metrics.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (_, outcome) in &self.outcomes {
            let count = match outcome {
                Outcome::Done => &mut summary.done,
                Outcome::Retry { .. } => &mut summary.retry,
                Outcome::DeadLetterFailed { .. } => &mut summary.dead_letter_failed,
                Outcome::Blocked => &mut summary.blocked,
                Outcome::TimedOut => &mut summary.timed_out,
                Outcome::DeadLettered { reason: Reason::Permanent, .. } => &mut summary.permanent,
                Outcome::DeadLettered { reason: Reason::Undecodable, .. } => &mut summary.undecodable,
                Outcome::DeadLettered { reason: Reason::Panicked, .. } => &mut summary.panicked,
                Outcome::DeadLettered { reason: Reason::AttemptsExhausted, .. } => &mut summary.attempts_exhausted,
            };
            *count += 1;
        }
        summary
    }

    /// Fails as `when` decides.
    pub(crate) fn check(&self, when: FailInvocation) -> Result<(), BatchError> {
        let (failed, records) = (self.failed().count(), self.outcomes.len());
        let fails = match when {
            FailInvocation::Never => false,
            FailInvocation::WhenAllFail => failed == records,
            FailInvocation::WhenAnyFails => true,
        };
        if fails && failed > 0 { Err(BatchError::Failed { failed, records }) } else { Ok(()) }
    }
}

/// How many records had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the outcomes and reasons of the same names")]
pub struct Summary {
    pub done: u64,
    pub retry: u64,
    pub blocked: u64,
    pub timed_out: u64,
    pub dead_letter_failed: u64,
    pub permanent: u64,
    pub undecodable: u64,
    pub panicked: u64,
    pub attempts_exhausted: u64,
}

impl Summary {
    /// Stable names and their counts.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 9] {
        // Destructured in whole, so that the compiler asks for the name of a new count.
        let Self {
            done,
            retry,
            blocked,
            timed_out,
            dead_letter_failed,
            permanent,
            undecodable,
            panicked,
            attempts_exhausted,
        } = *self;
        [
            ("done", done),
            ("retry", retry),
            ("blocked", blocked),
            ("timed-out", timed_out),
            ("dead-letter-failed", dead_letter_failed),
            (Reason::Permanent.as_str(), permanent),
            (Reason::Undecodable.as_str(), undecodable),
            (Reason::Panicked.as_str(), panicked),
            (Reason::AttemptsExhausted.as_str(), attempts_exhausted),
        ]
    }
}

/// A partial response: `{"batchItemFailures":[{"itemIdentifier":…}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<I> {
    /// The records that failed; empty when none did.
    pub batch_item_failures: Vec<ItemFailure<I>>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure<I> {
    /// Its name in the source's terms.
    pub item_identifier: I,
}

impl<I> FromIterator<I> for Response<I> {
    fn from_iter<T: IntoIterator<Item = I>>(identifiers: T) -> Self {
        let failure = |item_identifier| ItemFailure { item_identifier };
        Self { batch_item_failures: identifiers.into_iter().map(failure).collect() }
    }
}

/// A record's place in a Kinesis or DynamoDB stream.
#[cfg(any(feature = "kinesis", feature = "dynamodb"))]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SequenceNumber(pub String);

#[cfg(any(feature = "kinesis", feature = "dynamodb"))]
impl std::fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(any(feature = "kinesis", feature = "dynamodb"))]
impl Report<SequenceNumber> {
    /// The checkpoint: the lowest sequence number of a failed record, if any. Lambda delivers that record and every later
    /// one of the shard again
    /// ([rule](https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html)).
    ///
    /// # Errors
    /// [`BatchError::Failed`] as [`FailInvocation`] decides.
    pub fn response(&self) -> Result<Response<SequenceNumber>, BatchError> {
        self.check(self.fail_invocation)?;
        // They are decimal numbers of up to 56 digits: the longer one is the higher one.
        let value = |number: &&SequenceNumber| {
            let digits = number.0.trim_start_matches('0');
            (digits.len(), digits.to_owned())
        };
        Ok(self.failed().min_by_key(value).cloned().into_iter().collect())
    }
}
