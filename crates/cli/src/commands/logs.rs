//! `tidegate logs`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value, json};
use tidegate_operations::logs::{self, Line, Query, Tail};

use crate::age::parse_age;
use crate::args::Logs;
use crate::clock;
use crate::context::Context;
use crate::output::Output;

/// Between two reads with `--follow`. CloudWatch itself takes some seconds to show a line.
const FOLLOW: Duration = Duration::from_secs(1);

pub(super) async fn run(context: &Context, arguments: Logs) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let functions = logs::functions(&resources, &deployment.name, arguments.function.as_deref())?;
    let age = i64::try_from(parse_age(&arguments.since)?.as_millis()).unwrap_or(0);
    let term = arguments.trace.as_deref().map(|id| format!("\"{}\"", id.replace('"', "")));
    let pattern = arguments.filter.or(term);
    let query = Query { functions, since_millis: clock::epoch_millis() - age, pattern, text: arguments.trace };

    let output = context.output;
    if !arguments.follow {
        let lines = logs::read(&deployment.logs, &query).await?;
        output.document(&lines.iter().map(document).collect::<Vec<_>>())?;
        lines.iter().for_each(|line| output.line(text(line)));
        return Ok(ExitCode::SUCCESS);
    }
    let mut tail = Tail::new(query);
    while output.is_read() {
        for line in tail.read(&deployment.logs, clock::epoch_millis()).await? {
            show(output, &line)?;
        }
        tokio::time::sleep(FOLLOW).await;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(output: Output, line: &Line) -> Result<()> {
    output.line(text(line));
    output.record(&document(line))
}

fn document(line: &Line) -> Value {
    let message = serde_json::from_str(&line.text).unwrap_or_else(|_| Value::String(line.text.clone()));
    json!({"time": time(line), "function": line.function, "message": message})
}

fn time(line: &Line) -> String {
    jiff::Timestamp::from_millisecond(line.at_millis).map(|at| at.to_string()).unwrap_or_default()
}

/// One line for people: time, level, function, message, then the fields; what is not JSON as it is.
fn text(line: &Line) -> String {
    let time = time(line);
    let clock = time.get(11..23).or(time.get(11..)).unwrap_or(&time).trim_end_matches('Z');
    let Ok(Value::Object(mut fields)) = serde_json::from_str(&line.text) else {
        return printable(&format!("{clock:<12}       {}  {}", line.function, line.text));
    };
    fields.remove("timestamp");
    let level = take(&mut fields, "level").unwrap_or_default();
    let message = take(&mut fields, "message").unwrap_or_default();
    let mut rest = Vec::new();
    for (name, value) in &fields {
        // Metrics in embedded format describe themselves at length; their values stand beside.
        if name != "_aws" {
            flatten(name, value, &mut rest);
        }
    }
    printable(format!("{clock:<12} {level:<5} {}  {message}  {}", line.function, rest.join(" ")).trim_end())
}

fn take(fields: &mut Map<String, Value>, name: &str) -> Option<String> {
    fields.remove(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn flatten(name: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(inner) => inner.iter().for_each(|(name, value)| flatten(name, value, out)),
        Value::String(text) => out.push(format!("{name}={text}")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => out.push(format!("{name}={value}")),
    }
}

fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line {
            at_millis: 1_700_000_000_123,
            id: "1".to_owned(),
            function: "tidegate-health".to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_json_line_becomes_time_level_function_message_and_fields() {
        let json = r#"{"timestamp":"2023-11-14T22:13:20Z","level":"INFO","message":"checked","n":2,"span":{"request_id":"r-1"},"_aws":{"x":1}}"#;
        assert_eq!(text(&line(json)), "22:13:20.123 INFO  tidegate-health  checked  n=2 request_id=r-1");
    }

    #[test]
    fn a_line_of_the_platform_is_shown_as_it_is_but_cannot_steer_the_terminal() {
        assert_eq!(text(&line("START \u{1b}[2J")), "22:13:20.123       tidegate-health  START [2J");
    }
}
