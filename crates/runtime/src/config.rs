//! Configuration from the environment: the one place that reads it.

/// A variable that must be set is not, or does not read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is not set, or empty.
    #[error("the environment variable {0} is not set; the template sets it")]
    Missing(&'static str),
    /// It does not read as what it should be.
    #[error("the environment variable {0} is not {1}")]
    Malformed(&'static str, &'static str),
}

/// A variable's value, or `None` where it is not set or empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that must be set.
///
/// # Errors
/// [`ConfigError::Missing`].
pub fn required(name: &'static str) -> Result<String, ConfigError> {
    optional(name).ok_or(ConfigError::Missing(name))
}

/// A whole number, or `default` where the variable is not set.
///
/// # Errors
/// [`ConfigError::Malformed`].
pub fn number(name: &'static str, default: usize) -> Result<usize, ConfigError> {
    optional(name)
        .map_or(Ok(default), |value| value.parse().map_err(|_| ConfigError::Malformed(name, "a whole number")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named() {
        let error = required("TIDEGATE_TEST_NOT_SET").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable TIDEGATE_TEST_NOT_SET is not set; the template sets it"
        );
        assert_eq!(number("TIDEGATE_TEST_NOT_SET", 7).unwrap(), 7);
        assert!(number("PATH", 7).is_err());
    }
}
