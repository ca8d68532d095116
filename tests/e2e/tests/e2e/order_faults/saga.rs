//! Copies of a saga that do not wait for a quarter of an hour.
//!
//! A copy differs from the machine in `statemachines/` in two numbers only: states whose command will get no answer give up
//! after [`PATIENCE_SECS`] instead of 900 s, and pauses between attempts are a hundredth. The queues are put in as a template
//! would.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tidegate_events::{Saga, Service};

use crate::stack::{DEPLOYMENT, Stack};

/// How long a state waits that will get no answer. One that does get an answer, at a later attempt, has it in a fraction of it.
const PATIENCE_SECS: u64 = 1;
/// By how much pauses between attempts are shorter.
const FASTER: f64 = 100.0;

/// The states that give up soon.
pub(super) type Impatient = BTreeSet<&'static str>;

/// One state machine for each set of impatient states.
pub(super) struct Machines {
    arns: BTreeMap<Impatient, String>,
}

impl Machines {
    pub(super) async fn create(
        stack: &Stack,
        saga: Saga,
        queues: &BTreeMap<Service, String>,
        kinds: BTreeSet<Impatient>,
    ) -> Result<Self> {
        let file = stack.checkout.join(format!("statemachines/{}.asl.json", saga.name));
        let mut definition = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        for (service, url) in queues {
            definition = definition.replace(&format!("${{{service}QueueUrl}}"), url);
        }
        let definition: Value = serde_json::from_str(&definition)?;
        // Any role that there is: the emulator sends messages without asking for a right.
        let function = format!("{DEPLOYMENT}-health");
        let function = stack.lambda.get_function_configuration().function_name(function).send().await?;
        let role = function.role.context("a function without a role")?;
        let mut arns = BTreeMap::new();
        for (number, kind) in kinds.into_iter().enumerate() {
            let machine = stack
                .sfn
                .create_state_machine()
                .name(format!("{DEPLOYMENT}-faults-{number}"))
                .definition(hurried(&definition, &kind)?.to_string())
                .role_arn(&role);
            arns.insert(kind, machine.send().await?.state_machine_arn);
        }
        Ok(Self { arns })
    }

    pub(super) fn arn(&self, kind: &Impatient) -> Result<&str> {
        self.arns.get(kind).map(String::as_str).context("no such state machine was made")
    }

    pub(super) async fn delete(&self, stack: &Stack) -> Result<()> {
        for arn in self.arns.values() {
            stack.sfn.delete_state_machine().state_machine_arn(arn).send().await?;
        }
        Ok(())
    }
}

fn hurried(definition: &Value, impatient: &Impatient) -> Result<Value> {
    let mut definition = definition.clone();
    let states = definition["States"].as_object_mut().context("a saga without states")?;
    for name in impatient {
        let state = states.get_mut(*name).with_context(|| format!("the saga has no state {name}"))?;
        state["TimeoutSeconds"] = PATIENCE_SECS.into();
    }
    for retrier in states.values_mut().filter_map(|it| it.get_mut("Retry")?.as_array_mut()).flatten() {
        if let Some(secs) = retrier["IntervalSeconds"].as_f64() {
            retrier["IntervalSeconds"] = (secs / FASTER).into();
        }
    }
    Ok(definition)
}
