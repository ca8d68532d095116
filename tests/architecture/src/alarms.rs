//! Nothing fails unseen: every function, every queue, every stream and every workflow has its alarms, and an alarm tells somebody.

use serde_json::Value;

use crate::functions::is_function;
use crate::queues::is_dead_letter_queue;
use crate::streams::stream_mappings;
use crate::template::Template;

/// Violations over all templates together, because alarms stand apart from what they watch. An alarm and what it watches must write the name
/// the same way.
#[must_use]
pub fn violations(templates: &[Template]) -> Vec<String> {
    let alarms: Vec<&Value> =
        templates.iter().flat_map(|it| it.of_kind("AWS::CloudWatch::Alarm")).map(|alarm| alarm.properties).collect();
    let mut found = Vec::new();
    for template in templates {
        for resource in template.resources() {
            let wanted: &[(&str, &str)] = if is_function(resource) {
                &[("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles")]
            } else if resource.kind != "AWS::SQS::Queue" {
                &[]
            } else if is_dead_letter_queue(template, resource) {
                &[("AWS/SQS", "ApproximateNumberOfMessagesVisible")]
            } else {
                &[("AWS/SQS", "ApproximateAgeOfOldestMessage")]
            };
            let name = if is_function(resource) {
                &resource.properties["FunctionName"]
            } else {
                &resource.properties["QueueName"]
            };
            for (namespace, metric) in wanted {
                if !alarms.iter().any(|alarm| watches(alarm, namespace, metric, name)) {
                    found.push(format!("{}: {}: no alarm on {metric}", template.name, resource.id));
                }
            }
        }
        for workflow in template.of_kind("AWS::Serverless::StateMachine") {
            for metric in ["ExecutionsFailed", "ExecutionsTimedOut"] {
                if !alarms.iter().any(|alarm| watches_workflow(alarm, metric, &workflow.properties["Name"])) {
                    found.push(format!("{}: {}: no alarm on {metric}", template.name, workflow.id));
                }
            }
        }
        for mapping in stream_mappings(template) {
            let function = &mapping.properties["FunctionName"];
            let function = templates.iter().find_map(|it| it.exported(function)).or_else(|| template.target(function));
            let name = function.map_or(&Value::Null, |function| &function.properties["FunctionName"]);
            if !alarms.iter().any(|alarm| watches(alarm, "AWS/Lambda", "IteratorAge", name)) {
                found.push(format!("{}: {}: no alarm on IteratorAge", template.name, mapping.id));
            }
        }
        for alarm in template.of_kind("AWS::CloudWatch::Alarm") {
            for (property, problem) in
                [("AlarmActions", "tells nobody"), ("AlarmDescription", "does not say what to do")]
            {
                if alarm.properties[property].is_null() {
                    found.push(format!("{}: {}: {problem}", template.name, alarm.id));
                }
            }
        }
    }
    found
}

fn watches(alarm: &Value, namespace: &str, metric: &str, name: &Value) -> bool {
    alarm["Namespace"] == namespace
        && alarm["MetricName"] == metric
        && !name.is_null()
        && alarm["Dimensions"].as_array().is_some_and(|dimensions| dimensions.iter().any(|it| it["Value"] == *name))
}

/// A workflow is watched by its ARN, which is written out, because alarms stand apart.
fn watches_workflow(alarm: &Value, metric: &str, name: &Value) -> bool {
    let Some(name) = name["Fn::Sub"].as_str() else { return false };
    let names_it =
        |it: &Value| it["Fn::Sub"].as_str().is_some_and(|arn| arn.ends_with(&format!(":stateMachine:{name}")));
    alarm["Namespace"] == "AWS/States"
        && alarm["MetricName"] == metric
        && alarm["Dimensions"].as_array().is_some_and(|dimensions| dimensions.iter().any(|it| names_it(&it["Value"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WATCHED: &str = r#"
Resources:
  F: { Type: "AWS::Serverless::Function", Properties: { FunctionName: !Sub "${D}-f" } }
  Q:
    Type: AWS::SQS::Queue
    Properties: { QueueName: !Sub "${D}-q", RedrivePolicy: { deadLetterTargetArn: !GetAtt L.Arn } }
  L: { Type: "AWS::SQS::Queue", Properties: { QueueName: !Sub "${D}-l" } }
  T: { Type: "AWS::DynamoDB::Table" }
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { FunctionName: !ImportValue { "Fn::Sub": "${D}-F" }, EventSourceArn: !GetAtt T.StreamArn }
  W: { Type: "AWS::Serverless::StateMachine", Properties: { Name: !Sub "${D}-w" } }
Outputs:
  FArn: { Value: !GetAtt F.Arn, Export: { Name: !Sub "${D}-F" } }
"#;
    const ALARMS: [(&str, &str, &str); 7] = [
        ("AWS/Lambda", "IteratorAge", "f"),
        ("AWS/States", "ExecutionsFailed", "w"),
        ("AWS/States", "ExecutionsTimedOut", "w"),
        ("AWS/Lambda", "Errors", "f"),
        ("AWS/Lambda", "Throttles", "f"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage", "q"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "l"),
    ];

    fn templates(alarms: &[(&str, &str, &str)], actions: &str) -> [Template; 2] {
        let mut text = "Resources:\n".to_owned();
        for (number, (namespace, metric, name)) in alarms.iter().enumerate() {
            let arn = if *namespace == "AWS/States" { "arn:aws:states:r:a:stateMachine:" } else { "" };
            text += &format!(
                "  A{number}: {{ Type: 'AWS::CloudWatch::Alarm', Properties: {{ Namespace: {namespace}, MetricName: {metric}, \
                 AlarmDescription: x, {actions} Dimensions: [{{ Name: n, Value: !Sub '{arn}${{D}}-{name}' }}] }} }}\n"
            );
        }
        [Template::parse("watched", WATCHED).unwrap(), Template::parse("alarms", &text).unwrap()]
    }

    #[test]
    fn everything_watched_passes_and_each_missing_alarm_is_seen() {
        assert_eq!(violations(&templates(&ALARMS, "AlarmActions: [a],")), Vec::<String>::new());
        for (number, (_, metric, _)) in ALARMS.iter().enumerate() {
            let mut fewer = ALARMS.to_vec();
            fewer.remove(number);
            let found = violations(&templates(&fewer, "AlarmActions: [a],"));
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].ends_with(&format!("no alarm on {metric}")), "{found:?}");
        }
    }

    #[test]
    fn an_alarm_that_tells_nobody_is_seen() {
        assert_eq!(violations(&templates(&ALARMS, "")).len(), ALARMS.len());
    }
}
