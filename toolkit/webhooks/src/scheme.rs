//! The names of the schemes.

use std::str::FromStr;
use std::{fmt, sync::LazyLock};

use strum::VariantArray;
use thiserror::Error;

/// How a sender proves that a delivery is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::IntoStaticStr, VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub enum Scheme {
    /// `X-Hub-Signature-256` over the body.
    #[strum(serialize = "github")]
    GitHub,
    /// `Stripe-Signature` over timestamp and body.
    Stripe,
    /// `X-Slack-Signature` over timestamp and body.
    Slack,
    /// `X-Shopify-Hmac-SHA256` over the body.
    Shopify,
    /// `webhook-signature` (or `svix-signature`) over id, timestamp and body, symmetric or asymmetric.
    StandardWebhooks,
    /// A bearer token in `Authorization`.
    #[strum(serialize = "cloudevents")]
    CloudEvents,
    /// Google Pub/Sub push: a token that Google signs, in `Authorization`.
    #[strum(serialize = "pubsub")]
    PubSub,
    /// Azure Event Grid: a secret in a delivery property, or a token that Microsoft Entra signs.
    EventGrid,
    /// An HMAC whose headers and signed bytes are configured.
    Hmac,
}

impl Scheme {
    /// Every scheme, in the order of the documentation.
    pub const ALL: &[Scheme] = Scheme::VARIANTS;

    /// The name in a source document.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The names, for an error's text.
pub(crate) static ONE_OF: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<_> = Scheme::ALL.iter().map(|scheme| scheme.name()).collect();
    format!("one of {}", names.join(", "))
});

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Scheme, UnknownScheme> {
        Scheme::ALL.iter().copied().find(|scheme| scheme.name() == name).ok_or(UnknownScheme)
    }
}

/// The name is none of [`Scheme::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a scheme is {}", *ONE_OF)]
pub struct UnknownScheme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_scheme() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.to_string().parse(), Ok(*scheme));
        }
        assert_eq!("GitHub".parse::<Scheme>(), Err(UnknownScheme));
    }

    #[test]
    fn the_refusal_of_an_unknown_name_lists_every_scheme() {
        let message = UnknownScheme.to_string();
        for scheme in Scheme::ALL {
            assert!(message.contains(scheme.name()), "{scheme}");
        }
    }
}
