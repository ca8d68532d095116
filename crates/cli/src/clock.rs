//! The one place where this crate asks what time it is.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tidegate_webhooks::UnixTime;

/// Time since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "the command has its own clock; nothing else in this crate reads one")]
pub fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since the Unix epoch, the unit of CloudWatch Logs and SQS.
pub fn epoch_millis() -> i64 {
    i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)
}

/// The present second.
pub fn unix_time() -> UnixTime {
    UnixTime(i64::try_from(since_epoch().as_secs()).unwrap_or(i64::MAX))
}

/// The present moment, to the millisecond.
pub fn timestamp() -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(epoch_millis()).unwrap_or(jiff::Timestamp::MAX)
}
