//! The secrets of each customer: the document `{deployment}/callbacks/{customer}` = `{"secrets": ["whsec_…", …]}`, newest
//! first. All of them sign, so that a customer changes over whenever it likes.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use tidegate_events::CustomerId;
use tidegate_runtime::document::{DocumentError, Documents};
use tidegate_runtime::secrets::Secrets;
use tidegate_webhooks::outbound::Signer;
use zeroize::Zeroizing;

/// Signers by customer, out of a store of secrets.
#[derive(Debug)]
pub struct Signers {
    documents: Documents<Signer>,
    prefix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    secrets: Vec<String>,
}

impl Signers {
    /// Of `deployment`, in that store.
    pub fn new(secrets: Arc<dyn Secrets>, deployment: &str) -> Self {
        let documents = Documents::new(secrets, |text| Ok(parse(str::from_utf8(text)?)?));
        Self { documents, prefix: format!("{deployment}/callbacks/") }
    }

    /// The customer's signer, at most a minute old. What is missing or malformed is not kept: mended, it is found at
    /// once.
    ///
    /// # Errors
    /// [`DocumentError`].
    pub async fn of(&self, customer: &CustomerId, now: SystemTime) -> Result<Arc<Signer>, DocumentError> {
        let name = format!("{}{}", self.prefix, customer.as_str());
        // Secrets Manager knows no other signs in a name, and would answer with an error that looks as if it might pass.
        if !customer.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_+=.@-".contains(&byte)) {
            return Err(DocumentError::Missing(name));
        }
        self.documents.load(&name, now).await
    }
}

/// Checks a document as this function will read it, before it is written.
///
/// # Errors
/// What is wrong, without a word of what stands there.
pub fn parse(document: &str) -> Result<Signer, String> {
    // serde's text can quote a value.
    let document: Document =
        serde_json::from_str(document).map_err(|_| r#"it is not {"secrets": ["whsec_…"]}"#.to_owned())?;
    let secrets = Zeroizing::new(document.secrets);
    let secrets: Vec<_> = secrets.iter().map(String::as_str).collect();
    Signer::new(&secrets).map_err(|error| tidegate_runtime::chain(&error))
}
