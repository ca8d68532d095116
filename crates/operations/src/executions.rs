//! Executions of the order saga and their histories.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};
use serde::Serialize;

/// An execution of the order saga: one for each order, and named after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Execution {
    pub name: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// When it began, in milliseconds since the epoch.
    pub started_at_millis: i64,
    pub ended_at_millis: Option<i64>,
    /// Whether it has ended for good: AWS no longer redrives it.
    pub is_final: bool,
}

impl Execution {
    pub fn is_running(&self) -> bool {
        self.status == "RUNNING"
    }
}

/// An entry of an execution's history that an operator wants to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub id: i64,
    /// When, in milliseconds since the epoch.
    pub at_millis: i64,
    #[serde(flatten)]
    pub what: StepKind,
}

/// Inputs and outputs are left out: they have addresses and means of payment in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepKind {
    /// The execution began.
    Started,
    Entered {
        state: String,
    },
    /// The task of a state failed, or was refused.
    Failed {
        state: String,
        error: String,
    },
    /// A state is done.
    Left {
        state: String,
    },
    /// The execution ended well.
    Succeeded,
    /// The execution ended, and something is left undone.
    Ended {
        error: String,
    },
    /// A failed execution goes on.
    Redriven,
}

/// The address of an order's execution.
pub fn execution_arn(state_machine_arn: &str, name: &str) -> String {
    format!("{}:{name}", state_machine_arn.replacen(":stateMachine:", ":execution:", 1))
}

pub trait Executions: Sync {
    /// `None` where there is none: not yet, or no longer, 90 days after it ended.
    fn execution(&self, arn: &str) -> impl Future<Output = Result<Option<Execution>>> + Send;

    /// The executions of a state machine in one status, newest first, at most `most`.
    fn executions(
        &self,
        machine: &str,
        status: &str,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Execution>>> + Send;

    /// Oldest first; empty where there is no such execution.
    fn history(&self, arn: &str) -> impl Future<Output = Result<Vec<Step>>> + Send;

    /// Continues a failed execution where it failed.
    fn redrive(&self, arn: &str) -> impl Future<Output = Result<()>> + Send;
}

/// Executions in this process's memory, by address.
#[derive(Debug, Default)]
pub struct MemoryExecutions {
    executions: Mutex<BTreeMap<String, Execution>>,
}

impl MemoryExecutions {
    pub fn put(&self, arn: &str, execution: Execution) {
        self.executions.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned(), execution);
    }
}

impl Executions for MemoryExecutions {
    async fn execution(&self, arn: &str) -> Result<Option<Execution>> {
        Ok(self.executions.lock().unwrap_or_else(PoisonError::into_inner).get(arn).cloned())
    }

    async fn executions(&self, machine: &str, status: &str, most: usize) -> Result<Vec<Execution>> {
        let executions = self.executions.lock().unwrap_or_else(PoisonError::into_inner);
        let prefix = execution_arn(machine, "");
        let of_machine = executions.iter().filter(|(arn, _)| arn.starts_with(&prefix)).map(|(_, execution)| execution);
        Ok(of_machine.filter(|execution| execution.status == status).take(most).cloned().collect())
    }

    async fn history(&self, _arn: &str) -> Result<Vec<Step>> {
        Ok(Vec::new())
    }

    async fn redrive(&self, arn: &str) -> Result<()> {
        match self.executions.lock().unwrap_or_else(PoisonError::into_inner).get_mut(arn) {
            Some(execution) if !execution.is_running() && !execution.is_final => {
                execution.status = "RUNNING".to_owned();
                execution.ended_at_millis = None;
                Ok(())
            }
            _ => bail!("execution {arn} cannot be redriven"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_addressed_by_its_machine_and_its_order() {
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:tidegate-order-saga";
        let expected = "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1";
        assert_eq!(execution_arn(machine, "ord_1"), expected);
    }
}
