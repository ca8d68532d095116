//! Programmed faults of Stripe.

use serde::{Deserialize, Serialize};

/// What happens to which request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StripeFault {
    /// The path, where `*` stands for one of its parts: `/v1/payment_intents/*/capture`. Every path when missing.
    #[serde(default)]
    pub path: Option<String>,
    /// A text that the body or the `Idempotency-Key` has, such as an order's id; for a request about a payment also one that the body
    /// had by which the payment was made.
    #[serde(default)]
    pub contains: Option<String>,
    /// How often it happens; until it is cleared when missing.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    #[serde(default)]
    pub act: Act,
    /// The status of a refusal; 500 when missing.
    #[serde(default)]
    pub status: Option<u16>,
    /// `Retry-After` of a refusal in seconds.
    #[serde(default)]
    pub retry_after: Option<u32>,
    /// How long a request is held; until the fault is cleared when missing.
    #[serde(default)]
    pub millis: Option<u64>,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It is refused, without any effect. As at Stripe, a refusal of 500 and more is what its key is answered from then on.
    #[default]
    Refuse,
    /// It waits, and is then carried out, unless its sender has gone by then.
    Hold,
    /// It is carried out, and its answer is lost.
    Lose,
}

impl StripeFault {
    pub(super) fn status(&self) -> u16 {
        self.status.unwrap_or(500)
    }

    fn meets(&self, path: &str, texts: &[&str]) -> bool {
        self.path.as_deref().is_none_or(|pattern| is_like(pattern, path))
            && self.contains.as_deref().is_none_or(|part| texts.iter().any(|text| text.contains(part)))
    }
}

fn is_like(pattern: &str, path: &str) -> bool {
    let (pattern, path) = (pattern.split('/').collect::<Vec<_>>(), path.split('/').collect::<Vec<_>>());
    pattern.len() == path.len() && pattern.iter().zip(path).all(|(wanted, part)| *wanted == "*" || *wanted == part)
}

/// The faults that are still to happen, in the order in which they were programmed, each with a number of its own.
#[derive(Debug, Default)]
pub(super) struct StripeFaults {
    programmed: Vec<(u64, StripeFault)>,
    /// Faults that hold requests, by number, so that clearing them lets the requests go.
    held: Vec<(u64, StripeFault)>,
    last: u64,
}

impl StripeFaults {
    pub(super) fn add(&mut self, fault: StripeFault) {
        if fault.times != Some(0) {
            self.last += 1;
            self.programmed.push((self.last, fault));
        }
    }

    /// Clears the faults that look for this text, or all.
    pub(super) fn clear(&mut self, contains: Option<&str>) {
        let stays = |(_, fault): &(u64, StripeFault)| contains.is_some() && fault.contains.as_deref() != contains;
        self.programmed.retain(stays);
        self.held.retain(stays);
    }

    pub(super) fn list(&self) -> Vec<StripeFault> {
        self.programmed.iter().map(|(_, fault)| fault.clone()).collect()
    }

    pub(super) fn is_held(&self, number: u64) -> bool {
        self.held.iter().any(|(held, _)| *held == number)
    }

    /// The fault for this request; takes one from its `times`.
    pub(super) fn next(&mut self, path: &str, texts: &[&str]) -> Option<(u64, StripeFault)> {
        let index = self.programmed.iter().position(|(_, fault)| fault.meets(path, texts))?;
        let (number, fault) = self.programmed[index].clone();
        if fault.act == Act::Hold && !self.is_held(number) {
            self.held.push((number, fault.clone()));
        }
        match &mut self.programmed[index].1.times {
            Some(1) => drop(self.programmed.remove(index)),
            Some(times) => *times -= 1,
            None => {}
        }
        Some((number, fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_meets_its_path_and_its_text_only() {
        let mut faults = StripeFaults::default();
        let path = Some("/v1/payment_intents/*/capture".to_owned());
        faults.add(StripeFault { path, contains: Some("ord_1".to_owned()), times: Some(1), ..StripeFault::default() });
        for (path, body, key) in [
            ("/v1/payment_intents", "ord_1", ""),
            ("/v1/payment_intents/pi_1/cancel", "ord_1", ""),
            ("/v1/payment_intents/pi_1/capture", "ord_2", "ord_2"),
        ] {
            assert!(faults.next(path, &[body, key]).is_none(), "{path} {body}");
        }
        assert!(faults.next("/v1/payment_intents/pi_1/capture", &["", "ord_1/CapturePayment"]).is_some());
        assert!(faults.list().is_empty());
    }

    #[test]
    fn what_is_held_is_let_go_when_the_faults_are_cleared() {
        let mut faults = StripeFaults::default();
        faults.add(StripeFault { act: Act::Hold, times: Some(1), ..StripeFault::default() });
        let (number, _) = faults.next("/v1/refunds", &[]).unwrap();
        assert!(faults.is_held(number), "though it has happened as often as it was to");
        faults.clear(None);
        assert!(!faults.is_held(number));
    }

    #[test]
    fn what_looks_for_a_text_is_cleared_alone() {
        let mut faults = StripeFaults::default();
        let hold =
            |text: &str| StripeFault { contains: Some(text.to_owned()), act: Act::Hold, ..StripeFault::default() };
        let mut numbers = [0; 2];
        for (number, text) in numbers.iter_mut().zip(["ord_1", "ord_2"]) {
            faults.add(hold(text));
            (*number, _) = faults.next("/v1/payment_intents", &[text]).unwrap();
        }
        faults.clear(Some("ord_1"));
        assert_eq!(numbers.map(|number| faults.is_held(number)), [false, true]);
        assert_eq!(faults.list(), [hold("ord_2")]);
    }
}
