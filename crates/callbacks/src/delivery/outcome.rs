//! How an attempt ended, as a number or a word.

use std::fmt;
use std::str::FromStr;

use http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How an attempt ended. In JSON and on screens: the status code, or a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The endpoint answered.
    Answered(StatusCode),
    /// No answer came in time.
    Timeout,
    /// There was no connection, or no TLS on it.
    Unreachable,
    /// The host has no address that is public.
    NotPublic,
    /// The connection broke, or what came over it was not HTTP.
    Broken,
    /// The URL is one that nothing is sent to, whatever it resolves to.
    BadUrl,
    /// There are no secrets for the customer, or they cannot sign.
    NoSecret,
    /// The sender died before it could write down how it ended.
    Unknown,
}

const WORDS: [(AttemptOutcome, &str); 7] = [
    (AttemptOutcome::Timeout, "timeout"),
    (AttemptOutcome::Unreachable, "unreachable"),
    (AttemptOutcome::NotPublic, "not-public"),
    (AttemptOutcome::Broken, "broken"),
    (AttemptOutcome::BadUrl, "bad-url"),
    (AttemptOutcome::NoSecret, "no-secret"),
    (AttemptOutcome::Unknown, "unknown"),
];

impl AttemptOutcome {
    /// Whether another attempt would certainly end the same.
    #[must_use]
    pub fn is_final(self) -> bool {
        self == Self::BadUrl
    }

    /// One of few words, for metrics: `4xx` stands for all of its kind.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Answered(status) if status.is_success() => "2xx",
            Self::Answered(status) if status.is_redirection() => "3xx",
            Self::Answered(status) if status.is_client_error() => "4xx",
            Self::Answered(status) if status.is_server_error() => "5xx",
            Self::Answered(_) => "other",
            Self::Timeout
            | Self::Unreachable
            | Self::NotPublic
            | Self::Broken
            | Self::BadUrl
            | Self::NoSecret
            | Self::Unknown => self.word(),
        }
    }

    fn word(self) -> &'static str {
        WORDS.iter().find(|(it, _)| *it == self).map_or("other", |(_, word)| word)
    }
}

impl fmt::Display for AttemptOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Answered(status) = self { write!(f, "{}", status.as_u16()) } else { f.write_str(self.word()) }
    }
}

/// Neither a status code nor one of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no outcome of an attempt")]
pub struct NoOutcome;

impl FromStr for AttemptOutcome {
    type Err = NoOutcome;

    fn from_str(text: &str) -> Result<Self, NoOutcome> {
        let word = WORDS.iter().find(|(_, word)| *word == text).map(|(it, _)| *it);
        word.or_else(|| StatusCode::from_bytes(text.as_bytes()).ok().map(Self::Answered)).ok_or(NoOutcome)
    }
}

impl Serialize for AttemptOutcome {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AttemptOutcome {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_reads_back_and_nothing_else_reads() {
        let answered =
            [100, 200, 302, 410, 503, 999].map(|code| AttemptOutcome::Answered(StatusCode::from_u16(code).unwrap()));
        for outcome in WORDS.map(|(it, _)| it).into_iter().chain(answered) {
            assert_eq!(outcome.to_string().parse(), Ok(outcome));
            assert_eq!(
                serde_json::from_str::<AttemptOutcome>(&serde_json::to_string(&outcome).unwrap()).unwrap(),
                outcome
            );
        }
        for bad in ["", "99", "2000", "ok", "Timeout"] {
            assert_eq!(bad.parse::<AttemptOutcome>(), Err(NoOutcome), "{bad}");
        }
    }

    #[test]
    fn metrics_know_few_kinds() {
        let kind = |code| AttemptOutcome::Answered(StatusCode::from_u16(code).unwrap()).kind();
        assert_eq!([204, 301, 404, 599, 999].map(kind), ["2xx", "3xx", "4xx", "5xx", "other"]);
        assert_eq!(AttemptOutcome::NotPublic.kind(), "not-public");
    }
}
