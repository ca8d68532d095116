//! What became of every record, and the answer that Lambda wants.

use std::time::Duration;

use serde::Serialize;

use crate::{FailInvocation, Reason};

/// The batch cannot be answered record by record; the invocation has to fail.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A record that the answer could not name. An unnamed record would count as done.
    #[error("record {index} of the batch has no identifier")]
    NoIdentifier {
        /// The record's place in the batch.
        index: usize,
    },
    /// Records come back, and the source or the policy knows no partial answer.
    #[error("{returned} of {records} records come back")]
    Failed {
        /// How many come back.
        returned: usize,
        /// How many there were.
        records: usize,
    },
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Handled.
    Done,
    /// Failed, and comes back.
    Delayed {
        /// What went wrong.
        error: String,
        /// When it comes back; `None` where the source cannot be told, or could not, so that its own setting decides.
        after: Option<Duration>,
    },
    /// Set aside with a reason.
    DeadLettered {
        /// The kind of failure.
        reason: Reason,
        /// What went wrong.
        error: String,
    },
    /// Should have been set aside but the dead letters could not be reached; comes back.
    Stuck {
        /// What went wrong, first with the record and then with setting it aside.
        error: String,
    },
    /// Not begun, because a record before it, in the same order, comes back; comes back after that one.
    HeldBack,
    /// There was no time left; comes back.
    OutOfTime,
}

impl Outcome {
    /// True where the source may forget the record.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        matches!(self, Self::Done | Self::DeadLettered { .. })
    }
}

/// What became of every record, in the order of the batch. `P` says which record, in its source's terms.
#[derive(Clone, Debug)]
#[must_use = "what is not answered counts as done"]
pub struct Report<P> {
    /// Which record, and its outcome.
    pub outcomes: Vec<(P, Outcome)>,
    pub(crate) fail_invocation: FailInvocation,
}

impl<P> Report<P> {
    /// The records that come back.
    pub fn returned(&self) -> impl Iterator<Item = &P> {
        self.outcomes.iter().filter(|(_, outcome)| !outcome.is_acknowledged()).map(|(position, _)| position)
    }

    /// How many records had which outcome, to be counted as metrics.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut summary = Summary::default();
        for (_, outcome) in &self.outcomes {
            let count = match outcome {
                Outcome::Done => &mut summary.done,
                Outcome::Delayed { .. } => &mut summary.delayed,
                Outcome::Stuck { .. } => &mut summary.stuck,
                Outcome::HeldBack => &mut summary.held_back,
                Outcome::OutOfTime => &mut summary.out_of_time,
                Outcome::DeadLettered { reason: Reason::Permanent, .. } => &mut summary.permanent,
                Outcome::DeadLettered { reason: Reason::Undecodable, .. } => &mut summary.undecodable,
                Outcome::DeadLettered { reason: Reason::Panicked, .. } => &mut summary.panicked,
                Outcome::DeadLettered { reason: Reason::AttemptsExhausted, .. } => &mut summary.attempts_exhausted,
            };
            *count += 1;
        }
        summary
    }

    /// Fails where `when` wants it.
    pub(crate) fn check(&self, when: FailInvocation) -> Result<(), BatchError> {
        let (returned, records) = (self.returned().count(), self.outcomes.len());
        let fails = match when {
            FailInvocation::Never => false,
            FailInvocation::WhenAllComeBack => returned == records,
            FailInvocation::WhenAnyComesBack => true,
        };
        if fails && returned > 0 { Err(BatchError::Failed { returned, records }) } else { Ok(()) }
    }
}

/// How many records had which outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the outcomes and reasons of the same names")]
pub struct Summary {
    pub done: u64,
    pub delayed: u64,
    pub held_back: u64,
    pub out_of_time: u64,
    pub stuck: u64,
    pub permanent: u64,
    pub undecodable: u64,
    pub panicked: u64,
    pub attempts_exhausted: u64,
}

impl Summary {
    /// Stable names and their counts.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 9] {
        [
            ("done", self.done),
            ("delayed", self.delayed),
            ("held-back", self.held_back),
            ("out-of-time", self.out_of_time),
            ("stuck", self.stuck),
            (Reason::Permanent.as_str(), self.permanent),
            (Reason::Undecodable.as_str(), self.undecodable),
            (Reason::Panicked.as_str(), self.panicked),
            (Reason::AttemptsExhausted.as_str(), self.attempts_exhausted),
        ]
    }
}

/// A partial answer: `{"batchItemFailures":[{"itemIdentifier":…}]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response<I> {
    /// What is not done. Empty: everything is.
    pub batch_item_failures: Vec<ItemFailure<I>>,
}

/// One record that is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure<I> {
    /// Which one.
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
    /// The checkpoint: the lowest sequence number that is not done, if any. Lambda hands out that record and every later
    /// one of the shard again
    /// ([rule](https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html)).
    ///
    /// # Errors
    /// [`BatchError::Failed`] where [`FailInvocation`] wants it.
    pub fn response(&self) -> Result<Response<SequenceNumber>, BatchError> {
        self.check(self.fail_invocation)?;
        // They are decimal numbers of up to 56 digits: the longer one is the higher one.
        let value = |number: &&SequenceNumber| {
            let digits = number.0.trim_start_matches('0');
            (digits.len(), digits.to_owned())
        };
        Ok(self.returned().min_by_key(value).cloned().into_iter().collect())
    }
}
