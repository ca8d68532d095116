//! Payloads that are too large for a message: kept in a bucket, named in the event by `dataref` (claim check,
//! <https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md>).

#[cfg(feature = "s3")]
pub use bucket::S3Payloads;

use crate::PortError;

/// Keeps payloads.
pub trait Payloads: Send + Sync {
    /// Keeps `bytes` under `key`; a repeated put overwrites. Returns the `dataref`.
    ///
    /// # Errors
    /// [`PortError`] where the store cannot be asked.
    fn put(&self, key: &str, bytes: Vec<u8>) -> impl Future<Output = Result<String, PortError>> + Send;

    /// What a `dataref` of [`Payloads::put`] names.
    ///
    /// # Errors
    /// [`PortError`]; permanent where the reference is not one of this store's, or what it names is gone.
    fn fetch(&self, dataref: &str) -> impl Future<Output = Result<Vec<u8>, PortError>> + Send;
}

#[cfg(feature = "s3")]
mod bucket;
