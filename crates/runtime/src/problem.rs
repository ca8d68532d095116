//! Answers over HTTP: problem details (RFC 9457) for every refusal, JSON for the rest.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

/// A refusal as problem details (<https://www.rfc-editor.org/rfc/rfc9457>).
///
/// `type` is a stable URN, so that a client can tell refusals apart without reading prose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    errors: Vec<ErrorAt>,
    // A list, which is small: a problem is the error of many a function.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One of several things that are wrong with a body: the extension member `errors` of RFC 9457's own example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorAt {
    /// A JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) to it.
    pub pointer: String,
    /// What is expected there.
    pub detail: String,
}

impl Problem {
    /// A problem of a kind (`bad-signature`), with what it means in a few words.
    #[must_use]
    pub fn new(status: StatusCode, kind: &'static str, title: &'static str) -> Self {
        Self { status, kind, title, detail: String::new(), errors: Vec::new(), headers: Vec::new() }
    }

    /// What was wrong with this very request, and what to do. Never a secret, never a payload.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// When to send the same again, as `Retry-After`.
    #[must_use]
    pub fn retry_after_secs(self, secs: u16) -> Self {
        self.header(RETRY_AFTER, HeaderValue::from(secs))
    }

    /// A header that belongs to the status: `Allow`, `WWW-Authenticate`.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Everything that is wrong with the body, and where.
    #[must_use]
    pub fn errors(mut self, errors: impl IntoIterator<Item = ErrorAt>) -> Self {
        self.errors.extend(errors);
        self
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable word for what went wrong.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

#[derive(Serialize)]
struct ProblemBody<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ErrorAt],
}

impl From<Problem> for ApiGatewayV2httpResponse {
    fn from(problem: Problem) -> Self {
        let Problem { status, kind, title, detail, errors, headers } = problem;
        let r#type = format!("urn:tidegate:problem:{kind}");
        let body = ProblemBody { r#type, title, status: status.as_u16(), detail: &detail, errors: &errors };
        answer(status, "application/problem+json", &body, headers.into_iter().collect())
    }
}

#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> ApiGatewayV2httpResponse {
    answer(status, "application/json", body, HeaderMap::new())
}

/// A JSON answer with headers of its own.
#[must_use]
pub fn json_with(status: StatusCode, headers: HeaderMap, body: &impl Serialize) -> ApiGatewayV2httpResponse {
    answer(status, "application/json", body, headers)
}

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode, headers: HeaderMap) -> ApiGatewayV2httpResponse {
    response(status, headers, None)
}

fn answer(
    status: StatusCode,
    content_type: &'static str,
    body: &impl Serialize,
    mut headers: HeaderMap,
) -> ApiGatewayV2httpResponse {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // Only strings and numbers are ever written here, and those always serialise.
    response(status, headers, serde_json::to_string(body).ok())
}

fn response(status: StatusCode, headers: HeaderMap, body: Option<String>) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(status.as_u16());
    response.headers = headers;
    response.body = body.map(Body::Text);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_as_rfc_9457_wants_it() {
        let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
            .detail("at most 1048576 bytes are taken");
        let response = ApiGatewayV2httpResponse::from(problem);
        assert_eq!(response.headers[CONTENT_TYPE], "application/problem+json");
        let Some(Body::Text(body)) = response.body else { panic!("no text") };
        assert_eq!(
            body,
            r#"{"type":"urn:tidegate:problem:too-large","title":"The body is too large","status":413,"detail":"at most 1048576 bytes are taken"}"#
        );
    }
    #[test]
    fn what_is_wrong_with_a_body_and_the_headers_of_a_status_go_along() {
        let error = ErrorAt { pointer: "/lines/0".to_owned(), detail: "must be an object".to_owned() };
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "made-up", "Made up")
            .errors([error])
            .header(http::header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            .retry_after_secs(5);
        let response = ApiGatewayV2httpResponse::from(problem);
        assert_eq!(response.headers["www-authenticate"], "Bearer");
        assert_eq!(response.headers["retry-after"], "5");
        let Some(Body::Text(body)) = response.body else { panic!("no text") };
        assert!(body.ends_with(r#""errors":[{"pointer":"/lines/0","detail":"must be an object"}]}"#), "{body}");
    }
}
