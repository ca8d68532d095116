//! Starts the order saga when an order was placed: an SQS consumer.
//!
//! - [`Workflows`]: the port: start an execution by name, and see with what a running one was started.
//! - [`StateMachine`]: an ARN, and those of its executions. Pure.
//! - [`WorkflowStarter`]: the handler: make the input, start, and find whether a name that is taken is a duplicate.
//!
//! # Once for each order
//!
//! An execution is named after its order, and Step Functions keeps a name for 90 days. So the name is the claim: there is
//! no table here, and the second, copy or retry, finds the name taken.
//!
//! ```text
//! first:   start(ord_1, input) ---------> started
//! repeat:            start(ord_1, input) ---------> AWS, while it runs: started (the same execution)
//!                                                   AWS, when it has ended; the emulator always: name taken
//!                                                   -> what was it started with? the same input: a duplicate
//! ```
//!
//! A crash between start and acknowledgement is a repeat.

mod machine;
pub mod sfn;
mod start;

pub use machine::{NoStateMachine, StateMachine};
pub use start::{MAX_INPUT_BYTES, WorkflowStarter};

use tidegate_runtime::PortError;

pub trait Workflows: Send + Sync {
    /// Starts the execution of that name.
    ///
    /// # Errors
    /// [`PortError`]; it may have been started all the same.
    fn start(&self, name: &str, input: &str) -> impl Future<Output = Result<Start, PortError>> + Send;

    /// The input that the execution of that name was started with.
    ///
    /// # Errors
    /// [`PortError`], also when there is none of that name (yet, as far as this reader sees).
    fn input(&self, name: &str) -> impl Future<Output = Result<String, PortError>> + Send;
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It runs.
    Started,
    /// There is or was one of that name; this start did nothing.
    NameTaken,
}
