//! The HTTP request as it was before API Gateway wrapped it: raw bytes, and a bound on them.

use std::borrow::Cow;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use http::{HeaderMap, StatusCode};
use tidegate_runtime::body;
use tidegate_runtime::problem::Problem;

/// A request to `/webhooks/{source}`.
#[derive(Clone, Debug)]
pub struct Request {
    /// The source's name in the path.
    pub source: String,
    /// Lower-cased by API Gateway, repeated ones joined by commas.
    pub headers: HeaderMap,
    /// The bytes that were signed.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads API Gateway's event, bodies in base64 included.
    ///
    /// # Errors
    /// A problem where the source's name cannot be one, or the body is too large; checked before anything is decoded.
    pub fn read(mut event: ApiGatewayV2httpRequest, max_body_bytes: usize) -> Result<Self, Problem> {
        let source = event.path_parameters.remove("source").unwrap_or_default();
        if !is_source_name(&source) {
            return Err(unknown_source());
        }
        let body = body::bytes(event.body, event.is_base64_encoded, max_body_bytes)?;
        Ok(Self { source, headers: event.headers, body })
    }

    /// A header's text, where it is there once and visible ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// The body's JSON: a form's `payload` where GitHub sends a form.
    ///
    /// # Errors
    /// A problem where a form has no payload.
    pub fn github_payload(&self) -> Result<Cow<'_, [u8]>, Problem> {
        let content_type = self.header("content-type");
        tidegate_webhooks::github::payload(content_type, &self.body).map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body cannot be read").detail(error.to_string())
        })
    }
}

/// Names that can be a secret's: so that nothing else is ever looked up.
pub(crate) fn is_source_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// The same answer for a name that cannot exist and one that does not.
pub(crate) fn unknown_source() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown-source", "There is no such webhook source")
}
