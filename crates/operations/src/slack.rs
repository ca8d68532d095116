//! The Slack document.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tidegate_slack_routes::SlackConfig;

use crate::redact::redacted;
use crate::secrets::{SecretStore, Written};

/// The document without its token; `None` where there is none.
pub async fn show(secrets: &impl SecretStore, id: &str) -> Result<Option<Value>> {
    secrets.read(id).await?.as_deref().map(redacted).transpose()
}

/// Writes the document after it was checked.
pub async fn set(secrets: &impl SecretStore, id: &str, document: Vec<u8>) -> Result<Written> {
    SlackConfig::from_json(&document).context("the Slack document was not written")?;
    let text = String::from_utf8(document).context("the document is not UTF-8")?;
    secrets.write(id, &text, "Tidegate: Slack's address, token and routes").await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MemorySecrets;

    #[tokio::test]
    async fn only_a_valid_document_is_written_and_its_token_is_not_shown() {
        let secrets = MemorySecrets::default();
        assert!(set(&secrets, "t/notify-slack", b"{}".to_vec()).await.is_err());
        assert_eq!(show(&secrets, "t/notify-slack").await.unwrap(), None);
        let document = br##"{"token":"xoxb-made-up","routes":[{"channel":"#tides"}]}"##.to_vec();
        assert_eq!(set(&secrets, "t/notify-slack", document).await.unwrap(), Written::Created);
        let shown = show(&secrets, "t/notify-slack").await.unwrap().unwrap().to_string();
        assert!(shown.contains("#tides") && !shown.contains("made-up"), "{shown}");
    }
}
