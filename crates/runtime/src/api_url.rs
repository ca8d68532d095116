//! The address of an API, to which a credential may be sent.

use std::fmt;

use http::Uri;

/// The base of an API's paths, for instance `https://slack.com/api`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiUrl(String);

impl ApiUrl {
    /// Takes `https` to anywhere, and `http` to this very machine, where a stand-in may listen: the
    /// credential never crosses a network unencrypted.
    ///
    /// # Errors
    /// Says what the address has to be.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "has to be an address such as https://api.example.com")?;
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

    /// The address of a path below, for instance of `chat.postMessage`.
    #[must_use]
    pub fn join(&self, path: &str) -> String {
        format!("{}/{path}", self.0)
    }
}

impl fmt::Display for ApiUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_over_https_or_stays_on_this_machine() {
        for good in ["https://api.example.com", "https://api.example.com/v1/", "http://localhost:1", "http://[::1]:1"] {
            assert!(ApiUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "api.example.com",
            "ftp://api.example.com",
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "https://a:b@api.example.com",
            "https://api.example.com?a=b",
            "https://api.example.com/#a",
        ] {
            assert!(ApiUrl::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(ApiUrl::parse("https://api.example.com/v1/").unwrap().join("a/b"), "https://api.example.com/v1/a/b");
    }
}
