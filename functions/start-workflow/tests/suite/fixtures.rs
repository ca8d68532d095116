//! A starter over memory, and messages as the queue has them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde_json::{Value, json};
use start_workflow::{Start, WorkflowStarter, Workflows};
use tidegate_runtime::PortError;
use tidegate_testkit::{TestConsumer, TestPorts};

/// What the order's data say, so that a test sees where it turns up.
pub(crate) const PAYLOAD: &str = "Mona Example";

/// A call to the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Start,
    Input,
}

/// Executions by name, with their input, and whether they run.
#[derive(Debug, Default)]
pub(crate) struct MemoryExecutions {
    /// As AWS does: a start with the name and input of a running execution is that execution.
    pub(crate) forgiving: bool,
    executions: Mutex<BTreeMap<String, (String, bool)>>,
    fault: Mutex<Option<(Call, bool)>>,
}

impl MemoryExecutions {
    pub(crate) fn put(&self, name: &str, input: &str) {
        self.executions.lock().unwrap().insert(name.to_owned(), (input.to_owned(), true));
    }

    pub(crate) fn end(&self, name: &str) {
        self.executions.lock().unwrap().get_mut(name).unwrap().1 = false;
    }

    /// Makes the next such call go wrong.
    pub(crate) fn fail_next(&self, call: Call, transient: bool) {
        *self.fault.lock().unwrap() = Some((call, transient));
    }

    pub(crate) fn started(&self) -> Vec<(String, Value)> {
        let executions = self.executions.lock().unwrap();
        executions.iter().map(|(name, (input, _))| (name.clone(), serde_json::from_str(input).unwrap())).collect()
    }

    fn fault(&self, call: Call) -> Result<(), PortError> {
        let due = self.fault.lock().unwrap().take_if(|(at, _)| *at == call);
        let Some((_, transient)) = due else { return Ok(()) };
        let operation = if call == Call::Start { "start" } else { "describe" };
        Err(PortError { operation, what: "an execution".to_owned(), transient, source: "the test says so".into() })
    }
}

impl Workflows for MemoryExecutions {
    async fn start(&self, name: &str, input: &str) -> Result<Start, PortError> {
        self.fault(Call::Start)?;
        let mut executions = self.executions.lock().unwrap();
        match executions.get(name) {
            Some((theirs, true)) if self.forgiving && theirs == input => Ok(Start::Started),
            Some(_) => Ok(Start::NameTaken),
            None => {
                executions.insert(name.to_owned(), (input.to_owned(), true));
                Ok(Start::Started)
            }
        }
    }

    async fn input(&self, name: &str) -> Result<String, PortError> {
        self.fault(Call::Input)?;
        Ok(self.executions.lock().unwrap()[name].0.clone())
    }
}

/// The handler over memory.
pub(crate) type Desk = TestConsumer<WorkflowStarter<MemoryExecutions>>;

pub(crate) fn desk() -> Desk {
    TestConsumer::new(TestPorts::at(0), |ports| WorkflowStarter {
        ports,
        workflow: "tidegate-order-saga".to_owned(),
        workflows: MemoryExecutions::default(),
    })
}

/// `OrderPlaced`, as it is published.
pub(crate) fn placed(order_id: &str) -> Value {
    let event = include_str!("../../../../crates/events/tests/fixtures/events/order-placed.json");
    let mut event: Value = serde_json::from_str(event).unwrap();
    event["subject"] = json!(order_id);
    event["id"] = json!(format!("{order_id}/1/0"));
    event
}

pub(crate) fn body(order_id: &str) -> String {
    placed(order_id).to_string()
}
