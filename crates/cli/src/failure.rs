//! Errors with advice: what failed and why are the error, what to do about it is the hint.

use std::fmt;

/// An error that also says what to do. It is printed on two lines, and as two members with `--json`.
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
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Hint {}

/// The advice anywhere in the chain of causes.
pub fn advice(error: &anyhow::Error) -> Option<&str> {
    // `downcast_ref` also looks through the layers that `context` adds; the chain finds hints that are plain sources.
    error
        .downcast_ref::<Hint>()
        .or_else(|| error.chain().find_map(|cause| cause.downcast_ref::<Hint>()))
        .map(|hint| hint.advice.as_str())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn advice_is_found_beneath_added_context() {
        let error = Err::<(), _>(anyhow::Error::new(Hint::new("no such source", "list them")))
            .context("the delivery was not sent")
            .unwrap_err();
        assert_eq!(advice(&error), Some("list them"));
        assert_eq!(format!("{error:#}"), "the delivery was not sent: no such source");
    }

    #[test]
    fn an_error_without_a_hint_has_no_advice() {
        assert_eq!(advice(&anyhow::anyhow!("broken")), None);
    }
}
