//! What stands in the table, as far as a claimant needs it.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::claim::{CompletedClaim, Fence, Fingerprint};

pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) const CLAIMED: &str = "claimed";
pub(super) const DONE: &str = "done";
/// The lease of a claim that was let go. No clock of a successor can be so late that it takes it for running.
pub(super) const RELEASED: SystemTime = SystemTime::UNIX_EPOCH;

pub(super) struct Record {
    pub(super) fence: String,
    pub(super) done: bool,
    pub(super) lease_until: SystemTime,
    pub(super) completed: CompletedClaim,
}

impl Record {
    pub(super) fn read(item: &Item) -> Result<Self, &'static str> {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let number = |name: &str| item.get(name).and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
        let lease_until = Duration::from_millis(number("lease_until").ok_or("the record has no lease_until")?);
        let expires_at = Duration::from_secs(number("expires_at").ok_or("the record has no expires_at")?);
        Ok(Self {
            fence: text("fence").ok_or("the record has no fence")?,
            done: text("state").ok_or("the record has no state")? == DONE,
            lease_until: SystemTime::UNIX_EPOCH + lease_until,
            completed: CompletedClaim {
                response: text("answer"),
                label: text("label"),
                fingerprint: text("fingerprint").map(Fingerprint::from_store),
                expires_at: SystemTime::UNIX_EPOCH + expires_at,
            },
        })
    }

    pub(super) fn is_of(&self, fence: Fence) -> bool {
        self.fence == fence.to_string()
    }
}

pub(super) fn millis(time: SystemTime) -> u128 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()
}

/// Rounded up, so that a record never expires before the requested moment.
pub(super) fn secs_up(time: SystemTime) -> u128 {
    millis(time).div_ceil(1000)
}
