//! A sender of webhooks: its name, its secrets, and deliveries as GitHub makes them.

use anyhow::Result;
use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};
use tidegate_cli::clock;
use tidegate_cli::deployment::Deployment;
use tidegate_operations::send::{Delivery, Draft};
use tidegate_webhooks::Source;
use uuid::Uuid;

use crate::stack::{Answer, Channel, Stack};

/// Whole payloads as GitHub documents them.
const PUSH: &str = include_str!("../../../../functions/notify-slack/tests/fixtures/github/push-branch.json");

/// A source as its sender knows it.
pub(crate) struct Sender {
    pub(crate) name: String,
    pub(crate) document: Value,
    source: Source,
}

/// A secret that is nobody else's and stands in no other text.
pub(crate) fn secret() -> String {
    format!("made-up-{}", Uuid::new_v4().simple())
}

impl Sender {
    /// A GitHub sender with these active secrets, of which the first signs.
    pub(crate) fn github(label: &str, secrets: &[&str]) -> Result<Self> {
        Self::new(label, json!({"scheme": "github", "secrets": secrets}))
    }

    /// A sender with a document of its own, and a name that no other test has.
    pub(crate) fn new(label: &str, document: Value) -> Result<Self> {
        let source = Source::from_json(document.to_string().as_bytes())?;
        let name = format!("{label}-{}", &Uuid::new_v4().simple().to_string()[..8]);
        Ok(Self { name, document, source })
    }

    /// The same sender after its secrets were changed.
    pub(crate) fn with_secrets(&self, secrets: &[&str]) -> Result<Self> {
        let document = json!({"scheme": "github", "secrets": secrets});
        let source = Source::from_json(document.to_string().as_bytes())?;
        Ok(Self { name: self.name.clone(), document, source })
    }

    /// What events of this source carry as their `source`.
    pub(crate) fn event_source(&self) -> String {
        format!("/webhooks/{}", self.name)
    }

    /// The secret's name in Secrets Manager.
    pub(crate) fn secret_id(&self, deployment: &Deployment) -> String {
        deployment.source_secret(&self.name)
    }

    /// A signed push with this id.
    pub(crate) fn push(&self, id: &str, payload: &Value) -> Result<Delivery> {
        self.sign(id, payload.to_string())
    }

    /// Any body, signed as a push with this id.
    pub(crate) fn sign(&self, id: &str, body: impl Into<Bytes>) -> Result<Delivery> {
        let draft = Draft {
            source: self.name.clone(),
            event: "push".to_owned(),
            id: Some(id.to_owned()),
            body: Some(body.into()),
        };
        Delivery::sign(&draft, &self.source, clock::unix_time())
    }
}

/// A delivery id as GitHub draws it.
pub(crate) fn delivery_id() -> String {
    Uuid::new_v4().to_string()
}

/// A push to the repository of a channel, unlike any other push.
pub(crate) fn push_to(channel: &Channel) -> Value {
    push_to_repository(&channel.repository)
}

/// The same to a repository by name.
pub(crate) fn push_to_repository(repository: &str) -> Value {
    let mut payload: Value = serde_json::from_str(PUSH).unwrap_or_default();
    payload["repository"]["full_name"] = json!(repository);
    payload["before"] = json!(format!("{}{:08x}", Uuid::new_v4().simple(), 0));
    payload
}

/// Sends a delivery once.
pub(crate) async fn deliver(stack: &Stack, delivery: &Delivery) -> Result<Answer> {
    let address = stack.address(&format!("/webhooks/{}", delivery.source));
    let mut request = http::Request::post(address).body(delivery.body.clone())?;
    *request.headers_mut() = delivery.headers.clone();
    stack.send(request).await
}

/// The delivery under another id, as a redelivery by hand or by another of GitHub's machines has it.
pub(crate) fn under_another_id(delivery: &Delivery) -> Result<Delivery> {
    let mut renamed = delivery.clone();
    renamed.id = delivery_id();
    renamed.headers.insert("x-github-delivery", HeaderValue::from_str(&renamed.id)?);
    Ok(renamed)
}
