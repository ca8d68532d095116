//! The `tidegate` command: the local stack, deliveries, logs and dead letters, for any deployment, local or on AWS.
//!
//! The binary is a thin shell over this library, so that end-to-end tests can use the same parts:
//!
//! - [`local`] brings the local stack up and down, and writes the secrets that its functions read,
//! - [`deployment`] finds a deployment's resources and holds clients for it,
//! - [`send`] signs a delivery as the real sender does and sends it.
//!
//! What it refuses to do: it never touches an AWS account unless told to with `--aws` or by `AWS_ENDPOINT_URL`, it never prints a
//! secret, and it leaves no process behind.

pub mod aws;
pub mod clock;
pub mod cloudformation;
pub mod cognito;
pub mod config;
pub mod contexts;
pub mod customers;
pub mod deployment;
pub mod dynamodb;
pub mod failure;
pub mod http_client;
pub mod interrupt;
pub mod local;
pub mod logs;
pub mod orders_client;
pub mod output;
pub mod render;
pub mod secrets;
pub mod send;
pub mod sfn;
pub mod sqs;
pub mod standin_client;
pub mod timeline;
pub mod token;

mod args;
mod commands;

pub use args::Cli;
pub use commands::run;
