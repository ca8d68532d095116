//! What holds of every state of every machine: nothing waits for ever, no error goes uncaught or overwrites what the machine knows, and
//! nothing goes round in circles by itself.
//!
//! Sources: [Error names](https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html) and
//! [callbacks with a token](https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::machine::{Machine, State, names};

/// The catch-all does not take this one: an answer that is too large.
const TOO_LARGE: &str = "States.DataLimitExceeded";
/// What is not JSONPath without variables, which independent interpreters understand.
const FOREIGN: &[&str] = &["Arguments", "Assign", "Output", "QueryLanguage"];

/// Violations of one machine.
#[must_use]
pub fn violations(machine: &Machine) -> Vec<String> {
    let mut found = Vec::new();
    for state in machine.states() {
        let mut complain = |problem: String| found.push(format!("{}: {}: {problem}", machine.name, state.name));
        if state.is_task() {
            judge_task(state, &mut complain);
        }
        judge_catchers(state, &mut complain);
        judge_retriers(state, &mut complain);
        if state.body["Type"] == "Choice" {
            judge_choice(state, &mut complain);
        }
        for key in FOREIGN.iter().filter(|key| !state.body[**key].is_null()) {
            complain(format!("`{key}` is not JSONPath without variables"));
        }
        judge_addresses(state.body, &mut complain);
    }
    if let Some(cycle) = cycle(machine) {
        found.push(format!("{}: goes round without a person: {}", machine.name, cycle.join(" -> ")));
    }
    found
}

/// Error names that a machine handles and no worker raises, and the other way round. Those of Step Functions and of the services that it
/// calls are not ours.
#[must_use]
pub fn error_violations(machines: &[Machine], raised: &[&str]) -> Vec<String> {
    let handled: BTreeSet<&str> = machines
        .iter()
        .flat_map(Machine::states)
        .flat_map(|state| state.handlers("Catch").chain(state.handlers("Retry")))
        .flat_map(names)
        .filter(|name| !name.contains('.'))
        .collect();
    let raised: BTreeSet<&str> = raised.iter().copied().collect();
    let unraised = handled.difference(&raised).map(|name| format!("{name} is handled, and no worker raises it"));
    let unhandled =
        raised.difference(&handled).map(|name| format!("{name} is raised, and no machine handles it by name"));
    unraised.chain(unhandled).collect()
}

fn judge_task(state: State<'_>, complain: &mut impl FnMut(String)) {
    let timeout = state.body["TimeoutSeconds"].as_u64();
    if timeout.is_none() {
        complain("has no timeout".to_owned());
    }
    if state.waits_for_token() {
        match state.body["HeartbeatSeconds"].as_u64() {
            None => complain("waits for a token without a heartbeat".to_owned()),
            Some(heartbeat) if timeout.is_some_and(|timeout| timeout <= heartbeat) => {
                complain("its heartbeat is not shorter than its timeout".to_owned());
            }
            Some(_) => {}
        }
        let message = &state.body["Parameters"]["MessageBody"];
        if message["task_token.$"] != "$$.Task.Token" {
            complain("waits for a token that it does not send".to_owned());
        }
        if message["command_id.$"] != format!("States.Format('{{}}/{}', $$.Execution.Name)", state.name) {
            complain("its command id is not its own".to_owned());
        }
    }
    if state.asks_a_person() {
        if state.handlers("Catch").flat_map(names).any(|name| name.starts_with("States.")) {
            complain("goes on without the person that it asks".to_owned());
        }
        if state.catch_all("Retry").is_none() {
            complain("does not ask again when no answer comes".to_owned());
        }
    } else if state.catch_all("Catch").is_none() {
        complain("has no catch-all".to_owned());
    }
}

fn judge_catchers(state: State<'_>, complain: &mut impl FnMut(String)) {
    let catchers: Vec<&Value> = state.handlers("Catch").collect();
    for catcher in &catchers {
        // `$` and no path at all both replace what the machine knows by the error.
        if !catcher["ResultPath"].as_str().is_some_and(|path| path.starts_with("$.")) {
            complain("a catcher without a result path".to_owned());
        }
    }
    if let Some(catch_all) = state.catch_all("Catch") {
        if catchers.last().is_none_or(|last| !names(last).eq(["States.ALL"])) {
            complain("its catch-all is not the last catcher".to_owned());
        }
        if !catchers.iter().any(|catcher| names(catcher).eq([TOO_LARGE]) && catcher["Next"] == catch_all["Next"]) {
            complain(format!("{TOO_LARGE} has no catcher of its own that leads where the catch-all does"));
        }
    }
}

fn judge_retriers(state: State<'_>, complain: &mut impl FnMut(String)) {
    for retrier in state.handlers("Retry") {
        match retrier["MaxAttempts"].as_u64() {
            None => complain("a retrier does not say how often".to_owned()),
            Some(0) => {}
            Some(_) if retrier["MaxDelaySeconds"].is_null() || retrier["JitterStrategy"] != "FULL" => {
                complain("a retrier without a longest delay and full jitter".to_owned());
            }
            Some(_) => {}
        }
    }
}

fn judge_choice(state: State<'_>, complain: &mut impl FnMut(String)) {
    if state.body["Default"].is_null() {
        complain("a choice without a default".to_owned());
    }
    for rule in state.handlers("Choices") {
        judge_rule(rule, &mut Vec::new(), complain);
    }
}

/// A comparison of what is not there fails the execution on AWS, so that something before it in the same `And` has to make sure.
fn judge_rule<'m>(rule: &'m Value, present: &mut Vec<&'m Value>, complain: &mut impl FnMut(String)) {
    for part in rule["And"].as_array().into_iter().flatten() {
        judge_rule(part, present, complain);
    }
    for part in rule["Or"].as_array().into_iter().flatten().chain(rule.get("Not")) {
        judge_rule(part, &mut present.clone(), complain);
    }
    let Some(variable) = rule.get("Variable") else { return };
    match rule.get("IsPresent") {
        Some(Value::Bool(true)) => present.push(variable),
        Some(_) => {}
        None if present.contains(&variable) => {}
        None => complain(format!("compares {variable} without `IsPresent` before it")),
    }
}

/// What is deployed is named by substitutions, so that one file serves every deployment.
fn judge_addresses(body: &Value, complain: &mut impl FnMut(String)) {
    match body {
        Value::String(text) if names_deployment(text) => {
            complain(format!("names {text}: use a definition substitution"));
        }
        Value::Array(items) => items.iter().for_each(|item| judge_addresses(item, complain)),
        Value::Object(members) => members.values().for_each(|value| judge_addresses(value, complain)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The only ARNs that belong to no account are those of Step Functions' own integrations.
fn names_deployment(text: &str) -> bool {
    text.contains("://") || (text.contains("arn:") && !text.starts_with("arn:aws:states:::"))
}

/// The states of a way that comes back to where it was, without a person in between.
fn cycle(machine: &Machine) -> Option<Vec<&str>> {
    machine.states().find_map(|state| returning(machine, state, &mut Vec::new()))
}

fn returning<'m>(machine: &'m Machine, state: State<'m>, path: &mut Vec<&'m str>) -> Option<Vec<&'m str>> {
    if state.asks_a_person() {
        return None;
    }
    path.push(state.name);
    for transition in state.transitions() {
        if path.first() == Some(&transition.to) {
            path.push(transition.to);
            return Some(path.clone());
        }
        if !path.contains(&transition.to)
            && let Some(next) = machine.state(transition.to)
            && let Some(found) = returning(machine, next, path)
        {
            return Some(found);
        }
    }
    path.pop();
    None
}

#[cfg(test)]
#[path = "states_tests.rs"]
mod tests;
