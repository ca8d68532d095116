//! The one place where this crate reads the clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tidegate_webhooks::UnixTime;

#[expect(
    clippy::disallowed_methods,
    reason = "the stand-ins have their own clock; nothing else in this crate reads one"
)]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(crate) fn epoch_millis() -> i64 {
    i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn epoch_secs() -> UnixTime {
    UnixTime(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
}

/// The present time, to the millisecond.
pub(crate) fn timestamp() -> Timestamp {
    Timestamp::from_millisecond(epoch_millis()).unwrap_or(Timestamp::MAX)
}
