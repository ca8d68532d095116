//! What Slack's answer means: posted, wait, try again, or give up.

use std::borrow::Cow;
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;

/// Without a usable `Retry-After`: Slack's own pace is a message a second.
const DEFAULT_WAIT: Duration = Duration::from_secs(1);
/// The longest wait that is granted: as often as a message is received, it stays within its queue's retention.
pub const LONGEST_WAIT: Duration = Duration::from_secs(4 * 60 * 60);

/// Errors that pass by themselves. All others in the list at
/// <https://docs.slack.dev/reference/methods/chat.postMessage#errors> need a change by an operator.
const PASSING: &[&str] = &[
    "external_channel_migrating",
    "fatal_error",
    "internal_error",
    "org_login_required", // while a workspace moves to an Enterprise organisation
    "request_timeout",
    "service_unavailable",
    "team_added_to_org", // likewise
];

/// The message was not posted, as far as is known. Reasons hold neither the token nor the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostError {
    /// Slack asks to wait.
    #[error("Slack asks to wait {} s", retry_after.as_secs())]
    RateLimited {
        /// For how long: between a second and [`LONGEST_WAIT`].
        retry_after: Duration,
    },
    /// May work another time.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
        /// For how long the server asked to wait, if it did.
        retry_after: Option<Duration>,
    },
    /// Will not work until the routes or this program is changed.
    #[error("{reason}")]
    Permanent {
        /// What happened; starts with Slack's own word for it where there is one.
        reason: String,
    },
}

/// Slack's answer, as far as it is read.
#[derive(Deserialize)]
struct Answer<'a> {
    ok: bool,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    response_metadata: Option<Metadata<'a>>,
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    messages: Vec<Cow<'a, str>>,
}

/// Judges an answer; `body` is an error when it could not be read.
pub(super) fn read(head: &Response<()>, body: Result<&[u8], &str>) -> Result<(), PostError> {
    let status = head.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(rate_limited(head.headers()));
    }
    if status.is_success() {
        let body = body.map_err(|error| transient(head, format!("the answer could not be read: {error}")))?;
        // Something between here and Slack may answer with a page of its own, and stop doing so.
        let answer = serde_json::from_slice(body)
            .map_err(|_| transient(head, format!("{status}, but the answer is not Slack's")))?;
        return judge(head, &answer);
    }
    // A proxy's pages say less than the status; Slack's JSON has a word for what is wrong.
    let word = body.ok().and_then(|body| serde_json::from_slice(body).ok()).map(|answer| word(&answer));
    let reason = word.map_or_else(|| status.to_string(), |word| format!("{word} ({status})"));
    // 408 is the server's own timeout.
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return Err(transient(head, reason));
    }
    // A redirect is not followed: it would take the token to an address that is not configured.
    Err(PostError::Permanent { reason })
}

fn judge(head: &Response<()>, answer: &Answer<'_>) -> Result<(), PostError> {
    if answer.ok {
        return Ok(());
    }
    match answer.error.as_deref().unwrap_or_default() {
        "ratelimited" | "rate_limited" => Err(rate_limited(head.headers())),
        error if PASSING.contains(&error) => Err(transient(head, word(answer))),
        _ => Err(PostError::Permanent { reason: word(answer) }),
    }
}

/// Slack's word for the error, and which parts of the message it means. Its longer texts may quote the message.
fn word(answer: &Answer<'_>) -> String {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let mut word = match answer.error.as_deref() {
        Some(error) if !error.is_empty() && error.len() <= 64 && error.chars().all(is_word) => error.to_owned(),
        _ => "an error without a name".to_owned(),
    };
    let messages = answer.response_metadata.iter().flat_map(|metadata| &metadata.messages);
    for pointer in messages.filter_map(|message| json_pointer(message)).take(3) {
        word.push_str(" at ");
        word.push_str(pointer);
    }
    word
}

/// `/blocks/0/text/text` of `[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]`.
fn json_pointer(message: &str) -> Option<&str> {
    let (_, rest) = message.rsplit_once("[json-pointer:")?;
    let (pointer, _) = rest.split_once(']')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '/' | '_');
    (pointer.len() <= 64 && pointer.chars().all(plain)).then_some(pointer)
}

fn rate_limited(headers: &HeaderMap) -> PostError {
    PostError::RateLimited { retry_after: retry_after(headers).unwrap_or(DEFAULT_WAIT) }
}

fn transient(head: &Response<()>, reason: String) -> PostError {
    PostError::Transient { reason, retry_after: retry_after(head.headers()) }
}

/// How long to wait: seconds, or a date, which is taken against the answer's own `Date` so that no clock is needed
/// here and none has to agree (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let until = date(headers, RETRY_AFTER)?.duration_since(date(headers, DATE)?);
        Duration::try_from(until).unwrap_or(Duration::ZERO)
    };
    Some(wait.clamp(DEFAULT_WAIT, LONGEST_WAIT))
}

fn date(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get(name)?.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&'static str, &str)]) -> Option<u64> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect::<HeaderMap>();
        retry_after(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_out_of_bounds() {
        let date = ("date", "Mon, 02 Mar 2026 09:00:00 GMT");
        assert_eq!(wait(&[("retry-after", "30")]), Some(30));
        assert_eq!(wait(&[("retry-after", " 7 ")]), Some(7));
        assert_eq!(wait(&[("retry-after", "0")]), Some(1));
        assert_eq!(wait(&[("retry-after", "86400")]), Some(14_400));
        assert_eq!(wait(&[("retry-after", "99999999999999999999999")]), Some(14_400));
        assert_eq!(wait(&[("retry-after", "Mon, 02 Mar 2026 09:01:30 GMT"), date]), Some(90));
        assert_eq!(wait(&[("retry-after", "Mon, 02 Mar 2026 08:00:00 GMT"), date]), Some(1));
        assert_eq!(wait(&[("retry-after", "Thu, 02 Mar 2126 09:00:00 GMT"), date]), None, "a Saturday, so no date");
        assert_eq!(wait(&[("retry-after", "Sat, 02 Mar 2126 09:00:00 GMT"), date]), Some(14_400));
        assert_eq!(wait(&[("retry-after", "Mon, 02 Mar 2026 09:01:30 GMT")]), None);
        for nonsense in ["", "-1", "1.5", "soon", "1 2"] {
            assert_eq!(wait(&[("retry-after", nonsense), date]), None, "{nonsense}");
        }
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn a_pointer_is_taken_only_when_it_quotes_nothing() {
        assert_eq!(json_pointer("[ERROR] too long [json-pointer:/blocks/0/text]"), Some("/blocks/0/text"));
        assert_eq!(json_pointer("[ERROR] [json-pointer:/blocks/Secret Title]"), None);
        assert_eq!(json_pointer("[ERROR] without"), None);
    }
}
