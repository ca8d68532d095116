//! What a machine sends is what workers read: each state's message, filled in as Step Functions does, is a command of `tidegate-events`,
//! under its own id, in the queue of the service that carries it out.

use serde_json::{Map, Value};
use tidegate_events::Envelope;

use crate::machine::{Machine, State};

/// Violations of one machine, over what its states get to see: the execution's input, and an error where a catcher leaves it.
#[must_use]
pub fn violations(machine: &Machine, input: &Value) -> Vec<String> {
    let judged = |state: State<'_>| judge(state, input).map_err(|it| format!("{}: {}: {it}", machine.name, state.name));
    machine.states().filter(|it| it.waits_for_token()).filter_map(|it| judged(it).err()).collect()
}

fn judge(state: State<'_>, input: &Value) -> Result<(), String> {
    let message = filled(&state.body["Parameters"]["MessageBody"], input)?;
    let envelope = Envelope::from_json(message.to_string().as_bytes()).map_err(|it| it.to_string())?;
    let name = envelope.command.name().as_str();
    if name != state.name && !state.asks_a_person() {
        return Err(format!("sends {name}"));
    }
    if envelope.task_token.is_none() {
        return Err("sends no token".to_owned());
    }
    let queue = format!("${{{}QueueUrl}}", envelope.command.name().service());
    if state.body["Parameters"]["QueueUrl"] != queue {
        return Err(format!("{name} goes to {queue}"));
    }
    Ok(())
}

/// A payload template with its paths replaced by what they lead to.
fn filled(template: &Value, input: &Value) -> Result<Value, String> {
    let Value::Object(members) = template else { return Ok(template.clone()) };
    let mut object = Map::new();
    for (key, value) in members {
        match (key.strip_suffix(".$"), value.as_str()) {
            (Some(key), Some(path)) => object.insert(key.to_owned(), at(path, input)?),
            _ => object.insert(key.clone(), filled(value, input)?),
        };
    }
    Ok(Value::Object(object))
}

fn at(path: &str, input: &Value) -> Result<Value, String> {
    if path.starts_with("$$.") || path.starts_with("States.Format(") {
        // The context's: a token, or the command id, whose form `states` judges.
        return Ok("made/up".into());
    }
    let found = path.strip_prefix("$.").and_then(|it| it.split('.').try_fold(input, |value, member| value.get(member)));
    found.cloned().ok_or_else(|| format!("reads {path}, which is not there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const GOOD: &str = r#"{ "States": { "CancelOrder": {
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": { "QueueUrl": "${OrdersQueueUrl}", "MessageBody": {
            "command": "CancelOrder", "version": 1, "command_id.$": "States.Format('{}/CancelOrder', $$.Execution.Name)",
            "order_id.$": "$.order_id", "task_token.$": "$$.Task.Token", "data": { "reason.$": "$.error.Error" } } } } } }"#;

    fn found(text: &str) -> Vec<String> {
        let input = json!({ "order_id": "ord_1", "error": { "Error": "StockRejected" } });
        violations(&Machine::parse("m", text).unwrap(), &input)
    }

    #[test]
    fn a_command_that_its_worker_reads_passes() {
        assert_eq!(found(GOOD), Vec::<String>::new());
    }

    #[test]
    fn a_message_that_is_no_such_command_is_seen_and_named() {
        let cases = [
            (r#""version": 1"#, r#""version": 2"#, "of version 2"),
            (r#""command": "CancelOrder""#, r#""command": "ConfirmOrder""#, "sends ConfirmOrder"),
            (r#""command": "CancelOrder""#, r#""command": "MislayOrder""#, "not known"),
            (r#""reason.$": "$.error.Error""#, "", "not a command"),
            ("$.error.Error", "$.error.Name", "reads $.error.Name"),
            (r#""task_token.$": "$$.Task.Token", "#, "", "no token"),
            ("Orders", "Inventory", "goes to ${OrdersQueueUrl}"),
        ];
        for (good, bad, named) in cases {
            assert!(GOOD.contains(good), "{good}");
            let found = found(&GOOD.replacen(good, bad, 1));
            assert!(found.iter().any(|it| it.contains(named)), "{good} -> {bad}: {found:?}");
        }
    }
}
