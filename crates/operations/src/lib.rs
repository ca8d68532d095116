//! What an operator sees and does in a deployment: which stacks and queues it has, what its functions logged, what waits for a
//! person and the answers to it. The `tidegate` command prints what is here; a web console would show the same.
//!
//! - Ports, each with its adapter to AWS and one in memory: [`Queues`], [`Executions`], [`Tables`], [`SecretStore`].
//! - Operations on them, which return plain view models: [`sagas`], [`dead_letters`], [`callbacks`], [`stock`], [`orders`],
//!   [`sources`], [`send`], [`slack`], [`customers`], [`logs`].
//! - [`Deployment`] has the clients of one deployment; [`Resources`] are what its stacks export.
//!
//! What the crate refuses to do: it prints nothing, reads neither arguments nor the environment nor the clock, and knows neither the
//! local stack nor a function.
#![allow(missing_docs, reason = "nothing of this is published")]

pub mod aws;
pub mod callbacks;
pub mod cloudformation;
pub mod cognito;
pub mod contexts;
pub mod customers;
pub mod dead_letters;
pub mod deployment;
pub mod dynamodb;
pub mod executions;
pub mod failure;
pub mod http_client;
pub mod logs;
pub mod orders;
pub mod orders_client;
pub mod queues;
pub mod redact;
pub mod resources;
pub mod sagas;
pub mod secrets;
pub mod send;
pub mod services;
pub mod sfn;
pub mod slack;
pub mod sources;
pub mod sqs;
pub mod stock;
pub mod tables;
pub mod timeline;
pub mod token;

pub use aws::Access;
pub use deployment::Deployment;
pub use executions::{Execution, Executions, Step, StepKind};
pub use failure::Hint;
pub use queues::{Depth, Queues};
pub use resources::{Api, Resources};
pub use secrets::SecretStore;
pub use services::{MemoryServices, Services};
pub use tables::Tables;
