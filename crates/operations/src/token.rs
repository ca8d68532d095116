//! Access tokens of customers: requested by client credentials and kept until they expire.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, header};
use serde::{Deserialize, Serialize};

use crate::cognito::AppClient;
use crate::deployment::Deployment;
use crate::failure::Hint;
use crate::http_client::HttpClient;
use crate::resources::Resources;

/// Cognito answers within a second.
const LIMIT: Duration = Duration::from_secs(15);
/// A token that expires sooner is requested anew: it has to be good until its request has been checked.
const MARGIN_MILLIS: i64 = 60_000;

/// What a signed-in customer has.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The customer's name here.
    pub customer: String,
    /// The app client, which is the customer's id.
    pub client_id: String,
    /// The deployment and where it is: another place may have one of that name.
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
    /// For the `Authorization` header, and for an operator who wants to see it.
    pub fn expose(&self) -> &str {
        &self.access_token
    }

    /// Whether a request can still be made with it.
    pub fn is_good(&self, now_millis: i64) -> bool {
        self.expires_at_millis - MARGIN_MILLIS > now_millis
    }

    /// Whether it is of this deployment, and not of another one of that name.
    pub fn is_of(&self, deployment: &Deployment) -> bool {
        self.place == place(deployment)
    }
}

/// Keeps the tokens of customers that are signed in.
pub trait TokenStore: Sync {
    /// The token of a customer, good or expired; `None` where none of this deployment is kept.
    fn load(&self, deployment: &Deployment, customer: &str) -> Result<Option<Token>>;

    fn save(&self, deployment: &Deployment, token: &Token) -> Result<()>;
}

/// Tokens in this process's memory.
#[derive(Debug, Default)]
pub struct MemoryTokens {
    tokens: Mutex<BTreeMap<String, Token>>,
}

impl TokenStore for MemoryTokens {
    fn load(&self, deployment: &Deployment, customer: &str) -> Result<Option<Token>> {
        let token = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(customer).cloned();
        Ok(token.filter(|token| token.is_of(deployment)))
    }

    fn save(&self, _deployment: &Deployment, token: &Token) -> Result<()> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(token.customer.clone(), token.clone());
        Ok(())
    }
}

/// Requests a token with these scopes.
pub async fn request(
    deployment: &Deployment,
    resources: &Resources,
    customer: &str,
    client: &AppClient,
    scopes: &[&str],
    now_millis: i64,
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
            format!("{customer} was given no token: {} {}", answer.status, body["error"].as_str().unwrap_or_default()),
            "look at the app client and its scopes in the user pool",
        ));
    };
    let lives = body["expires_in"].as_i64().unwrap_or_default().saturating_mul(1_000);
    Ok(Token {
        customer: customer.to_owned(),
        client_id: client.id.clone(),
        place: place(deployment),
        expires_at_millis: now_millis.saturating_add(lives),
        access_token: access_token.to_owned(),
    })
}

fn place(deployment: &Deployment) -> String {
    format!("{} at {}", deployment.name, deployment.place)
}
