//! What every function's `main` needs: configuration from the environment, lean AWS clients, a clock, logs, metrics,
//! trace context, HTTP bodies and answers, and the ports to secrets, payloads and the topic. No business here.

mod api_url;
mod port;

pub mod ambient;
pub mod aws;
pub mod body;
pub mod config;
#[cfg(feature = "sqs")]
pub mod consumer;
pub mod http;
pub mod metrics;
pub mod problem;
pub mod s3;
pub mod secrets;
pub mod sns;
pub mod telemetry;
pub mod trace;

pub use api_url::ApiUrl;
pub use port::{PortError, chain};
