//! Customers: an app client each, admitted to the API, with a secret of its own for callbacks.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::cognito::{self, AppClient};
use crate::deployment::{Deployment, Resources};
use crate::failure::Hint;
use crate::output::Progress;
use crate::standin_client;
use crate::token::{self, Token};
use crate::{cloudformation, secrets};

/// The one that the template makes.
pub const CONSOLE: &str = "console";
/// What a customer may do.
const SCOPES: [&str; 2] = ["orders/read", "orders/write"];
/// The stack that says whom the API admits.
const API_STACK: &str = "orders-api";
/// Its parameter with the ids of further clients. API Gateway has no way to admit all clients of a pool.
const ADMITTED: &str = "ClientIds";
/// An update of one property takes AWS half a minute.
const UPDATE_DEADLINE: Duration = Duration::from_secs(300);
/// As many as the signature has.
const SECRET_BYTES: usize = 32;

/// What signing in did.
#[derive(Debug)]
pub struct SignedIn {
    /// The token, which is kept.
    pub token: Token,
    /// Whether the customer is new.
    pub made: bool,
}

/// Signs a customer in, and makes it first where it is new: an app client, its admission, its callback secret.
pub async fn sign_in(
    deployment: &Deployment,
    resources: &Resources,
    customer: &str,
    progress: &Progress,
) -> Result<SignedIn> {
    let (client, made) = match find(deployment, resources, customer).await? {
        Some(client) => (client, false),
        None => {
            progress.doing(format!("Making the customer {customer}"));
            let pool = resources.output("UserPoolId")?;
            let name = client_name(deployment, customer);
            (cognito::make(&deployment.cognito, pool, &name, &SCOPES).await?, true)
        }
    };
    if customer != CONSOLE {
        // Also for one that was there: whoever made it may have died before this.
        admit(deployment, &client, progress).await?;
    }
    ensure_callback_secret(deployment, &client.id).await?;
    progress.doing("Asking for a token");
    let token = token::ask(deployment, resources, customer, &client, &SCOPES).await?;
    token.keep(deployment)?;
    Ok(SignedIn { token, made })
}

/// A good token of a customer that has signed in before.
pub async fn token_of(deployment: &Deployment, resources: &Resources, customer: &str) -> Result<Token> {
    let advice = if customer == CONSOLE { "tidegate login".to_owned() } else { format!("tidegate login {customer}") };
    match Token::kept(deployment, customer)? {
        Some(token) if token.is_good() => Ok(token),
        Some(_) => match find(deployment, resources, customer).await? {
            Some(client) => {
                let token = token::ask(deployment, resources, customer, &client, &SCOPES).await?;
                token.keep(deployment)?;
                Ok(token)
            }
            None => bail!(Hint::new(format!("the customer {customer} is no more"), format!("make it with `{advice}`"))),
        },
        None => bail!(Hint::new(format!("{customer} is not signed in"), format!("run `{advice}`"))),
    }
}

/// The app client of a customer, or nothing where there is no such customer.
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
async fn admit(deployment: &Deployment, client: &AppClient, progress: &Progress) -> Result<()> {
    let stack = format!("{}-{API_STACK}", deployment.name);
    let admitted = cloudformation::parameter(&deployment.cloudformation, &stack, ADMITTED).await?.unwrap_or_default();
    let Some(admitted) = with(&admitted, &client.id) else { return Ok(()) };
    progress.doing("Admitting the customer to the API");
    cloudformation::set_parameter(&deployment.cloudformation, &stack, ADMITTED, &admitted, UPDATE_DEADLINE).await
}

/// The list with one more id; nothing where it has it already.
fn with(admitted: &str, id: &str) -> Option<String> {
    let ids: Vec<&str> = admitted.split(',').filter(|it| !it.is_empty()).collect();
    if ids.contains(&id) { None } else { Some([ids.as_slice(), &[id]].concat().join(",")) }
}

async fn ensure_callback_secret(deployment: &Deployment, customer_id: &str) -> Result<()> {
    let id = deployment.callback_secret(customer_id);
    let document = json!({"secrets": [draw_secret()?]}).to_string();
    secrets::write_if_absent(&deployment.secrets, &id, &document, "Signs the callbacks of a customer").await?;
    let secrets = callback_secrets(deployment, customer_id).await?;
    tell_standin(deployment, customer_id, &secrets).await
}

/// The secrets by which a customer's callbacks are signed, newest first.
async fn callback_secrets(deployment: &Deployment, customer_id: &str) -> Result<Vec<String>> {
    let id = deployment.callback_secret(customer_id);
    let text = secrets::read(&deployment.secrets, &id).await?.with_context(|| format!("there is no secret {id}"))?;
    let document: Value = serde_json::from_str(&text).with_context(|| format!("secret {id} is not JSON"))?;
    let secrets = serde_json::from_value(document["secrets"].clone());
    secrets.map_err(|_| anyhow!("secret {id} has no list of secrets"))
}

/// Puts a new secret before the others, and gives it. The one before it goes on signing; older ones go.
pub async fn rotate(deployment: &Deployment, customer_id: &str) -> Result<String> {
    let drawn = draw_secret()?;
    let mut secrets = callback_secrets(deployment, customer_id).await?;
    secrets.truncate(1);
    secrets.insert(0, drawn.clone());
    write(deployment, customer_id, &secrets).await?;
    Ok(drawn)
}

/// Leaves the newest secret alone, and gives how many went.
pub async fn retire(deployment: &Deployment, customer_id: &str) -> Result<usize> {
    let secrets = callback_secrets(deployment, customer_id).await?;
    let gone = secrets.len().saturating_sub(1);
    if gone > 0 {
        write(deployment, customer_id, &secrets[..1]).await?;
    }
    Ok(gone)
}

async fn write(deployment: &Deployment, customer_id: &str, secrets: &[String]) -> Result<()> {
    let id = deployment.callback_secret(customer_id);
    let document = json!({"secrets": secrets}).to_string();
    secrets::write(&deployment.secrets, &id, &document, "Signs the callbacks of a customer").await?;
    tell_standin(deployment, customer_id, secrets).await
}

/// Only a local stack has one.
async fn tell_standin(deployment: &Deployment, customer_id: &str, secrets: &[String]) -> Result<()> {
    match standin_client::of(deployment) {
        Ok(standin) => standin.receive_callbacks(customer_id, &json!(secrets)).await,
        Err(_) => Ok(()),
    }
}

fn draw_secret() -> Result<String> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random numbers: {error}"))?;
    Ok(format!("whsec_{}", STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
