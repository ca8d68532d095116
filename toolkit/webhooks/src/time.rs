//! Points in time, and how far a signed timestamp may be away from now.

use crate::verification::Rejection;

/// Seconds since the Unix epoch. This crate has no clock: the caller passes in the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// Reads the digits of a timestamp header. Signs, spaces and fractions are refused: no sender writes them, and what
    /// a stricter reader further on understands differently is a way around the signature.
    pub(crate) fn from_digits(digits: &[u8]) -> Option<UnixTime> {
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok().map(UnixTime)
    }
}

/// The window around now in which a signed timestamp is fresh.
#[derive(Clone, Copy)]
pub(crate) struct Freshness {
    pub(crate) now: UnixTime,
    pub(crate) tolerance_secs: u32,
}

impl Freshness {
    /// The same for a token that says itself from when until when it is good.
    #[cfg(feature = "jwt")]
    pub(crate) fn check_window(self, from: UnixTime, until: UnixTime) -> Result<(), Rejection> {
        let tolerance = i64::from(self.tolerance_secs);
        if self.now.0 > until.0.saturating_add(tolerance) {
            Err(Rejection::TooOld)
        } else if self.now.0 < from.0.saturating_sub(tolerance) {
            Err(Rejection::TooNew)
        } else {
            Ok(())
        }
    }

    /// Both edges of the window belong to it. The future is bounded like the past, because a signature dated ahead could
    /// otherwise be replayed until that date.
    pub(crate) fn check(self, stamped: UnixTime) -> Result<(), Rejection> {
        if stamped.0.abs_diff(self.now.0) <= u64::from(self.tolerance_secs) {
            Ok(())
        } else if stamped < self.now {
            Err(Rejection::TooOld)
        } else {
            Err(Rejection::TooNew)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_includes_its_edges_and_nothing_beyond() {
        let fresh = Freshness { now: UnixTime(1_000), tolerance_secs: 300 };
        for (stamped, expected) in [
            (699, Err(Rejection::TooOld)),
            (700, Ok(())),
            (1_000, Ok(())),
            (1_300, Ok(())),
            (1_301, Err(Rejection::TooNew)),
            (i64::MIN, Err(Rejection::TooOld)),
            (i64::MAX, Err(Rejection::TooNew)),
        ] {
            assert_eq!(fresh.check(UnixTime(stamped)), expected, "{stamped}");
        }
    }

    #[test]
    fn only_plain_digits_are_a_timestamp() {
        assert_eq!(UnixTime::from_digits(b"1614265330"), Some(UnixTime(1_614_265_330)));
        for refused in [
            &b""[..],
            b"-1",
            b"+1",
            b" 1",
            b"1 ",
            b"1.0",
            b"1e3",
            b"0x1",
            b"9223372036854775808",
            "１".as_bytes(),
            b"\xff",
        ] {
            assert_eq!(UnixTime::from_digits(refused), None, "{refused:?}");
        }
    }
}
