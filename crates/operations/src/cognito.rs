//! Cognito: the app clients of a user pool. Each customer's server is one.

use anyhow::{Context, Result};
pub use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{OAuthFlowType, TimeUnitsType, TokenValidityUnitsType};

use crate::aws::explain;

/// How long an access token is good.
const TOKEN_MINUTES: i32 = 60;
/// The most that Cognito lists at once.
const PAGE: i32 = 60;

#[derive(Clone)]
pub struct AppClient {
    /// Its id, which is the customer's id too.
    pub id: String,
    pub secret: String,
}

/// Without the secret.
impl std::fmt::Debug for AppClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AppClient").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The client of this name. Cognito does not keep names unique: the one that was created first counts.
pub async fn named(cognito: &Client, pool: &str, name: &str) -> Result<Option<AppClient>> {
    let mut pages = cognito.list_user_pool_clients().user_pool_id(pool).max_results(PAGE).into_paginator().send();
    let mut ids = Vec::new();
    while let Some(page) = pages.next().await {
        let page =
            page.map_err(explain).with_context(|| format!("the clients of user pool {pool} cannot be listed"))?;
        let clients = page.user_pool_clients.unwrap_or_default().into_iter();
        ids.extend(
            clients.filter(|client| client.client_name.as_deref() == Some(name)).filter_map(|client| client.client_id),
        );
    }
    let mut found: Option<(AppClient, _)> = None;
    for id in ids {
        let (client, made) = described(cognito, pool, &id).await?;
        if found.as_ref().is_none_or(|(_, first)| made < *first) {
            found = Some((client, made));
        }
    }
    Ok(found.map(|(client, _)| client))
}

pub async fn by_id(cognito: &Client, pool: &str, id: &str) -> Result<AppClient> {
    Ok(described(cognito, pool, id).await?.0)
}

/// Creates a client that requests tokens with these scopes by its secret.
pub async fn create(cognito: &Client, pool: &str, name: &str, scopes: &[&str]) -> Result<AppClient> {
    let minutes = TokenValidityUnitsType::builder().access_token(TimeUnitsType::Minutes).build();
    let answer = cognito
        .create_user_pool_client()
        .user_pool_id(pool)
        .client_name(name)
        .generate_secret(true)
        .allowed_o_auth_flows_user_pool_client(true)
        .allowed_o_auth_flows(OAuthFlowType::ClientCredentials)
        .set_allowed_o_auth_scopes(Some(scopes.iter().map(|&scope| scope.to_owned()).collect()))
        .access_token_validity(TOKEN_MINUTES)
        .token_validity_units(minutes)
        .send()
        .await
        .map_err(explain)
        .with_context(|| format!("app client {name} cannot be created in user pool {pool}"))?;
    let client = answer.user_pool_client.context("Cognito created an app client and does not name it")?;
    to_client(client.client_id, client.client_secret)
}

async fn described(cognito: &Client, pool: &str, id: &str) -> Result<(AppClient, Option<i64>)> {
    let answer = cognito.describe_user_pool_client().user_pool_id(pool).client_id(id).send().await;
    let answer = answer.map_err(explain).with_context(|| format!("app client {id} cannot be read"))?;
    let client = answer.user_pool_client.context("Cognito does not describe the app client")?;
    let made = client.creation_date.map(|date| date.secs());
    Ok((to_client(client.client_id, client.client_secret)?, made))
}

fn to_client(id: Option<String>, secret: Option<String>) -> Result<AppClient> {
    let id = id.context("the app client has no id")?;
    let secret = secret.with_context(|| format!("app client {id} has no secret, so it cannot get tokens by itself"))?;
    Ok(AppClient { id, secret })
}
