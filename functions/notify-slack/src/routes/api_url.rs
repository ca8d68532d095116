//! Where Slack's Web API is: an address to which a token may be sent.

use std::fmt;

use http::Uri;

/// The base of the API's methods, for instance `https://slack.com/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    /// Takes `https` to anywhere, and `http` to this very machine, where a stand-in for Slack may listen: the token
    /// never crosses a network unencrypted.
    ///
    /// # Errors
    /// Says what the address has to be.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "has to be an address such as https://slack.com/api")?;
        let host = uri.host().unwrap_or_default();
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => {}
            Some("http") if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => {}
            Some("http") => return Err("has to be https; http is for localhost, 127.0.0.1 and [::1] only"),
            _ => return Err("has to be an https address"),
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("must not hold a user name or password");
        }
        if uri.query().is_some() || url.contains('#') {
            return Err("must not have a query or fragment");
        }
        Ok(Self(url.trim_end_matches('/').to_owned()))
    }

    /// The address of a method, for instance of `chat.postMessage`.
    pub fn method(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }
}

impl Default for ApiUrl {
    /// Slack's own.
    fn default() -> Self {
        Self("https://slack.com/api".to_owned())
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
