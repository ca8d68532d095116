//! The operator's document: Stripe's address, and the key that the account is known by.

use std::fmt;

use serde_json::{Map, Value};
use tidegate_runtime::ApiUrl;
use zeroize::Zeroizing;

/// Stripe's own API.
const STRIPE: &str = "https://api.stripe.com";

/// An account at Stripe, as the secret `{deployment}/stripe` describes it:
///
/// ```
/// # use payments_worker::stripe::Account;
/// let account = Account::from_json(br#"{"api_key": "sk_test_made_up", "api_url": "https://api.stripe.com"}"#)?;
/// assert!(!format!("{account:?}").contains("made_up"));
/// # Ok::<(), payments_worker::stripe::AccountError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Where Stripe's API is.
    pub api_url: ApiUrl,
    /// What Stripe knows the account by.
    pub api_key: ApiKey,
}

/// A secret key, or a restricted one. Never shown, and wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

/// What is wrong with the document. Quotes nothing of it, so that it may be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// Not a JSON object.
    #[error("the document is not a JSON object (line {line}, column {column})")]
    NotAnObject {
        /// Counted from 1; 0 where it is JSON, but no object.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A member that has to be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member that nobody reads: most likely misspelt.
    #[error("the document has an unknown member; known are `api_key` and `api_url`")]
    Unknown,
    /// A member that cannot be used.
    #[error("`{member}` {problem}")]
    Invalid {
        member: &'static str,
        /// What it has to be.
        problem: &'static str,
    },
}

impl Account {
    /// Reads and checks the document. Without `api_url` it is Stripe's own.
    ///
    /// # Errors
    /// [`AccountError`] names the first member that is wrong.
    pub fn from_json(document: &[u8]) -> Result<Self, AccountError> {
        let mut members = serde_json::from_slice::<Map<String, Value>>(document)
            .map_err(|error| AccountError::NotAnObject { line: error.line(), column: error.column() })?;
        // The key first: from here on it is wiped whatever else is wrong.
        let key = text(&mut members, "api_key")?.map(Zeroizing::new).ok_or(AccountError::Missing("api_key"))?;
        let url = text(&mut members, "api_url")?;
        let invalid = |member| move |problem| AccountError::Invalid { member, problem };
        check_key(&key).map_err(invalid("api_key"))?;
        let api_url = ApiUrl::parse(url.as_deref().unwrap_or(STRIPE)).map_err(invalid("api_url"))?;
        if members.is_empty() { Ok(Self { api_url, api_key: ApiKey(key) }) } else { Err(AccountError::Unknown) }
    }
}

impl ApiKey {
    /// The key itself, for the `Authorization` header.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redacted")
    }
}

fn check_key(key: &str) -> Result<(), &'static str> {
    if key.starts_with("pk_") {
        return Err("is a publishable key, which can only collect means of payment; the secret one begins with sk_");
    }
    // rk_: a restricted key, which may do no more than it is given.
    if !key.starts_with("sk_") && !key.starts_with("rk_") {
        return Err("has to be a key that begins with sk_ or rk_");
    }
    if key.bytes().all(|byte| byte.is_ascii_graphic()) { Ok(()) } else { Err("has to be visible ASCII without spaces") }
}

fn text(members: &mut Map<String, Value>, member: &'static str) -> Result<Option<String>, AccountError> {
    match members.remove(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(AccountError::Invalid { member, problem: "has to be a text" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(document: &str) -> String {
        let error = Account::from_json(document.as_bytes()).unwrap_err();
        let (shown, debug) = (error.to_string(), format!("{error:?}"));
        assert!(!shown.contains("made_up") && !debug.contains("made_up"), "{shown} {debug}");
        shown
    }

    #[test]
    fn without_an_address_it_is_stripes_own() {
        let account = Account::from_json(br#"{"api_key": "rk_live_made_up"}"#).unwrap();
        assert_eq!((account.api_url.to_string().as_str(), account.api_key.expose()), (STRIPE, "rk_live_made_up"));
    }

    #[test]
    fn a_document_that_cannot_be_used_says_why_and_quotes_nothing() {
        for (document, expected) in [
            ("sk_made_up", "the document is not a JSON object (line 1, column 1)"),
            (r#"["sk_made_up"]"#, "the document is not a JSON object (line 1, column 0)"),
            ("{}", "`api_key` is missing"),
            (r#"{"api_key": 7}"#, "`api_key` has to be a text"),
            (r#"{"api_key": "made_up"}"#, "`api_key` has to be a key that begins with sk_ or rk_"),
            (r#"{"api_key": "sk_made_up\n"}"#, "`api_key` has to be visible ASCII without spaces"),
            (
                r#"{"api_key": "pk_made_up"}"#,
                "`api_key` is a publishable key, which can only collect means of payment; the secret one begins with sk_",
            ),
            (
                r#"{"api_key": "sk_made_up", "sk_made_up": 1}"#,
                "the document has an unknown member; known are `api_key` and `api_url`",
            ),
            (
                r#"{"api_key": "sk_made_up", "api_url": "http://api.stripe.com"}"#,
                "`api_url` has to be https; http is for localhost, 127.0.0.1 and [::1] only",
            ),
        ] {
            assert_eq!(problem(document), expected, "{document}");
        }
    }
}
