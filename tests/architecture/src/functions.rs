//! What every function has: a trace, a log group that forgets, a role of its own.

use serde_json::Value;

use crate::template::{Resource, Template};

/// Violations of one template.
#[must_use]
pub fn violations(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for function in template.resources().filter(|it| is_function(*it)) {
        let mut complain = |problem: &str| found.push(format!("{}: {}: {problem}", template.name, function.id));
        let property = |path: &[&str]| template.function_property(function, path);

        if property(&["Tracing"]) != "Active" {
            complain("is not traced: Tracing must be Active");
        }
        if property(&["LoggingConfig", "LogFormat"]) != "JSON" {
            complain("logs are not JSON");
        }
        let group =
            template.target(&property(&["LoggingConfig", "LogGroup"])).filter(|it| it.kind == "AWS::Logs::LogGroup");
        if group.is_none() {
            complain("has no log group in this template: Lambda would make one that never forgets");
        }
        if template.target(&property(&["Role"])).is_none_or(|role| role.kind != "AWS::IAM::Role") {
            complain("has no role of its own in this template: SAM's would reach every log group");
        }
        let name = function.properties["FunctionName"]["Fn::Sub"].as_str();
        let name = name.and_then(|name| name.strip_prefix("${Deployment}-"));
        if name.is_none() {
            complain("is not named after its deployment");
        } else if name != crate_of(function) {
            complain("is not named after its crate: `tidegate logs` and the alarms go by that name");
        }
    }
    for group in template.of_kind("AWS::Logs::LogGroup") {
        if !is_finite(template, &group.properties["RetentionInDays"]) {
            found.push(format!("{}: {}: keeps logs for ever", template.name, group.id));
        }
    }
    found
}

/// Whether a resource is a function.
#[must_use]
pub fn is_function(resource: Resource<'_>) -> bool {
    matches!(resource.kind, "AWS::Serverless::Function" | "AWS::Lambda::Function")
}

/// The crate under `functions/` whose code a function runs.
#[must_use]
pub fn crate_of(function: Resource<'_>) -> Option<&str> {
    function.properties["CodeUri"].as_str()?.strip_prefix("../build/lambda/")
}

/// A number of days, or a parameter that takes nothing else.
fn is_finite(template: &Template, retention: &Value) -> bool {
    let all_positive =
        |values: &Vec<Value>| !values.is_empty() && values.iter().all(|it| it.as_u64().is_some_and(|days| days > 0));
    retention.as_u64().is_some_and(|days| days > 0)
        || template.parameter(retention).is_some_and(|it| it["AllowedValues"].as_array().is_some_and(all_positive))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
Parameters:
  Days: { Type: Number, AllowedValues: [7, 30] }
Globals:
  Function: { Tracing: Active, LoggingConfig: { LogFormat: JSON } }
Resources:
  Role: { Type: "AWS::IAM::Role" }
  Logs: { Type: "AWS::Logs::LogGroup", Properties: { RetentionInDays: !Ref Days } }
  Function:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${Deployment}-f"
      CodeUri: ../build/lambda/f
      Role: !GetAtt Role.Arn
      LoggingConfig: { LogGroup: !Ref Logs }
"#;

    #[test]
    fn a_function_that_keeps_every_rule_passes() {
        assert_eq!(violations(&Template::parse("t", GOOD).unwrap()), Vec::<String>::new());
    }

    #[test]
    fn each_broken_rule_is_seen_and_named() {
        let cases = [
            ("Tracing: Active,", "", "not traced"),
            ("LogFormat: JSON", "LogFormat: Text", "not JSON"),
            ("LoggingConfig: { LogGroup: !Ref Logs }", "", "no log group"),
            ("Role: !GetAtt Role.Arn", "", "no role of its own"),
            ("RetentionInDays: !Ref Days", "", "for ever"),
            ("AllowedValues: [7, 30]", "AllowedValues: [0, 30]", "for ever"),
            ("AllowedValues: [7, 30]", "Default: 7", "for ever"),
            ("${Deployment}-f", "f", "named after its deployment"),
            ("/lambda/f", "/lambda/g", "named after its crate"),
        ];
        for (good, bad, named) in cases {
            assert!(GOOD.contains(good), "{good}");
            let found = violations(&Template::parse("t", &GOOD.replacen(good, bad, 1)).unwrap());
            assert!(found.iter().any(|violation| violation.contains(named)), "{good} -> {bad}: {found:?}");
        }
    }
}
