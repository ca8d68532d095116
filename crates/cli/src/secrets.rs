//! Secrets Manager: the documents of sources and of Slack.

use anyhow::{Context, Result};
pub use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use crate::aws::explain;

/// Reads a secret's text, or nothing when there is no such secret.
pub async fn read(client: &Client, id: &str) -> Result<Option<String>> {
    match client.get_secret_value().secret_id(id).send().await {
        Ok(answer) => Ok(answer.secret_string),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => Ok(None),
        Err(error) => Err(explain(error)).with_context(|| format!("secret {id} cannot be read")),
    }
}

/// What [`write()`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There was no such secret before.
    Created,
    /// The secret has a new version; functions take it up when their cached copy expires.
    Replaced,
}

/// Writes a secret: a new version when it exists, a new secret otherwise.
pub async fn write(client: &Client, id: &str, text: &str, description: &str) -> Result<Written> {
    let put = client.put_secret_value().secret_id(id).secret_string(text).send().await;
    match put {
        Ok(_) => return Ok(Written::Replaced),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {}
        Err(error) => return Err(explain(error)).with_context(|| format!("secret {id} cannot be written")),
    }
    client
        .create_secret()
        .name(id)
        .secret_string(text)
        .description(description)
        .send()
        .await
        .map_err(explain)
        .with_context(|| format!("secret {id} cannot be created"))?;
    Ok(Written::Created)
}

/// The names of all secrets that start with `prefix`, sorted.
pub async fn names(client: &Client, prefix: &str) -> Result<Vec<String>> {
    let by_name = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
    let mut pages = client.list_secrets().filters(by_name).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(explain).context("secrets cannot be listed")?;
        let found = page.secret_list.unwrap_or_default().into_iter().filter_map(|entry| entry.name);
        // The service's filter matches words, so it may give more than was asked for.
        names.extend(found.filter(|name| name.starts_with(prefix)));
    }
    names.sort();
    Ok(names)
}

/// Writes a secret only when there is none of that name.
pub async fn write_if_absent(client: &Client, id: &str, text: &str, description: &str) -> Result<()> {
    match client.create_secret().name(id).secret_string(text).description(description).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_exists_exception()) => Ok(()),
        Err(error) => Err(explain(error)).with_context(|| format!("secret {id} cannot be created")),
    }
}
