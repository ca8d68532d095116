//! What every function's `main` needs: configuration from the environment, lean AWS clients, a clock, logs, metrics,
//! trace context and HTTP answers. No business here.

pub mod ambient;
pub mod aws;
pub mod config;
pub mod metrics;
pub mod problem;
pub mod telemetry;
pub mod trace;
