//! Secrets of the local stack: one source for every scheme, and Slack and Stripe pointing at the stand-in.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, anyhow};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};
use tidegate_local::state::{State, StateDir, write_private};
use tidegate_local::stripe::API_KEY;
use tidegate_operations::SecretStore as _;
use tidegate_standins::Options;
use tidegate_webhooks::Scheme;

use crate::deployment::Deployment;

/// Writes a document for each scheme, under the scheme's name, and those of Slack and Stripe.
///
/// The secrets are drawn at random once and then kept until `down`, so that a second `up` does not invalidate what was pasted into a
/// sender. They exist in the state directory (mode 0600) and in the emulator only.
pub(super) async fn seed(deployment: &Deployment, state: &State, dir: &StateDir) -> Result<()> {
    let standin_url = state.standin.as_ref().map_or("", |standin| &standin.url);
    let sources = load_or_draw(dir)?;
    let writes = sources.iter().map(|(name, document)| async move {
        let id = deployment.source_secret(name);
        deployment.secrets.write_if_absent(&id, &document.to_string(), "Local webhook source").await
    });
    let slack = slack_document(standin_url);
    let slack = keep(deployment, deployment.slack_secret(), slack, standin_url, "Local Slack stand-in");
    let stripe = json!({"api_key": API_KEY, "api_url": format!("{standin_url}/stripe")});
    let stripe = keep(deployment, deployment.stripe_secret(), stripe, standin_url, "Local Stripe stand-in");
    futures::try_join!(futures::future::try_join_all(writes), slack, stripe)?;
    Ok(())
}

/// Writes the document unless there is one for the same stand-in, which may have been changed with `tidegate slack set`.
async fn keep(deployment: &Deployment, id: String, document: Value, standin_url: &str, about: &str) -> Result<()> {
    match deployment.secrets.read(&id).await? {
        Some(existing) if existing.contains(standin_url) => Ok(()),
        _ => deployment.secrets.write(&id, &document.to_string(), about).await.map(drop),
    }
}

fn load_or_draw(dir: &StateDir) -> Result<BTreeMap<String, Value>> {
    let path = dir.secrets();
    if let Ok(text) = fs::read(&path) {
        return serde_json::from_slice(&text).with_context(|| format!("{} is not understood", path.display()));
    }
    let mut sources = BTreeMap::new();
    for scheme in Scheme::ALL {
        sources.insert(scheme.name().to_owned(), document(*scheme)?);
    }
    write_private(&path, &serde_json::to_vec_pretty(&sources)?)?;
    Ok(sources)
}

fn document(scheme: Scheme) -> Result<Value> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    let text = URL_SAFE_NO_PAD.encode(bytes);
    Ok(match scheme {
        Scheme::StandardWebhooks => {
            json!({"scheme": scheme.name(), "secrets": [format!("whsec_{}", STANDARD.encode(bytes))]})
        }
        Scheme::Hmac => json!({
            "scheme": scheme.name(),
            "secrets": [text],
            "options": {
                "header": "X-Signature",
                "prefix": "sha256=",
                "timestamp_header": "X-Timestamp",
                "id_header": "X-Delivery-Id",
                "event_type_header": "X-Event-Type",
            },
        }),
        Scheme::PubSub => json!({
            "scheme": scheme.name(),
            "secrets": [private_key()?],
            "options": {"audience": "https://tidegate.example", "service_account": "push@tidegate.example"},
        }),
        Scheme::EventGrid => json!({
            "scheme": scheme.name(),
            "secrets": [text],
            "options": {"header": "X-Tidegate-Key", "allowed_origins": ["eventgrid.azure.net"]},
        }),
        Scheme::GitHub | Scheme::Stripe | Scheme::Slack | Scheme::Shopify | Scheme::CloudEvents => {
            json!({"scheme": scheme.name(), "secrets": [text]})
        }
    })
}

/// A key that stands in for Google's: the source trusts it alone, and `tidegate send` signs with it.
fn private_key() -> Result<String> {
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map_err(|_| anyhow!("no random numbers"))?;
    Ok(STANDARD.encode(key))
}

/// Routes that show what routing can do: by repository and branch, by repository, by source, and everything else.
fn slack_document(url: &str) -> Value {
    json!({
        "api_url": format!("{url}/api"),
        "token": Options::LOCAL_TOKEN,
        "routes": [
            {"source": "github", "repository": "octo-harbour/*", "branch": "main", "channel": "#deploys"},
            {"source": "github", "repository": "octo-harbour/*", "channel": "#harbour"},
            {"channel": "#general"},
        ],
    })
}

#[cfg(test)]
mod tests {
    use tidegate_webhooks::Source;

    use super::*;

    #[test]
    fn every_scheme_has_a_document_that_is_valid_and_random() {
        for scheme in Scheme::ALL.iter().copied() {
            let first = document(scheme).unwrap();
            let source = Source::from_json(first.to_string().as_bytes()).unwrap();
            assert_eq!(source.scheme(), scheme);
            assert_ne!(first, document(scheme).unwrap(), "{scheme}");
        }
    }

    #[test]
    fn drawn_secrets_stay_the_same_until_they_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = StateDir::new(dir.path());
        let drawn = load_or_draw(&dir).unwrap();
        assert_eq!(load_or_draw(&dir).unwrap(), drawn);
        dir.clear().unwrap();
        assert_ne!(load_or_draw(&dir).unwrap(), drawn);
    }
}
