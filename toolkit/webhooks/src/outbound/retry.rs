//! What an endpoint's answer means, and when to try again.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability>

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde::{Deserialize, Serialize};

/// What an endpoint's answer asks of the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Accepted.
    Delivered,
    /// Failed: try again by the schedule, and not before `retry_after`.
    Retry {
        /// The endpoint's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The same, and other deliveries to it should come more slowly as well: it, or what stands before it, is
    /// overloaded.
    SlowDown {
        /// The endpoint's `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// The endpoint is gone: send neither this delivery nor others.
    Disable,
}

impl Verdict {
    /// The verdict over an answer. A redirection is a failure: following one sends signed payloads to an address
    /// that is not registered.
    ///
    /// `Retry-After` is read in seconds. A date is passed over, since only a clock could say how far off it is.
    #[must_use]
    pub fn of_answer(status: StatusCode, headers: &HeaderMap) -> Verdict {
        let seconds = || headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok();
        let retry_after = seconds().map(Duration::from_secs);
        match status {
            _ if status.is_success() => Verdict::Delivered,
            StatusCode::GONE => Verdict::Disable,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                Verdict::SlowDown { retry_after }
            }
            _ => Verdict::Retry { retry_after },
        }
    }

    /// The verdict where there was no answer: no connection, or none within the time. The specification advises senders
    /// to wait for 15 to 30 seconds.
    #[must_use]
    pub fn of_silence() -> Verdict {
        Verdict::Retry { retry_after: None }
    }
}

/// When the attempts are made: data, so that it can stand in a configuration. The default is Svix's, over some 28 hours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySchedule {
    /// How long to wait before each attempt after the one before it; the first entry is the first attempt's.
    pub delays_secs: Vec<u32>,
    /// By how many percent of itself a delay is at most shortened or lengthened, so that what failed together does not
    /// come back together.
    pub jitter_percent: u8,
}

impl Default for RetrySchedule {
    fn default() -> RetrySchedule {
        const MINUTE: u32 = 60;
        const HOUR: u32 = 60 * MINUTE;
        let delays_secs = vec![0, 5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR];
        RetrySchedule { delays_secs, jitter_percent: 20 }
    }
}

/// A day. A longer wait would outlive the use of the delivery.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(86_400);

impl RetrySchedule {
    /// How long to wait before the next attempt, when `made` attempts were made; `None` when none is left.
    ///
    /// `random` is drawn by the caller, evenly over all of its values. An endpoint's `retry_after` makes the wait
    /// longer, up to a day, and never shorter.
    #[must_use]
    pub fn delay_before(&self, made: usize, random: u64, retry_after: Option<Duration>) -> Option<Duration> {
        let millis = u128::from(*self.delays_secs.get(made)?) * 1_000;
        let jitter = millis * u128::from(self.jitter_percent.min(100)) / 100;
        // At most u32::MAX * 1000 * 2: below 2^44, so neither product nor sum overflows.
        let jittered = millis - jitter + ((2 * jitter * u128::from(random)) >> 64);
        let delay = Duration::from_millis(u64::try_from(jittered).unwrap_or(u64::MAX));
        Some(delay.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Neither early nor late.
    const HALF: u64 = 1 << 63;

    fn answer(status: u16, retry_after: Option<&'static str>) -> Verdict {
        let headers = retry_after.map(|text| (RETRY_AFTER, text.parse().unwrap())).into_iter().collect();
        Verdict::of_answer(StatusCode::from_u16(status).unwrap(), &headers)
    }

    #[test]
    fn every_status_means_one_thing() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(answer(status, Some("5")), Verdict::Delivered, "{status}");
        }
        for status in [429, 502, 504] {
            assert_eq!(answer(status, None), Verdict::SlowDown { retry_after: None }, "{status}");
        }
        for status in [100, 301, 302, 308, 400, 401, 404, 409, 500, 503] {
            assert_eq!(answer(status, None), Verdict::Retry { retry_after: None }, "{status}");
        }
        assert_eq!(answer(410, None), Verdict::Disable);
        assert_eq!(Verdict::of_silence(), Verdict::Retry { retry_after: None });
    }

    #[test]
    fn a_wait_that_was_asked_for_is_read_in_seconds() {
        let asked = Some(Duration::from_secs(120));
        assert_eq!(answer(429, Some("120")), Verdict::SlowDown { retry_after: asked });
        assert_eq!(answer(503, Some("120")), Verdict::Retry { retry_after: asked });
        for unread in ["-1", "1.5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999999999999999"] {
            assert_eq!(answer(429, Some(unread)), Verdict::SlowDown { retry_after: None }, "{unread}");
        }
    }

    #[test]
    fn the_default_tries_eight_times_over_a_day_and_a_bit() {
        let schedule = RetrySchedule::default();
        let delays: Vec<u64> =
            (0..).map_while(|made| schedule.delay_before(made, HALF, None)).map(|delay| delay.as_secs()).collect();
        assert_eq!(delays, [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 36_000]);
    }

    #[test]
    fn jitter_stays_within_a_fifth_and_a_longer_wait_wins() {
        let schedule = RetrySchedule::default();
        let secs = |random, asked: u64| {
            schedule.delay_before(2, random, Some(Duration::from_secs(asked))).unwrap().as_secs_f64().round()
        };
        assert_eq!([secs(0, 0), secs(HALF, 0), secs(u64::MAX, 0)], [240.0, 300.0, 360.0]);
        assert_eq!([secs(HALF, 299), secs(HALF, 301), secs(HALF, u64::MAX)], [300.0, 301.0, 86_400.0]);
        let extreme = RetrySchedule { delays_secs: vec![u32::MAX], jitter_percent: 255 };
        assert!(extreme.delay_before(0, u64::MAX, None).is_some());
    }

    #[test]
    fn a_schedule_is_data() {
        let text = r#"{"delays_secs":[0,1],"jitter_percent":0}"#;
        let schedule: RetrySchedule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&schedule).unwrap(), text);
        assert_eq!(schedule.delay_before(1, HALF, None), Some(Duration::from_secs(1)));
        assert_eq!(schedule.delay_before(2, HALF, None), None);
    }
}
