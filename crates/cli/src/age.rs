//! Lengths of time, as people write and read them.

use std::time::Duration;

use anyhow::Result;
use tidegate_operations::Hint;

/// `90s`, `10m`, `2h`, `1d`.
pub(crate) fn parse_age(text: &str) -> Result<Duration> {
    let secs = text.char_indices().last().and_then(|(at, unit)| {
        let count: u64 = text[..at].parse().ok()?;
        let unit = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            _ => return None,
        };
        count.checked_mul(unit)
    });
    let secs =
        secs.ok_or_else(|| Hint::new(format!("{text} is not a length of time"), "write it like 90s, 10m, 2h or 1d"))?;
    Ok(Duration::from_secs(secs))
}

/// A number of milliseconds as people read it: `42 s`, `3 min`, `5 h`, `2 d`.
pub(crate) fn age(millis: i64) -> String {
    match millis / 1_000 {
        secs if secs < 120 => format!("{} s", secs.max(0)),
        secs if secs < 7_200 => format!("{} min", secs / 60),
        secs if secs < 172_800 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read_and_nonsense_is_refused() {
        assert_eq!(parse_age("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(parse_age("2h").unwrap(), Duration::from_secs(7_200));
        for text in ["", "m", "10", "10x", "-1m", "1.5h", "ten minutes", "99999999999999999999d", "5µ"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ages_are_written_in_the_unit_that_fits() {
        assert_eq!(
            [age(-5), age(42_000), age(180_000), age(7_200_000), age(172_800_000)],
            ["0 s", "42 s", "3 min", "2 h", "2 d"]
        );
    }
}
