//! The documents of senders.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tidegate_webhooks::{Scheme, Source};

use crate::redact::redacted;
use crate::secrets::{SecretStore, Written};

/// A source of a deployment: its name, and its scheme unless its document is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceEntry {
    pub name: String,
    pub scheme: Result<Scheme, String>,
}

/// The sources whose secrets' names start with `prefix`.
pub async fn list(secrets: &impl SecretStore, prefix: &str) -> Result<Vec<SourceEntry>> {
    let ids = secrets.names(prefix).await?;
    let documents = futures::future::try_join_all(ids.iter().map(|id| secrets.read(id))).await?;
    let entry = |(id, document): (&String, Option<String>)| SourceEntry {
        name: id.strip_prefix(prefix).unwrap_or(id).to_owned(),
        scheme: Source::from_json(document.unwrap_or_default().as_bytes())
            .map(|source| source.scheme())
            .map_err(|error| error.to_string()),
    };
    Ok(ids.iter().zip(documents).map(entry).collect())
}

/// The document without its secrets; `None` where there is no such source.
pub async fn show(secrets: &impl SecretStore, id: &str) -> Result<Option<Value>> {
    secrets.read(id).await?.as_deref().map(redacted).transpose()
}

/// The document, checked; `None` where there is no such source.
pub async fn load(secrets: &impl SecretStore, id: &str, name: &str) -> Result<Option<Source>> {
    let document = secrets.read(id).await?;
    let source = document.map(|document| Source::from_json(document.as_bytes()));
    source.transpose().with_context(|| format!("the document of source {name} is not valid"))
}

/// Writes a document after it was checked.
pub async fn set(secrets: &impl SecretStore, id: &str, name: &str, document: Vec<u8>) -> Result<(Scheme, Written)> {
    let source = Source::from_json(&document).with_context(|| format!("source {name} was not written"))?;
    let text = String::from_utf8(document).context("the document is not UTF-8")?;
    let description = format!("Tidegate source {name} ({})", source.scheme());
    Ok((source.scheme(), secrets.write(id, &text, &description).await?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MemorySecrets;

    #[tokio::test]
    async fn only_a_valid_document_is_written_and_its_secret_is_not_shown() {
        let secrets = MemorySecrets::default();
        assert!(set(&secrets, "t/webhooks/gh", "gh", br#"{"scheme":"morse"}"#.to_vec()).await.is_err());
        assert_eq!(list(&secrets, "t/webhooks/").await.unwrap(), []);

        let document = br#"{"scheme":"github","secrets":["open-sesame"]}"#.to_vec();
        let set = async || set(&secrets, "t/webhooks/gh", "gh", document.clone()).await.unwrap();
        assert_eq!(set().await, (Scheme::GitHub, Written::Created));
        assert_eq!(set().await, (Scheme::GitHub, Written::Replaced));
        secrets.write("t/webhooks/odd", "{}", "").await.unwrap();

        let listed = list(&secrets, "t/webhooks/").await.unwrap();
        assert_eq!(listed[0], SourceEntry { name: "gh".to_owned(), scheme: Ok(Scheme::GitHub) });
        assert!(listed[1].scheme.is_err());
        let shown = show(&secrets, "t/webhooks/gh").await.unwrap().unwrap().to_string();
        assert!(!shown.contains("sesame"), "{shown}");
        assert_eq!(show(&secrets, "t/webhooks/none").await.unwrap(), None);
    }
}
