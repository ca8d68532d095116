//! The names of the schemes.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// How a sender proves that a delivery is its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `X-Hub-Signature-256` over the body.
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
    CloudEvents,
    /// Google Pub/Sub push: a token that Google signs, in `Authorization`.
    PubSub,
    /// Azure Event Grid: a secret in a delivery property, or a token that Microsoft Entra signs.
    EventGrid,
    /// An HMAC whose headers and signed bytes are configured.
    Hmac,
}

impl Scheme {
    /// Every scheme, in the order of the documentation.
    pub const ALL: [Scheme; 9] = [
        Scheme::GitHub,
        Scheme::Stripe,
        Scheme::Slack,
        Scheme::Shopify,
        Scheme::StandardWebhooks,
        Scheme::CloudEvents,
        Scheme::PubSub,
        Scheme::EventGrid,
        Scheme::Hmac,
    ];

    /// The name in a source document.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::GitHub => "github",
            Scheme::Stripe => "stripe",
            Scheme::Slack => "slack",
            Scheme::Shopify => "shopify",
            Scheme::StandardWebhooks => "standard-webhooks",
            Scheme::CloudEvents => "cloudevents",
            Scheme::PubSub => "pubsub",
            Scheme::EventGrid => "event-grid",
            Scheme::Hmac => "hmac",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Scheme {
    type Err = UnknownScheme;

    fn from_str(name: &str) -> Result<Scheme, UnknownScheme> {
        Scheme::ALL.into_iter().find(|scheme| scheme.name() == name).ok_or(UnknownScheme)
    }
}

/// The name is none of [`Scheme::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a scheme is one of github, stripe, slack, shopify, standard-webhooks, cloudevents, pubsub, event-grid, hmac")]
pub struct UnknownScheme;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_scheme() {
        for scheme in Scheme::ALL {
            assert_eq!(scheme.to_string().parse(), Ok(scheme));
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
