//! Customers: an app client each, admitted to the API, with a secret of its own for callbacks.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cloudformation;
use crate::cognito::{self, AppClient};
use crate::deployment::Deployment;
use crate::failure::Hint;
use crate::resources::Resources;
use crate::secrets::SecretStore;
use crate::token::{self, Token, TokenStore};

/// The one that the template makes.
pub const CONSOLE: &str = "console";
/// What a customer may do.
const SCOPES: [&str; 2] = ["orders/read", "orders/write"];
/// The stack that has the clients that the API admits.
const API_STACK: &str = "orders-api";
/// Its parameter with the ids of further clients. API Gateway has no way to admit all clients of a pool.
const ADMITTED: &str = "ClientIds";
/// An update of one property takes AWS half a minute.
const UPDATE_DEADLINE: Duration = Duration::from_secs(300);
const DESCRIPTION: &str = "Signs the callbacks of a customer";
/// As many as the signature has.
const SECRET_BYTES: usize = 32;

/// What [`sign_in`] did.
#[derive(Debug)]
pub struct SignedIn {
    /// The token, which is kept.
    pub token: Token,
    /// Whether the customer is new.
    pub created: bool,
    /// By which the customer's callbacks are signed, newest first.
    pub callback_secrets: Vec<String>,
}

/// A part of [`sign_in`] that takes a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInStep {
    CreateClient,
    /// The API admits the client, which updates a stack.
    Admit,
    RequestToken,
}

/// Signs a customer in, and creates it first where it is new: an app client, its admission, its callback secret.
pub async fn sign_in(
    deployment: &Deployment,
    resources: &Resources,
    tokens: &impl TokenStore,
    customer: &str,
    now_millis: i64,
    on_step: impl Fn(SignInStep),
) -> Result<SignedIn> {
    let (client, created) = match find(deployment, resources, customer).await? {
        Some(client) => (client, false),
        None => {
            on_step(SignInStep::CreateClient);
            let pool = resources.output("UserPoolId")?;
            let name = client_name(deployment, customer);
            (cognito::create(&deployment.cognito, pool, &name, &SCOPES).await?, true)
        }
    };
    if customer != CONSOLE {
        // Also where the client exists: the process that created it may have died before this.
        admit(deployment, &client, || on_step(SignInStep::Admit)).await?;
    }
    let callback_secrets = ensure_secret(&deployment.secrets, &deployment.callback_secret(&client.id)).await?;
    on_step(SignInStep::RequestToken);
    let token = token::request(deployment, resources, customer, &client, &SCOPES, now_millis).await?;
    tokens.save(deployment, &token)?;
    Ok(SignedIn { token, created, callback_secrets })
}

/// A good token of a customer that has signed in before.
pub async fn token_of(
    deployment: &Deployment,
    resources: &Resources,
    tokens: &impl TokenStore,
    customer: &str,
    now_millis: i64,
) -> Result<Token> {
    let advice = if customer == CONSOLE { "tidegate login".to_owned() } else { format!("tidegate login {customer}") };
    match tokens.load(deployment, customer)? {
        Some(token) if token.is_good(now_millis) => Ok(token),
        Some(_) => match find(deployment, resources, customer).await? {
            Some(client) => {
                let token = token::request(deployment, resources, customer, &client, &SCOPES, now_millis).await?;
                tokens.save(deployment, &token)?;
                Ok(token)
            }
            None => {
                bail!(Hint::new(
                    format!("the customer {customer} no longer exists"),
                    format!("create it with `{advice}`")
                ))
            }
        },
        None => bail!(Hint::new(format!("{customer} is not signed in"), format!("run `{advice}`"))),
    }
}

/// The app client of a customer; `None` where there is no such customer.
pub async fn find(deployment: &Deployment, resources: &Resources, customer: &str) -> Result<Option<AppClient>> {
    let pool = resources.output("UserPoolId")?;
    if customer == CONSOLE {
        let id = resources.output("ConsoleClientId")?;
        return cognito::by_id(&deployment.cognito, pool, id).await.map(Some);
    }
    cognito::named(&deployment.cognito, pool, &client_name(deployment, customer)).await
}

fn client_name(deployment: &Deployment, customer: &str) -> String {
    format!("{}-{customer}", deployment.name)
}

/// Names the client in the stack, so that the next deployment admits it too.
async fn admit(deployment: &Deployment, client: &AppClient, on_update: impl Fn()) -> Result<()> {
    let stack = format!("{}-{API_STACK}", deployment.name);
    let admitted = cloudformation::parameter(&deployment.cloudformation, &stack, ADMITTED).await?.unwrap_or_default();
    let Some(admitted) = with(&admitted, &client.id) else { return Ok(()) };
    on_update();
    cloudformation::set_parameter(&deployment.cloudformation, &stack, ADMITTED, &admitted, UPDATE_DEADLINE).await
}

/// The list with one more id; nothing where it has it already.
fn with(admitted: &str, id: &str) -> Option<String> {
    let ids: Vec<&str> = admitted.split(',').filter(|id| !id.is_empty()).collect();
    if ids.contains(&id) { None } else { Some([ids.as_slice(), &[id]].concat().join(",")) }
}

async fn ensure_secret(store: &impl SecretStore, id: &str) -> Result<Vec<String>> {
    let document = json!({"secrets": [draw_secret()?]}).to_string();
    store.write_if_absent(id, &document, DESCRIPTION).await?;
    callback_secrets(store, id).await
}

/// The secrets by which a customer's callbacks are signed, newest first. `id` is [`Deployment::callback_secret`].
pub async fn callback_secrets(store: &impl SecretStore, id: &str) -> Result<Vec<String>> {
    let text = store.read(id).await?.with_context(|| format!("there is no secret {id}"))?;
    let document: Value = serde_json::from_str(&text).with_context(|| format!("secret {id} is not JSON"))?;
    let secrets = serde_json::from_value(document["secrets"].clone());
    secrets.map_err(|_| anyhow!("secret {id} has no list of secrets"))
}

/// Puts a new secret before the others, and gives all. The one before it goes on signing; older ones are removed.
pub async fn rotate(store: &impl SecretStore, id: &str) -> Result<Vec<String>> {
    let before = callback_secrets(store, id).await?;
    let secrets: Vec<String> = [draw_secret()?].into_iter().chain(before.into_iter().take(1)).collect();
    write(store, id, &secrets).await?;
    Ok(secrets)
}

/// What [`retire`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    pub newest: String,
    /// How many were removed.
    pub removed: usize,
}

/// Leaves the newest secret alone.
pub async fn retire(store: &impl SecretStore, id: &str) -> Result<Retired> {
    let mut secrets = callback_secrets(store, id).await?;
    let removed = secrets.len().saturating_sub(1);
    secrets.truncate(1);
    if removed > 0 {
        write(store, id, &secrets).await?;
    }
    let newest = secrets.pop().with_context(|| format!("secret {id} has no secrets"))?;
    Ok(Retired { newest, removed })
}

async fn write(store: &impl SecretStore, id: &str, secrets: &[String]) -> Result<()> {
    store.write(id, &json!({"secrets": secrets}).to_string(), DESCRIPTION).await.map(drop)
}

fn draw_secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::MemorySecrets;

    #[test]
    fn a_client_is_admitted_beside_the_others_and_once() {
        assert_eq!(with("", "a").as_deref(), Some("a"));
        assert_eq!(with("a,b", "c").as_deref(), Some("a,b,c"));
        assert_eq!(with("a,b", "b"), None);
    }

    #[test]
    fn a_drawn_secret_is_one_that_callbacks_can_be_signed_with() {
        let document = json!({"scheme": "standard-webhooks", "secrets": [draw_secret().unwrap()]}).to_string();
        assert!(tidegate_webhooks::Source::from_json(document.as_bytes()).is_ok());
    }

    #[tokio::test]
    async fn a_new_secret_signs_beside_the_one_before_it_until_that_is_retired() {
        let store = MemorySecrets::default();
        let first = ensure_secret(&store, "id").await.unwrap();
        assert_eq!(ensure_secret(&store, "id").await.unwrap(), first);
        let second = rotate(&store, "id").await.unwrap();
        assert_eq!(second[1..], first);
        let third = rotate(&store, "id").await.unwrap();
        assert_eq!(third[1..], second[..1]);
        let retired = Retired { newest: third[0].clone(), removed: 1 };
        assert_eq!(retire(&store, "id").await.unwrap(), retired);
        assert_eq!(callback_secrets(&store, "id").await.unwrap(), third[..1]);
        assert_eq!(retire(&store, "id").await.unwrap(), Retired { removed: 0, ..retired });
    }
}
