//! The services that several operations use at once.

use crate::executions::{Executions, MemoryExecutions};
use crate::queues::{MemoryQueues, Queues};
use crate::tables::{MemoryTables, Tables};

pub trait Services: Sync {
    fn tables(&self) -> &impl Tables;
    fn queues(&self) -> &impl Queues;
    fn executions(&self) -> &impl Executions;
}

/// Services in this process's memory.
#[derive(Debug, Default)]
pub struct MemoryServices {
    pub tables: MemoryTables,
    pub queues: MemoryQueues,
    pub executions: MemoryExecutions,
}

impl Services for MemoryServices {
    fn tables(&self) -> &impl Tables {
        &self.tables
    }

    fn queues(&self) -> &impl Queues {
        &self.queues
    }

    fn executions(&self) -> &impl Executions {
        &self.executions
    }
}
