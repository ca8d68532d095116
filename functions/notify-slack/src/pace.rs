//! One message a second a channel, which is what Slack asks for
//! (<https://docs.slack.dev/apis/web-api/rate-limits/#posting-messages>).
//!
//! Pure: time is passed in, as the time since any fixed moment of the caller's. It paces one process. Several at once are
//! told by Slack itself, with 429 and `Retry-After`, which [`Pace::hold`] takes note of.
//!
//! ```
//! use std::time::Duration;
//! use notify_slack::pace::Pace;
//!
//! let mut pace = Pace::default();
//! let now = Duration::from_secs(100);
//! assert_eq!(pace.reserve("#deploys", now), Duration::ZERO);
//! assert_eq!(pace.reserve("#deploys", now), Duration::from_secs(1));
//! assert_eq!(pace.reserve("#general", now), Duration::ZERO);
//! ```

use std::collections::HashMap;
use std::time::Duration;

/// The time between two messages to a channel.
pub const INTERVAL: Duration = Duration::from_secs(1);

/// When each channel is free again. Holds only channels that are not free now, however many there have been.
#[derive(Debug, Default)]
pub struct Pace {
    free_at: HashMap<String, Duration>,
    /// The latest time seen. A caller's clock that steps back must not give away a slot a second time.
    latest: Duration,
}

impl Pace {
    /// Reserves the channel's next slot and returns the wait for it. A slot that is not used is lost.
    pub fn reserve(&mut self, channel: &str, now: Duration) -> Duration {
        let slot = self.next_slot(channel, now);
        self.free_at.insert(channel.to_owned(), slot.saturating_add(INTERVAL));
        slot.saturating_sub(now)
    }

    /// Keeps the channel quiet for as long as Slack asked. Slots that were reserved before stay reserved.
    pub fn hold(&mut self, channel: &str, now: Duration, delay: Duration) {
        let until = self.next_slot(channel, now).max(self.latest.saturating_add(delay));
        self.free_at.insert(channel.to_owned(), until);
    }

    fn next_slot(&mut self, channel: &str, now: Duration) -> Duration {
        self.latest = self.latest.max(now);
        let latest = self.latest;
        self.free_at.retain(|_, free_at| *free_at > latest);
        self.free_at.get(channel).copied().unwrap_or(latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_channel_that_was_quiet_for_a_second_is_free() {
        let mut pace = Pace::default();
        assert_eq!(pace.reserve("#a", NOW), Duration::ZERO);
        assert_eq!(pace.reserve("#a", NOW + Duration::from_millis(400)), Duration::from_millis(600));
        assert_eq!(pace.reserve("#a", NOW + Duration::from_secs(2)), Duration::ZERO);
    }

    #[test]
    fn a_channel_that_slack_wants_quiet_waits_and_others_do_not() {
        let mut pace = Pace::default();
        pace.hold("#a", NOW, Duration::from_secs(30));
        assert_eq!(pace.reserve("#a", NOW), Duration::from_secs(30));
        assert_eq!(pace.reserve("#a", NOW), Duration::from_secs(31));
        assert_eq!(pace.reserve("#b", NOW), Duration::ZERO);
    }

    #[test]
    fn channels_whose_slot_is_past_are_forgotten() {
        let mut pace = Pace::default();
        for n in 0..10_000 {
            pace.reserve(&format!("#{n}"), NOW + Duration::from_millis(n));
        }
        assert!(pace.free_at.len() <= 1_000, "{}", pace.free_at.len());
    }

    proptest! {
        /// Whatever the order of calls, even with a clock that jumps back.
        #[test]
        fn granted_times_of_a_channel_are_a_second_apart(
            calls in prop::collection::vec((0_usize..4, 0_u64..20_000, prop::option::weighted(0.2, 0_u64..5_000)), 1..200)
        ) {
            let mut pace = Pace::default();
            let mut granted: [Vec<Duration>; 4] = Default::default();
            for (channel, now, hold) in calls {
                let (name, now) = (format!("#{channel}"), Duration::from_millis(now));
                if let Some(delay) = hold {
                    let delay = Duration::from_millis(delay);
                    pace.hold(&name, now, delay);
                    let at = now + pace.reserve(&name, now);
                    prop_assert!(at >= now + delay);
                    granted[channel].push(at);
                } else {
                    granted[channel].push(now + pace.reserve(&name, now));
                }
            }
            for times in granted {
                for pair in times.windows(2) {
                    prop_assert!(pair[1] >= pair[0] + INTERVAL, "{pair:?}");
                }
            }
        }
    }
}
