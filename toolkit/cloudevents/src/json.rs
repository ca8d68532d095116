//! The [JSON format](https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md) and its
//! batches.

mod read;
mod write;

pub use read::batch_from_json;
pub use write::batch_to_json;

/// The media type of one event in JSON.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";
/// The media type of a batch of events in JSON.
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";
