//! The document, read strictly: a member that is not known is an error, and no error quotes a value.

use std::fmt;

use serde_json::{Map, Value};
use tidegate_runtime::ApiUrl;
use zeroize::Zeroizing;

use crate::glob::Glob;

/// Slack's own API.
const SLACK: &str = "https://slack.com/api";

/// The document, checked.
#[derive(Debug)]
pub struct SlackConfig {
    /// Where Slack's Web API is.
    pub api_url: ApiUrl,
    /// What Slack knows this app by.
    pub token: SlackToken,
    routes: Vec<Route>,
}

/// Slack's bearer token. Never shown, and wiped from memory when dropped.
#[derive(Clone)]
pub struct SlackToken(Zeroizing<String>);

#[derive(Debug)]
struct Route {
    source: Option<Glob>,
    repository: Option<Glob>,
    branch: Option<Glob>,
    channel: String,
}

/// What is wrong with the document, and where. Quotes no value of it, so that it may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON at all.
    #[error("the document is not JSON (line {line}, column {column})")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A required member is absent.
    #[error("`{path}` is missing")]
    Missing {
        /// For instance `routes[2].channel`.
        path: String,
    },
    /// A member that is not read: most likely misspelt.
    #[error("{path} has an unknown member{}; known are {known}", name.as_deref().map(|n| format!(" `{n}`")).unwrap_or_default())]
    Unknown {
        /// The object it is in.
        path: String,
        /// Its name, when it looks like one.
        name: Option<String>,
        /// The names that are read.
        known: &'static str,
    },
    /// A member that cannot be used.
    #[error("`{path}` {problem}")]
    Invalid {
        /// For instance `routes[2].channel`.
        path: String,
        /// What it has to be.
        problem: &'static str,
    },
}

impl SlackConfig {
    /// Reads and checks the document. Without `api_url` it is Slack's own.
    ///
    /// # Errors
    /// [`ConfigError`] names the first member that is wrong.
    pub fn from_json(document: &[u8]) -> Result<Self, ConfigError> {
        let value = serde_json::from_slice(document)
            .map_err(|error| ConfigError::NotJson { line: error.line(), column: error.column() })?;
        let mut members = object(value, "the document")?;
        // The token first: from here on it is wiped whatever else is wrong.
        let token = SlackToken::take(&mut members)?;
        let api_url = text(&mut members, "api_url", "")?;
        let api_url =
            ApiUrl::parse(api_url.as_deref().unwrap_or(SLACK)).map_err(|problem| invalid("api_url", problem))?;
        let routes = match members.remove("routes") {
            Some(Value::Array(routes)) => routes,
            Some(_) => return Err(invalid("routes", "has to be a list")),
            None => return Err(ConfigError::Missing { path: "routes".to_owned() }),
        };
        reject_unknown_members(&members, "the document", "`api_url`, `token` and `routes`")?;
        let routes =
            routes.into_iter().enumerate().map(|(index, route)| Route::read(index, route)).collect::<Result<_, _>>()?;
        Ok(Self { api_url, token, routes })
    }

    /// The channel of the first route that matches.
    pub fn route(&self, source: &str, repository: Option<&str>, branch: Option<&str>) -> Option<&str> {
        let matching = |route: &&Route| {
            matches(route.source.as_ref(), Some(source))
                && matches(route.repository.as_ref(), repository.map(str::to_ascii_lowercase).as_deref())
                && matches(route.branch.as_ref(), branch)
        };
        self.routes.iter().find(matching).map(|route| route.channel.as_str())
    }
}

impl SlackToken {
    /// For the `Authorization` header.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn take(members: &mut Map<String, Value>) -> Result<Self, ConfigError> {
        let Some(token) = text(members, "token", "")? else {
            return Err(ConfigError::Missing { path: "token".to_owned() });
        };
        let token = Self(Zeroizing::new(token));
        if token.expose().is_empty() || !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid("token", "has to be visible ASCII without spaces"));
        }
        Ok(token)
    }
}

impl fmt::Debug for SlackToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SlackToken(redacted)")
    }
}

impl Route {
    fn read(index: usize, value: Value) -> Result<Self, ConfigError> {
        let path = format!("routes[{index}]");
        let mut members = object(value, &path)?;
        let prefix = format!("{path}.");
        let channel = text(&mut members, "channel", &prefix)?
            .ok_or_else(|| ConfigError::Missing { path: format!("{prefix}channel") })?;
        if !is_channel(&channel) {
            return Err(invalid(&format!("{prefix}channel"), "has to be a channel's `#name` or id"));
        }
        let mut glob = |name: &str, fold: fn(&str) -> String| match text(&mut members, name, &prefix)? {
            Some(pattern) if pattern.is_empty() => {
                Err(invalid(&format!("{prefix}{name}"), "is empty and would match nothing; leave it out to match all"))
            }
            pattern => Ok(pattern.map(|pattern| Glob::new(&fold(&pattern)))),
        };
        let source = glob("source", str::to_owned)?;
        let repository = glob("repository", str::to_ascii_lowercase)?;
        let branch = glob("branch", str::to_owned)?;
        reject_unknown_members(&members, &path, "`source`, `repository`, `branch` and `channel`")?;
        Ok(Self { source, repository, branch, channel })
    }
}

/// Slack allows 80 characters in a name.
fn is_channel(text: &str) -> bool {
    let name = text.strip_prefix('#').unwrap_or(text);
    !name.is_empty()
        && name.chars().count() <= 80
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '<' | '>' | ','))
}

fn matches(glob: Option<&Glob>, value: Option<&str>) -> bool {
    match (glob, value) {
        (None, _) => true,
        (Some(glob), Some(value)) => glob.matches(value),
        (Some(_), None) => false,
    }
}

fn object(value: Value, path: &str) -> Result<Map<String, Value>, ConfigError> {
    if let Value::Object(members) = value { Ok(members) } else { Err(invalid(path, "has to be an object")) }
}

fn text(members: &mut Map<String, Value>, name: &str, prefix: &str) -> Result<Option<String>, ConfigError> {
    match members.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(&format!("{prefix}{name}"), "has to be a text")),
    }
}

fn reject_unknown_members(members: &Map<String, Value>, path: &str, known: &'static str) -> Result<(), ConfigError> {
    let Some(name) = members.keys().next() else { return Ok(()) };
    // The token may stand where a name belongs; tokens have dashes and digits, names have not.
    let is_printable = name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let name = is_printable.then(|| name.clone());
    Err(ConfigError::Unknown { path: path.to_owned(), name, known })
}

fn invalid(path: &str, problem: &'static str) -> ConfigError {
    ConfigError::Invalid { path: path.to_owned(), problem }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
