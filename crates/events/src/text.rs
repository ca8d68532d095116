//! Texts that mean something: ids and the like, each its own type, because two of them could be mixed up.

use std::fmt;

/// Why a value is none of its type. Says what is expected and never quotes what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct Invalid(pub &'static str);

/// A checked text. Cloning one copies a pointer: decisions put the same ids into state, events and replies.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $expected:literal, $valid:expr, $debug:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::text::Invalid> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err($crate::text::Invalid($expected)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::text::Invalid;

            fn try_from(text: String) -> Result<Self, $crate::text::Invalid> {
                text.parse()
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let debug: $crate::text::Debug = $debug;
                debug(&self.0, f)
            }
        }
    };
}
pub(crate) use text;

/// An enum whose variants are words: the same in Rust, in JSON and in a state machine.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident, $expected:literal { $($(#[$of:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            pub const ALL: [Self; [$(stringify!($variant)),*].len()] = [$(Self::$variant),*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::text::Invalid;

            fn from_str(word: &str) -> Result<Self, $crate::text::Invalid> {
                Self::ALL.into_iter().find(|name| name.as_str() == word).ok_or($crate::text::Invalid($expected))
            }
        }
    };
}
pub(crate) use names;

pub(crate) type Debug = fn(&str, &mut fmt::Formatter<'_>) -> fmt::Result;

pub(crate) fn plain(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    fmt::Debug::fmt(text, f)
}

/// For what must not stand in a log: bearer credentials, and where people live.
pub(crate) fn redacted(_: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("redacted")
}

pub(crate) fn is_graphic(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(crate) fn is_line(text: &str, most_chars: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most_chars && !text.chars().any(char::is_control)
}
