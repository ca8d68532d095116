//! Names: each its own type, because all of them are texts and numbers that could be mixed up.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// DynamoDB's limit for a partition key is 2,048 bytes; half of it leaves room for the version and index of an event id.
const MAX_NAME_BYTES: usize = 1024;
/// Step Functions' limit (<https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html>).
const MAX_TOKEN_BYTES: usize = 2048;

/// A text that cannot be the name it was to be. What the text was is not repeated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must have 1 to {most} {signs}")]
pub struct InvalidName {
    what: &'static str,
    most: usize,
    signs: &'static str,
}

/// A checked text. Cloning one copies a pointer: decisions put the same ids into state, events and replies.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $most:expr, $signs:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Checks the text: ", $signs, ".")]
            ///
            /// # Errors
            /// Where it is empty, too long or has other signs.
            pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidName> {
                let (text, valid): (&str, fn(char) -> bool) = (text.as_ref(), $valid);
                let is_valid = (1..=$most).contains(&text.len()) && text.chars().all(valid);
                let invalid = InvalidName { what: $what, most: $most, signs: $signs };
                if is_valid { Ok(Self(text.into())) } else { Err(invalid) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;
            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }
    };
}

macro_rules! shown {
    ($name:ident) => {
        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// Names one aggregate, and is the partition key of its item: `order-17`, `sku-tea`.
    AggregateId,
    "an aggregate id",
    MAX_NAME_BYTES,
    "bytes and no control characters",
    |sign| !sign.is_control()
);
name!(
    /// Names one command however often it arrives. It is derived, never drawn: of a step in a workflow it is
    /// `execution/state` ([`CommandId::of_step`]), of a request its idempotency key.
    CommandId,
    "a command id",
    MAX_NAME_BYTES,
    "visible ASCII characters",
    |sign| sign.is_ascii_graphic()
);
name!(
    /// What a waiting workflow is answered by. A bearer credential: whoever has it can answer, so `Debug` does not show
    /// it and nothing displays it.
    TaskToken,
    "a task token",
    MAX_TOKEN_BYTES,
    "visible ASCII characters",
    |sign| sign.is_ascii_graphic()
);
shown!(AggregateId);
shown!(CommandId);

impl CommandId {
    /// The command of one state of one execution.
    ///
    /// # Errors
    /// Where the two do not make a name.
    pub fn of_step(execution: &str, state: &str) -> Result<Self, InvalidName> {
        Self::new(format!("{execution}/{state}"))
    }
}

impl TaskToken {
    /// The token itself, for the one who answers.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What tells one token from another and is none. It is kept in a proof, in place of 2 KB of credential.
    #[must_use]
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for TaskToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TaskToken(redacted)")
    }
}

/// How often an aggregate was written; 0 where it never was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

impl Version {
    /// Of an aggregate that does not exist.
    pub const ABSENT: Self = Self(0);

    /// The one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names one event: `aggregate/version/index`. So an event that is published again has the same id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(String);

impl EventId {
    /// Of the event number `index`, counted from 0, among those of one version.
    #[must_use]
    pub fn new(aggregate: &AggregateId, version: Version, index: usize) -> Self {
        Self(format!("{aggregate}/{version}/{index}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_derived_and_checked() {
        let order = AggregateId::new("order/17").unwrap();
        assert_eq!(EventId::new(&order, Version(3), 0).as_str(), "order/17/3/0");
        assert_eq!(CommandId::of_step("saga-17", "ReserveStock").unwrap().as_str(), "saga-17/ReserveStock");
        for text in [String::new(), "a\n".to_owned(), "a".repeat(1025)] {
            assert!(AggregateId::new(text.clone()).is_err());
            assert!(serde_json::from_value::<CommandId>(text.into()).is_err());
        }
        // Idempotency keys travel in HTTP headers.
        assert!(
            AggregateId::new("sku/thé noir").is_ok()
                && CommandId::new("thé").is_err()
                && CommandId::new("a b").is_err()
        );
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = TaskToken::new("made-up-token").unwrap();
        assert_eq!(format!("{token:?}"), "TaskToken(redacted)");
        assert!(!token.digest().contains("made-up"));
        let error = TaskToken::new("made-up\n").unwrap_err();
        assert!(!error.to_string().contains("made-up"));
    }
}
