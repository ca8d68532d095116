//! Programmed faults: answers that the stand-in gives instead of accepting a message.

use serde::{Deserialize, Serialize};

/// One programmed answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The channel it concerns; every channel when missing.
    #[serde(default)]
    pub channel: Option<String>,
    /// How often it happens; until it is cleared when missing.
    #[serde(default)]
    pub times: Option<u32>,
    /// The status code; 200 when missing, as Slack answers most refusals.
    #[serde(default)]
    pub status: Option<u16>,
    /// `Retry-After` in seconds.
    #[serde(default)]
    pub retry_after: Option<u32>,
    /// Slack's word for what is wrong; `ratelimited` for 429 and `internal_error` otherwise when missing.
    #[serde(default)]
    pub error: Option<String>,
}

impl Fault {
    /// The status code of the answer.
    pub(super) fn status(&self) -> u16 {
        self.status.unwrap_or(200)
    }

    /// The word in the answer.
    pub(super) fn word(&self) -> String {
        let default = if self.status() == 429 { "ratelimited" } else { "internal_error" };
        self.error.clone().unwrap_or_else(|| default.to_owned())
    }
}

/// The faults that are still to happen, in the order in which they were programmed.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        if fault.times != Some(0) {
            self.0.push(fault);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The fault for a message to this channel; takes one from its `times`.
    pub(super) fn next(&mut self, channel: &str) -> Option<Fault> {
        let index = self.0.iter().position(|fault| fault.channel.as_deref().is_none_or(|own| own == channel))?;
        let fault = self.0[index].clone();
        match &mut self.0[index].times {
            Some(1) => drop(self.0.remove(index)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_fault_happens_that_often_and_to_its_channel_only() {
        let mut faults = Faults::default();
        faults.add(Fault { channel: Some("#a".to_owned()), times: Some(2), ..Fault::default() });
        assert!(faults.next("#b").is_none());
        assert!(faults.next("#a").is_some());
        assert!(faults.next("#a").is_some());
        assert!(faults.next("#a").is_none());
    }

    #[test]
    fn an_uncounted_fault_lasts_until_it_is_cleared() {
        let mut faults = Faults::default();
        faults.add(Fault { status: Some(503), ..Fault::default() });
        for _ in 0..10 {
            assert_eq!(faults.next("#any").unwrap().status(), 503);
        }
        faults.clear();
        assert!(faults.next("#any").is_none());
    }
}
