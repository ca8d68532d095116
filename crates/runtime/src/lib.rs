//! The one shape of a function: [`Function`] starts it, one of its handlers decides, and everything around that is here:
//! batches, traces, spans, metrics, dead letters, refusals, priming. No business.
//!
//! - [`queue`]: each message of a queue to a small handler. [`route`]: each HTTP request. [`Handler`]: a stream's batch.
//! - [`Ports`]: clock, randomness and metrics, as one value. [`secrets`], [`s3`], [`sns`]: ports to services.
//! - [`document`]: what operators change while functions run. [`priming`]: the first invocation as fast as any other.

mod api_url;
mod function;
mod handler;
mod port;
mod ports;

pub mod aws;
pub mod body;
pub mod config;
pub mod document;
pub mod http;
pub mod metrics;
pub mod priming;
pub mod problem;
#[cfg(feature = "sqs")]
pub mod queue;
pub mod route;
pub mod s3;
pub mod secrets;
pub mod sns;
pub mod telemetry;
pub mod trace;

pub use api_url::ApiUrl;
pub use function::Function;
pub use handler::{Call, Handler, Invocation, rehearse};
pub use lambda_runtime::Error;
pub use port::{BoxFuture, PortError, chain};
pub use ports::{Ports, System};
