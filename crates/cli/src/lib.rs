//! The `tidegate` command: the local stack, deliveries, logs and dead letters, for any deployment, local or on AWS.
//!
//! The binary is a thin shell over this library, so that end-to-end tests can use the same parts:
//!
//! - [`local`] brings the local stack up and down, and writes the secrets that its functions read,
//! - [`deployment`] finds the deployment that a command is about; what is seen and done there is `tidegate-operations`.
//!
//! What it refuses to do: it never touches an AWS account without `--aws` or `AWS_ENDPOINT_URL`, it never prints a
//! secret, and it leaves no process behind.
#![allow(missing_docs, reason = "nothing of this is published")]

mod age;
pub mod clock;
pub mod config;
mod context;
pub mod customers;
pub mod deployment;
pub mod failure;
mod input;
pub mod interrupt;
pub mod local;
pub mod output;
pub mod render;
pub mod standin_client;
pub mod timeline;
pub mod tokens;

mod args;
mod commands;

pub use args::Cli;
pub use commands::run;
