//! State machines as they stand in `statemachines/`: JSON in Amazon's States Language, whose states and transitions rules look at.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tidegate_events::{CommandName, Role, Saga};

/// A state machine, read.
#[derive(Debug)]
pub struct Machine {
    /// The file's name, for messages.
    pub name: String,
    pub root: Value,
}

#[derive(Clone, Copy, Debug)]
pub struct State<'m> {
    pub name: &'m str,
    pub body: &'m Value,
}

/// A way from one state to another.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'m> {
    /// The state that follows.
    pub to: &'m str,
    /// The names that a catcher takes it for; none when it is no catcher's.
    pub errors: Option<&'m Value>,
}

/// All machines of a folder, by name.
///
/// # Errors
/// When the folder or a machine cannot be read, or there is none.
pub fn read_all(folder: &Path) -> Result<Vec<Machine>> {
    let mut machines = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".asl.json") {
            machines.insert(name.clone(), Machine::parse(&name, &fs::read_to_string(&path)?)?);
        }
    }
    ensure!(!machines.is_empty(), "no state machines in {}", folder.display());
    Ok(machines.into_values().collect())
}

/// The file of a saga's machine.
#[must_use]
pub fn file_of(saga: Saga) -> String {
    format!("{}.asl.json", saga.name)
}

impl Machine {
    /// Reads a machine's text.
    ///
    /// # Errors
    /// When it is not JSON.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        Ok(Self { name: name.to_owned(), root: serde_json::from_str(text).with_context(|| name.to_owned())? })
    }

    pub fn states(&self) -> impl Iterator<Item = State<'_>> {
        self.root["States"].as_object().into_iter().flatten().map(|(name, body)| State { name, body })
    }

    #[must_use]
    pub fn state(&self, name: &str) -> Option<State<'_>> {
        self.states().find(|state| state.name == name)
    }

    /// The states that an execution goes through when nothing goes wrong; a Choice ends it, because it has no one way on.
    #[must_use]
    pub fn straight_path(&self) -> Vec<&str> {
        let mut path: Vec<&str> = Vec::new();
        let mut at = self.root["StartAt"].as_str();
        while let Some(state) = at.and_then(|name| self.state(name)).filter(|state| !path.contains(&state.name)) {
            path.push(state.name);
            at = state.body["Next"].as_str();
        }
        path
    }
}

impl<'m> State<'m> {
    /// Whether it has something done.
    #[must_use]
    pub fn is_task(self) -> bool {
        self.body["Type"] == "Task"
    }

    /// Whether it waits for an answer to its task token.
    #[must_use]
    pub fn waits_for_token(self) -> bool {
        self.body["Resource"].as_str().is_some_and(|resource| resource.ends_with(".waitForTaskToken"))
    }

    /// The command that it sends, if there is such a command.
    #[must_use]
    pub fn command_name(self) -> Option<CommandName> {
        self.body["Parameters"]["MessageBody"]["command"].as_str()?.parse().ok()
    }

    /// Whether it does something that can be undone.
    #[must_use]
    pub fn is_step(self) -> bool {
        self.command_name().is_some_and(|name| name.undone_by().is_some())
    }

    /// Whether a person answers: what follows is a person's decision, and so no cycle that runs by itself.
    #[must_use]
    pub fn asks_a_person(self) -> bool {
        self.command_name().is_some_and(|name| name.role() == Role::Park)
    }

    /// Whether it ends an execution well.
    #[must_use]
    pub fn succeeds(self) -> bool {
        self.body["Type"] == "Succeed"
    }

    /// Its catchers or retriers, in their order.
    pub fn handlers(self, kind: &str) -> impl Iterator<Item = &'m Value> {
        self.body[kind].as_array().into_iter().flatten()
    }

    /// The catcher or retrier of everything that no other takes.
    #[must_use]
    pub fn catch_all(self, kind: &str) -> Option<&'m Value> {
        self.handlers(kind).find(|handler| names(handler).eq(["States.ALL"]))
    }

    /// Where it leads.
    pub fn transitions(self) -> impl Iterator<Item = Transition<'m>> {
        let choices = self.handlers("Choices").map(|choice| (&choice["Next"], None));
        let catchers = self.handlers("Catch").map(|catcher| (&catcher["Next"], Some(&catcher["ErrorEquals"])));
        let plain = [(&self.body["Next"], None), (&self.body["Default"], None)];
        let all = plain.into_iter().chain(choices).chain(catchers);
        all.filter_map(|(to, errors)| Some(Transition { to: to.as_str()?, errors }))
    }
}

/// The names that a catcher or retrier is for.
pub fn names(handler: &Value) -> impl Iterator<Item = &str> {
    handler["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str)
}
