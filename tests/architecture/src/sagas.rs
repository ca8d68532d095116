//! What makes a machine a saga: whatever goes wrong, everything that may have happened is undone, in reverse, and no way skips one.
//!
//! The machine is compared with the table of commands (`tidegate_events::Role`): which state is a step, what undoes it, and which errors
//! mean that it has done nothing.

use serde_json::Value;
use tidegate_events::{CommandName, ErrorName, Role, Saga};

use crate::machine::{Machine, State, names};

/// Violations of one saga's machine.
#[must_use]
pub fn violations(machine: &Machine, saga: Saga) -> Vec<String> {
    let mut found = Vec::new();
    let straight = machine.straight_path();
    if !straight.iter().copied().eq(saga.steps().map(CommandName::as_str)) {
        found.push(format!("the straight path is {}", straight.join(", ")));
    }
    for step in saga.steps() {
        match machine.state(step.as_str()) {
            Some(state) => judge_step(machine, saga, step, state, &mut found),
            None => found.push(format!("{step} is missing")),
        }
    }
    for compensation in saga.compensations() {
        match machine.state(compensation.as_str()) {
            Some(state) => judge_compensation(machine, state, &mut found),
            None => found.push(format!("{compensation} is missing")),
        }
    }
    let known = |name: CommandName| saga.steps().chain(saga.compensations()).any(|known| known == name);
    for state in machine.states() {
        if !state.asks_a_person() && state.command_name().is_some_and(|name| !known(name)) {
            found.push(format!("{} is neither a step nor a compensation in the table of commands", state.name));
        }
    }
    found.iter().map(|problem| format!("{}: {problem}", machine.name)).collect()
}

fn words(refusals: &[ErrorName]) -> Vec<&'static str> {
    refusals.iter().map(|refusal| refusal.as_str()).collect()
}

fn judge_step(machine: &Machine, saga: Saga, step: CommandName, state: State<'_>, found: &mut Vec<String>) {
    let refusals = words(step.refusals());
    let caught: Vec<&str> = state.handlers("Catch").flat_map(names).collect();
    for refusal in refusals.iter().filter(|refusal| !caught.contains(refusal)) {
        found.push(format!("{step}: {refusal} is not caught"));
    }
    for catcher in state.handlers("Catch") {
        let is_refusal = names(catcher).all(|name| refusals.contains(&name));
        for name in names(catcher).filter(|name| !name.contains('.') && !refusals.contains(name)) {
            found.push(format!("{step}: {name} is nothing that it is refused with"));
        }
        let due = if is_refusal { saga.due_before(step) } else { saga.due_after(step) };
        let mut path = Vec::new();
        for missed in ways_that_miss(machine, catcher["Next"].as_str().unwrap_or_default(), &due, &mut path) {
            found.push(format!("{step}: after {} {missed}", catcher["ErrorEquals"]));
        }
    }
}

/// The ways from a state to an end that do not pass all that is due, in its order. A way that comes back to itself is a person's retry, and
/// is left out; so is one to the end of a saga whose step stands.
fn ways_that_miss<'m>(machine: &'m Machine, at: &'m str, due: &[CommandName], path: &mut Vec<&'m str>) -> Vec<String> {
    let Some(state) = machine.state(at) else { return vec![format!("there is no way on at {at:?}")] };
    path.push(state.name);
    let mut missed = Vec::new();
    let mut ahead = state.transitions().peekable();
    if ahead.peek().is_none() || state.body["End"] == true {
        let mut passed = path.iter();
        if let Some(skipped) = due.iter().find(|compensation| !passed.any(|state| *state == compensation.as_str())) {
            missed.push(format!("{} skips {skipped}", path.join(", ")));
        }
    }
    let refused = state.command_name().map(|name| words(name.refusals())).unwrap_or_default();
    for transition in ahead {
        let stands = machine.state(transition.to).is_some_and(State::succeeds)
            && transition.errors.is_some_and(|errors| *errors == serde_json::json!(refused));
        if !stands && !path.contains(&transition.to) {
            missed.extend(ways_that_miss(machine, transition.to, due, path));
        }
    }
    path.pop();
    missed
}

/// A compensation tries again by itself, then waits for a person, who has it tried again or has undone it by hand.
fn judge_compensation(machine: &Machine, state: State<'_>, found: &mut Vec<String>) {
    let mut complain = |problem: String| found.push(format!("{}: {problem}", state.name));
    if !state.command_name().is_some_and(|name| matches!(name.role(), Role::Compensation { .. })) {
        complain("is no compensation in the table of commands".to_owned());
    }
    if state.catch_all("Retry").is_none_or(|retrier| retrier["MaxAttempts"] == 0) {
        complain("is not tried again".to_owned());
    }
    let parks = state.catch_all("Catch").and_then(|catcher| machine.state(catcher["Next"].as_str()?));
    let Some(park) = parks.filter(|park| park.asks_a_person()) else {
        return complain("does not wait for a person when it fails".to_owned());
    };
    if park.body["Parameters"]["MessageBody"]["data"]["step"] != state.name {
        complain(format!("{} asks about another step", park.name));
    }
    let goes_on = park.body["Next"] == state.body["Next"] && park.body["End"] == state.body["End"];
    if !goes_on && park.body["Next"] != state.name {
        complain(format!("{} leads elsewhere than it does", park.name));
    }
    let refused = park.command_name().map(|name| words(name.refusals())).unwrap_or_default();
    let retried = |catcher: &Value| names(catcher).eq(refused.iter().copied()) && catcher["Next"] == state.name;
    if !park.handlers("Catch").any(retried) {
        complain(format!("{} cannot have it tried again", park.name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tidegate_events::ORDER_SAGA;

    /// The order saga itself, broken in one place.
    fn broken(pointer: &str, value: Value) -> Vec<String> {
        let text = include_str!("../../../statemachines/order-saga.asl.json");
        let mut machine = Machine::parse("order-saga.asl.json", text).unwrap();
        *machine.root.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
        violations(&machine, ORDER_SAGA)
    }

    #[test]
    fn every_step_is_undone_with_all_before_it_in_reverse() {
        use CommandName::*;
        assert_eq!(ORDER_SAGA.due_before(ReserveStock), [CancelOrder]);
        assert_eq!(ORDER_SAGA.due_after(AuthorisePayment), [UndoPayment, ReleaseStock, CancelOrder]);
        assert_eq!(ORDER_SAGA.due_after(CapturePayment), [CancelShipment, UndoPayment, ReleaseStock, CancelOrder]);
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
            ("/States/ParkUndoPayment/Parameters/MessageBody/command", json!("StopPayment"), "neither a step"),
        ];
        for (pointer, value, named) in cases {
            let found = broken(pointer, value.clone());
            assert!(found.iter().any(|violation| violation.contains(named)), "{pointer} = {value}: {found:?}");
        }
    }
}
