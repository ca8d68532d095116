//! Errors with advice: what failed and why are the error, what to do about it is the advice.

use std::fmt;

/// An error that also says what to do about it.
#[derive(Debug)]
pub struct Hint {
    what: String,
    advice: String,
}

impl Hint {
    /// `what` failed and why, in one sentence without a full stop; `advice` in the imperative.
    pub fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into() }
    }

    pub fn advice(&self) -> &str {
        &self.advice
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Hint {}
