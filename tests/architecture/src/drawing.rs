//! A saga as a page of the documentation: its machine drawn, and its table. `make diagrams` writes it, and a test holds that it is
//! current.

use tidegate_events::{CommandName, Saga};

use crate::machine::{Machine, State, file_of, names};

/// The page.
#[must_use]
pub fn page(machine: &Machine, saga: Saga) -> String {
    let name = saga.name;
    let comment = machine.root["Comment"].as_str().unwrap_or_default();
    let table: String = saga.steps().map(row).collect();
    format!(
        "# {name}

{comment}

Drawn by `make diagrams` from [its machine](../statemachines/{file}) and the table of commands
(`crates/events/src/command.rs`).

- A plain arrow is the way on, or one that a refusal takes: the step has done nothing, and what came before it is undone.
- A dotted arrow is taken after everything else that goes wrong: the step may have been done, and is undone as well.
- A compensation (rounded) is tried again by itself, then waits for a person, who has it tried again or resolves it.

```mermaid
{drawing}```

| step | service | may be refused with | undone by |
|---|---|---|---|
{table}",
        file = file_of(saga),
        drawing = drawing(machine, saga),
    )
}

fn row(step: CommandName) -> String {
    let refusals: Vec<_> = step.refusals().iter().map(|refusal| format!("`{refusal}`")).collect();
    let undone_by = step.undone_by().map_or("-", CommandName::as_str);
    format!("| {step} | {} | {} | {undone_by} |\n", step.service(), refusals.join(", "))
}

/// The machine as a Mermaid flowchart: its steps, what undoes them, and its ends. States that ask a person are left out.
#[must_use]
pub fn drawing(machine: &Machine, saga: Saga) -> String {
    let mut lines = vec!["flowchart TB".to_owned()];
    lines.extend(saga.compensations().iter().map(|name| format!("  {name}({name})")));
    lines.extend(
        machine.states().filter(|state| state.succeeds()).map(|State { name, .. }| format!("  {name}([{name}])")),
    );
    let names = saga.steps().chain(saga.compensations()).map(CommandName::as_str);
    lines.extend(names.filter_map(|name| machine.state(name)).flat_map(|state| arrows(machine, state)));
    lines.push(String::new());
    lines.join("\n")
}

fn arrows(machine: &Machine, state: State<'_>) -> Vec<String> {
    let from = state.name;
    let ahead = match state.body["Next"].as_str() {
        Some(next) => format!("  {from} --> {next}"),
        None => format!("  {from} --> {from}End([{}])", if state.is_step() { "done" } else { "undone" }),
    };
    let caught = state.handlers("Catch").filter_map(|catcher| {
        let to = machine.state(catcher["Next"].as_str()?).filter(|to| !to.asks_a_person())?.name;
        let errors: Vec<_> = names(catcher).collect();
        match errors.as_slice() {
            ["States.ALL"] => Some(format!("  {from} -.-> {to}")),
            // Stands beside the catch-all and leads where it does.
            [one] if one.starts_with("States.") => None,
            errors => Some(format!("  {from} -- {} --> {to}", errors.join(", "))),
        }
    });
    std::iter::once(ahead).chain(caught).collect()
}
