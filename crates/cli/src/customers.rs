//! Customers of a deployment as the command signs them in: their tokens are kept in the state directory, and the stand-in of a local
//! stack learns the secrets by which their callbacks are signed.

use anyhow::{Result, bail};
use serde_json::json;
use tidegate_operations::customers::{self, SignInStep, SignedIn};
use tidegate_operations::orders_client::OrdersClient;
use tidegate_operations::token::Token;
use tidegate_operations::{Hint, Resources};

use crate::clock;
use crate::deployment::Deployment;
use crate::output::Progress;
use crate::standin_client;
use crate::tokens::FileTokens;

/// Signs a customer in, and creates it first where it is new.
pub async fn sign_in(
    deployment: &Deployment,
    resources: &Resources,
    customer: &str,
    progress: &Progress,
) -> Result<SignedIn> {
    let on_step = |step| {
        progress.doing(match step {
            SignInStep::CreateClient => format!("Creating the customer {customer}"),
            SignInStep::Admit => "Admitting the customer to the API".to_owned(),
            SignInStep::RequestToken => "Requesting a token".to_owned(),
        });
    };
    let tokens = FileTokens::new(&deployment.state_dir);
    let now = clock::epoch_millis();
    let signed_in = customers::sign_in(deployment, resources, &tokens, customer, now, on_step).await?;
    register_secrets(deployment, &signed_in.token.client_id, &signed_in.callback_secrets).await?;
    Ok(signed_in)
}

/// A good token of a customer that has signed in before.
pub async fn token_of(deployment: &Deployment, resources: &Resources, customer: &str) -> Result<Token> {
    let tokens = FileTokens::new(&deployment.state_dir);
    customers::token_of(deployment, resources, &tokens, customer, clock::epoch_millis()).await
}

/// The orders API in the name of a customer that has signed in before.
pub async fn orders_client(deployment: &Deployment, resources: &Resources, customer: &str) -> Result<OrdersClient> {
    let token = token_of(deployment, resources, customer).await?;
    OrdersClient::new(deployment.api(resources)?, token)
}

/// The id of a customer that exists.
pub async fn id_of(deployment: &Deployment, resources: &Resources, customer: &str) -> Result<String> {
    match customers::find(deployment, resources, customer).await? {
        Some(client) => Ok(client.id),
        None => bail!(Hint::new(
            format!("deployment {} has no customer {customer}", deployment.name),
            format!("create it with `tidegate login {customer}`"),
        )),
    }
}

/// Has the stand-in of a local stack verify a customer's callbacks with these secrets.
pub async fn register_secrets(deployment: &Deployment, customer_id: &str, secrets: &[String]) -> Result<()> {
    match standin_client::of(deployment) {
        Ok(standin) => standin.receive_callbacks(customer_id, &json!(secrets)).await,
        Err(_) => Ok(()),
    }
}
