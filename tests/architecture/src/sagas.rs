//! What makes a machine a saga: whatever goes wrong, everything that may have happened is undone, in reverse, and no way skips one.
//!
//! Which state undoes which stands here a second time, apart from the machine: that is what the machine is compared with. Which errors
//! say that a step has done nothing is known from its command.

use serde_json::Value;
use tidegate_events::CommandName;

use crate::machine::{Machine, State, names};

/// What a saga does and how it is undone.
#[derive(Clone, Copy, Debug)]
pub struct Saga {
    /// The machine's file.
    pub machine: &'static str,
    /// Its steps, in their order.
    pub steps: &'static [Step],
    /// What ends every saga that was undone.
    pub last: &'static str,
    /// The error by which a compensation says that its step stands, so that nothing is undone, and the state it leads to.
    pub stands: (&'static str, &'static str),
    /// The error by which a person has a compensation tried again.
    pub again: &'static str,
}

/// One step of a saga.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The state that does it.
    pub state: &'static str,
    /// The state that undoes it, also when it is not known whether it happened.
    pub undone_by: &'static str,
}

/// The order saga (docs/decisions/0019).
pub const ORDER: Saga = Saga {
    machine: "order-saga.asl.json",
    steps: &[
        Step { state: "ReserveStock", undone_by: "ReleaseStock" },
        Step { state: "AuthorisePayment", undone_by: "UndoPayment" },
        Step { state: "CreateShipment", undone_by: "CancelShipment" },
        Step { state: "CapturePayment", undone_by: "UndoPayment" },
        Step { state: "ConfirmOrder", undone_by: "WithdrawConfirmation" },
    ],
    last: "CancelOrder",
    stands: ("AlreadyConfirmed", "Confirmed"),
    again: "RetryCompensation",
};

impl Step {
    /// Errors by which its worker says that nothing was done.
    fn refusals(&self) -> Vec<&'static str> {
        let command: Option<CommandName> = self.state.parse().ok();
        command.into_iter().flat_map(|it| it.refusals()).map(|it| it.as_str()).collect()
    }
}

impl Saga {
    /// What has to be undone when the first steps may have happened: in reverse, each once, at the last place where it is due.
    fn compensations(&self, steps: usize) -> Vec<&'static str> {
        let mut due: Vec<&str> = Vec::new();
        for step in &self.steps[..steps] {
            // In the order of the steps, so the first mention of one is its last place in reverse.
            if !due.contains(&step.undone_by) {
                due.push(step.undone_by);
            }
        }
        due.reverse();
        due.push(self.last);
        due
    }
}

/// Violations of one saga's machine.
#[must_use]
pub fn violations(machine: &Machine, saga: &Saga) -> Vec<String> {
    let mut found = Vec::new();
    let straight = machine.straight_path();
    if !straight.iter().eq(saga.steps.iter().map(|step| &step.state)) {
        found.push(format!("the straight path is {}", straight.join(", ")));
    }
    for (position, step) in saga.steps.iter().enumerate() {
        match machine.state(step.state) {
            Some(state) => judge_step(machine, saga, position, state, &mut found),
            None => found.push(format!("{} is missing", step.state)),
        }
    }
    for name in saga.compensations(saga.steps.len()) {
        match machine.state(name) {
            Some(state) => judge_compensation(machine, saga, state, &mut found),
            None => found.push(format!("{name} is missing")),
        }
    }
    found.iter().map(|problem| format!("{}: {problem}", machine.name)).collect()
}

fn judge_step(machine: &Machine, saga: &Saga, position: usize, state: State<'_>, found: &mut Vec<String>) {
    let step = &saga.steps[position];
    let refusals = step.refusals();
    let caught: Vec<&str> = state.handlers("Catch").flat_map(names).collect();
    for refusal in refusals.iter().filter(|it| !caught.contains(it)) {
        found.push(format!("{}: {refusal} is not caught", step.state));
    }
    for catcher in state.handlers("Catch") {
        let is_refusal = names(catcher).all(|name| refusals.contains(&name));
        for name in names(catcher).filter(|name| !name.contains('.') && !refusals.contains(name)) {
            found.push(format!("{}: {name} is nothing that it is refused with", step.state));
        }
        let due = saga.compensations(if is_refusal { position } else { position + 1 });
        let mut path = Vec::new();
        for missed in ways_that_miss(machine, saga, catcher["Next"].as_str().unwrap_or_default(), &due, &mut path) {
            found.push(format!("{}: after {} {missed}", step.state, catcher["ErrorEquals"]));
        }
    }
}

/// The ways from a state to an end that do not pass all that is due, in its order. A way that comes back to itself is a person's retry, and
/// is left out; so is one to the end of a saga that stands.
fn ways_that_miss<'m>(
    machine: &'m Machine,
    saga: &Saga,
    at: &'m str,
    due: &[&str],
    path: &mut Vec<&'m str>,
) -> Vec<String> {
    let Some(state) = machine.state(at) else { return vec![format!("there is no way on at {at:?}")] };
    path.push(state.name);
    let mut missed = Vec::new();
    let mut ahead = state.transitions().peekable();
    if ahead.peek().is_none() || state.body["End"] == true {
        let mut passed = path.iter();
        if let Some(skipped) = due.iter().find(|compensation| !passed.any(|it| it == *compensation)) {
            missed.push(format!("{} skips {skipped}", path.join(", ")));
        }
    }
    for transition in ahead {
        let stands = transition.to == saga.stands.1
            && transition.errors.is_some_and(|errors| *errors == serde_json::json!([saga.stands.0]));
        if !stands && !path.contains(&transition.to) {
            missed.extend(ways_that_miss(machine, saga, transition.to, due, path));
        }
    }
    path.pop();
    missed
}

/// A compensation tries again by itself, then waits for a person, who has it tried again or has seen to it.
fn judge_compensation(machine: &Machine, saga: &Saga, state: State<'_>, found: &mut Vec<String>) {
    let mut complain = |problem: String| found.push(format!("{}: {problem}", state.name));
    if state.catch_all("Retry").is_none_or(|retrier| retrier["MaxAttempts"] == 0) {
        complain("is not tried again".to_owned());
    }
    let parks = state.catch_all("Catch").and_then(|it| machine.state(it["Next"].as_str()?));
    let Some(park) = parks.filter(|it| it.asks_a_person()) else {
        return complain("does not wait for a person when it fails".to_owned());
    };
    if park.body["Parameters"]["MessageBody"]["data"]["step"] != state.name {
        complain(format!("{} asks about another step", park.name));
    }
    let goes_on = park.body["Next"] == state.body["Next"] && park.body["End"] == state.body["End"];
    if !goes_on && park.body["Next"] != state.name {
        complain(format!("{} leads elsewhere than it does", park.name));
    }
    let retried = |it: &Value| names(it).eq([saga.again]) && it["Next"] == state.name;
    if !park.handlers("Catch").any(retried) {
        complain(format!("{} cannot have it tried again", park.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The order saga itself, broken in one place.
    fn broken(pointer: &str, value: Value) -> Vec<String> {
        let text = include_str!("../../../statemachines/order-saga.asl.json");
        let mut machine = Machine::parse(ORDER.machine, text).unwrap();
        *machine.root.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        violations(&machine, &ORDER)
    }

    #[test]
    fn every_step_is_undone_with_all_before_it_in_reverse() {
        assert_eq!(ORDER.compensations(0), ["CancelOrder"]);
        assert_eq!(ORDER.compensations(2), ["UndoPayment", "ReleaseStock", "CancelOrder"]);
        assert_eq!(ORDER.compensations(4), ["CancelShipment", "UndoPayment", "ReleaseStock", "CancelOrder"]);
    }

    #[test]
    fn each_way_around_a_compensation_is_seen_and_named() {
        let cases = [
            ("/States/ReserveStock/Catch/2/Next", json!("CancelOrder"), "skips ReleaseStock"),
            ("/States/AuthorisePayment/Catch/0/Next", json!("CancelOrder"), "skips ReleaseStock"),
            ("/States/AuthorisePayment/Catch/2/Next", json!("ReleaseStock"), "skips UndoPayment"),
            ("/States/CreateShipment/Catch/1/Next", json!("UndoPayment"), "skips CancelShipment"),
            ("/States/CapturePayment/Catch/0/Next", json!("UndoPayment"), "skips CancelShipment"),
            ("/States/ConfirmOrder/Catch/2/Next", json!("CancelShipment"), "skips WithdrawConfirmation"),
            ("/States/UndoPayment/Next", json!("CancelOrder"), "skips ReleaseStock"),
            ("/States/UndoPayment/Catch/1/Next", json!("ReleaseStock"), "does not wait for a person"),
            ("/States/ParkUndoPayment/Next", json!("CancelOrder"), "leads elsewhere"),
            ("/States/ParkUndoPayment/Catch/0/Next", json!("ReleaseStock"), "cannot have it tried again"),
            ("/States/ParkUndoPayment/Parameters/MessageBody/data/step", json!("ReleaseStock"), "another step"),
            ("/States/ReleaseStock/Retry", json!([]), "is not tried again"),
            ("/States/ReleaseStock/Catch/1/Next", json!("Confirmed"), "skips CancelOrder"),
            ("/States/WithdrawConfirmation/Catch/0/ErrorEquals", json!(["PermanentFailure"]), "skips CancelShipment"),
            ("/States/ReserveStock/Catch/0/ErrorEquals", json!(["StockRejected"]), "Compensated is not caught"),
            ("/States/ReserveStock/Catch/0/ErrorEquals/0", json!("PaymentDeclined"), "nothing that it is refused with"),
            ("/States/ReserveStock/Next", json!("CreateShipment"), "the straight path is"),
            ("/States/CancelShipment/Next", json!("Nowhere"), "no way on"),
        ];
        for (pointer, value, named) in cases {
            let found = broken(pointer, value.clone());
            assert!(found.iter().any(|it| it.contains(named)), "{pointer} = {value}: {found:?}");
        }
    }
}
