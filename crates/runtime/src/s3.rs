//! Payloads that are too large for a message: kept in a bucket, named in the event by `dataref` (claim check,
//! <https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md>).

#[cfg(feature = "s3")]
pub use bucket::S3Payloads;

use std::fmt;

use crate::port::{BoxFuture, PortError};

pub trait Payloads: fmt::Debug + Send + Sync {
    /// Keeps `bytes` under `key`; a repeated put overwrites. Returns the `dataref`.
    ///
    /// # Errors
    /// [`PortError`] where the store cannot be asked.
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<String, PortError>>;

    /// What a `dataref` of [`Payloads::put`] names.
    ///
    /// # Errors
    /// [`PortError`]; permanent where the reference is not one of this store's, or what it names is gone.
    fn fetch<'a>(&'a self, dataref: &'a str) -> BoxFuture<'a, Result<Vec<u8>, PortError>>;
}

#[cfg(feature = "s3")]
mod bucket;
