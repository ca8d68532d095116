//! A header of the command line.

use anyhow::{Context as _, Result};
use http::{HeaderName, HeaderValue};
use tidegate_operations::Hint;

/// `NAME:VALUE`.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: HeaderName,
    pub(crate) value: HeaderValue,
}

impl std::str::FromStr for Header {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| Hint::new("there is no colon in the header", "write it as NAME:VALUE"))?;
        Ok(Self {
            name: name.trim().parse().context("the header's name is not valid")?,
            value: value.trim().parse().context("the header's value is not valid")?,
        })
    }
}
