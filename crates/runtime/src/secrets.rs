//! Secrets, by name.

use std::fmt;

use crate::port::{BoxFuture, PortError};

pub trait Secrets: fmt::Debug + Send + Sync {
    /// The secret's text, or `None` where there is no such secret.
    ///
    /// # Errors
    /// [`PortError`] where the store cannot be asked.
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, PortError>>;
}

/// Secrets in AWS Secrets Manager.
#[cfg(feature = "secrets")]
#[derive(Clone, Debug)]
pub struct SecretsManager(pub aws_sdk_secretsmanager::Client);

#[cfg(feature = "secrets")]
impl SecretsManager {
    /// Looks whether the service answers about the secret of that name, existing or not. Reads no value.
    ///
    /// # Errors
    /// [`PortError`] where it does not answer.
    pub async fn reach(&self, name: &str) -> Result<(), PortError> {
        match self.0.describe_secret().secret_id(name).send().await {
            Err(error) if !error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => {
                Err(crate::port::failed("reach the secret", name, error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(feature = "secrets")]
impl Secrets for SecretsManager {
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, PortError>> {
        Box::pin(async move {
            match self.0.get_secret_value().secret_id(name).send().await {
                Ok(secret) => Ok(secret.secret_string),
                Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
                Err(error) => Err(crate::port::failed("read the secret", name, error)),
            }
        })
    }
}
