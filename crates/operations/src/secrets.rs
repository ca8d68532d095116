//! Secrets Manager: the documents of sources, of Slack, and of the customers whose callbacks are signed.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
pub use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use crate::aws::explain;

/// What [`SecretStore::write`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There was no such secret before.
    Created,
    /// The secret has a new version; functions take it up when their cached copy expires.
    Replaced,
}

pub trait SecretStore: Sync {
    /// The secret's text; `None` where there is no such secret.
    fn read(&self, id: &str) -> impl Future<Output = Result<Option<String>>> + Send;

    /// Writes a new version, or a new secret where there is none.
    fn write(&self, id: &str, text: &str, description: &str) -> impl Future<Output = Result<Written>> + Send;

    /// Writes a secret unless there is one of that name.
    fn write_if_absent(&self, id: &str, text: &str, description: &str) -> impl Future<Output = Result<()>> + Send;

    /// The names of all secrets that start with `prefix`, sorted.
    fn names(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>>> + Send;
}

impl SecretStore for Client {
    async fn read(&self, id: &str) -> Result<Option<String>> {
        match self.get_secret_value().secret_id(id).send().await {
            Ok(answer) => Ok(answer.secret_string),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Ok(None)
            }
            Err(error) => Err(explain(error)).with_context(|| format!("secret {id} cannot be read")),
        }
    }

    async fn write(&self, id: &str, text: &str, description: &str) -> Result<Written> {
        let put = self.put_secret_value().secret_id(id).secret_string(text).send().await;
        match put {
            Ok(_) => return Ok(Written::Replaced),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {}
            Err(error) => return Err(explain(error)).with_context(|| format!("secret {id} cannot be written")),
        }
        self.create_secret()
            .name(id)
            .secret_string(text)
            .description(description)
            .send()
            .await
            .map_err(explain)
            .with_context(|| format!("secret {id} cannot be created"))?;
        Ok(Written::Created)
    }

    async fn names(&self, prefix: &str) -> Result<Vec<String>> {
        let by_name = Filter::builder().key(FilterNameStringType::Name).values(prefix).build();
        let mut pages = self.list_secrets().filters(by_name).into_paginator().send();
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

    async fn write_if_absent(&self, id: &str, text: &str, description: &str) -> Result<()> {
        match self.create_secret().name(id).secret_string(text).description(description).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_exists_exception()) => Ok(()),
            Err(error) => Err(explain(error)).with_context(|| format!("secret {id} cannot be created")),
        }
    }
}

/// Secrets in this process's memory.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    texts: Mutex<BTreeMap<String, String>>,
}

impl MemorySecrets {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SecretStore for MemorySecrets {
    async fn read(&self, id: &str) -> Result<Option<String>> {
        Ok(self.lock().get(id).cloned())
    }

    async fn write(&self, id: &str, text: &str, _description: &str) -> Result<Written> {
        let before = self.lock().insert(id.to_owned(), text.to_owned());
        Ok(before.map_or(Written::Created, |_| Written::Replaced))
    }

    async fn write_if_absent(&self, id: &str, text: &str, _description: &str) -> Result<()> {
        self.lock().entry(id.to_owned()).or_insert_with(|| text.to_owned());
        Ok(())
    }

    async fn names(&self, prefix: &str) -> Result<Vec<String>> {
        Ok(self.lock().keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }
}
