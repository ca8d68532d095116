//! Access tokens of customers: asked for by client credentials, kept in the state directory until they expire, shown to nobody.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, header};
use serde::{Deserialize, Serialize};
use tidegate_local::state::{StateDir, write_private};

use crate::clock;
use crate::cognito::AppClient;
use crate::deployment::{Deployment, Resources};
use crate::failure::Hint;
use crate::http_client::HttpClient;

/// Cognito answers within a second.
const LIMIT: Duration = Duration::from_secs(15);
/// A token that expires sooner is asked for anew: it has to live until its request has been looked at.
const MARGIN_MILLIS: i64 = 60_000;

/// What a signed-in customer has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The customer's name here.
    pub customer: String,
    /// The app client, which is the customer's id.
    pub client_id: String,
    /// The deployment and where it is: a name says little.
    place: String,
    /// When it is no longer good, in milliseconds since the epoch.
    pub expires_at_millis: i64,
    access_token: String,
}

/// Without the token.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("customer", &self.customer)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// The token itself: for the header, and for whoever asks to see it.
    pub fn expose(&self) -> &str {
        &self.access_token
    }

    /// Whether a request can still be made with it.
    pub fn is_good(&self) -> bool {
        self.expires_at_millis - MARGIN_MILLIS > clock::epoch_millis()
    }

    /// The one that is kept for a customer of this deployment, good or expired.
    pub fn kept(deployment: &Deployment, customer: &str) -> Result<Option<Self>> {
        let path = file(&deployment.state_dir, deployment, customer);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        // Of another shape, or of another deployment of that name: as if there were none.
        let token: Option<Self> = serde_json::from_slice(&text).ok();
        Ok(token.filter(|token| token.place == place(deployment)))
    }

    /// Keeps it, readable by its owner only.
    pub fn keep(&self, deployment: &Deployment) -> Result<()> {
        let tokens = deployment.state_dir.tokens();
        std::fs::create_dir_all(&tokens).with_context(|| format!("{} cannot be created", tokens.display()))?;
        write_private(&file(&deployment.state_dir, deployment, &self.customer), &serde_json::to_vec_pretty(self)?)
    }
}

/// Asks for a token with these scopes.
pub async fn ask(
    deployment: &Deployment,
    resources: &Resources,
    customer: &str,
    client: &AppClient,
    scopes: &[&str],
) -> Result<Token> {
    let url = deployment.token_url(resources)?;
    let credentials = STANDARD.encode(format!("{}:{}", client.id, client.secret));
    let request = Request::post(&url)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, format!("Basic {credentials}"))
        .body(Bytes::from(format!("grant_type=client_credentials&scope={}", scopes.join("%20"))))
        .with_context(|| format!("{url} is not a URL"))?;
    let answer = HttpClient::new().send(request, LIMIT).await?;
    let body = answer.json().unwrap_or_default();
    let (Some(access_token), true) = (body["access_token"].as_str(), answer.status.is_success()) else {
        bail!(Hint::new(
            format!("{customer} got no token: {} {}", answer.status, body["error"].as_str().unwrap_or_default()),
            "look at the app client and its scopes in the user pool",
        ));
    };
    let lives = body["expires_in"].as_i64().unwrap_or_default().saturating_mul(1_000);
    Ok(Token {
        customer: customer.to_owned(),
        client_id: client.id.clone(),
        place: place(deployment),
        expires_at_millis: clock::epoch_millis().saturating_add(lives),
        access_token: access_token.to_owned(),
    })
}

fn place(deployment: &Deployment) -> String {
    format!("{} at {}", deployment.name, deployment.place)
}

fn file(dir: &StateDir, deployment: &Deployment, customer: &str) -> PathBuf {
    dir.tokens().join(format!("{}.{customer}.json", deployment.name))
}
