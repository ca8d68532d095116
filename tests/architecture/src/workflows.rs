//! How a state machine is deployed: its definition complete, its failures written down without what it carries, and traced.

use std::collections::BTreeSet;

use crate::machine::Machine;
use crate::template::Template;

/// Violations of one template, given the machines there are.
#[must_use]
pub fn violations(template: &Template, machines: &[Machine]) -> Vec<String> {
    let mut found = Vec::new();
    for workflow in template.of_kind("AWS::Serverless::StateMachine") {
        let mut complain = |problem: String| found.push(format!("{}: {}: {problem}", template.name, workflow.id));
        let properties = workflow.properties;
        let file = properties["DefinitionUri"].as_str().and_then(|uri| uri.strip_prefix("../statemachines/"));
        let Some(machine) = machines.iter().find(|machine| Some(machine.name.as_str()) == file) else {
            complain("its definition is none of statemachines/".to_owned());
            continue;
        };
        let given: BTreeSet<_> = properties["DefinitionSubstitutions"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        let text = machine.root.to_string();
        let wanted = placeholders(&text);
        if given != wanted {
            complain(format!("substitutes {given:?}, where {} has {wanted:?}", machine.name));
        }
        if properties["Type"] != "STANDARD" {
            complain("forgets what it did: its Type must be STANDARD".to_owned());
        }
        if properties["Tracing"]["Enabled"] != true {
            complain("is not traced".to_owned());
        }
        let logging = &properties["Logging"];
        if logging["Destinations"].as_array().is_none_or(Vec::is_empty)
            || logging["Level"] == "OFF"
            || logging["Level"].is_null()
        {
            complain("fails without a line in a log".to_owned());
        }
        if logging["IncludeExecutionData"] != false {
            complain("writes addresses and task tokens into its log: IncludeExecutionData must be false".to_owned());
        }
        if template.target(&properties["Role"]).is_none_or(|role| role.kind != "AWS::IAM::Role") {
            complain("has no role of its own in this template".to_owned());
        }
    }
    found
}

/// The names in `${…}`.
fn placeholders(text: &str) -> BTreeSet<&str> {
    text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r"
Resources:
  Role: { Type: 'AWS::IAM::Role' }
  Saga:
    Type: AWS::Serverless::StateMachine
    Properties:
      Type: STANDARD
      DefinitionUri: ../statemachines/m.asl.json
      DefinitionSubstitutions: { A: !Ref A }
      Role: !GetAtt Role.Arn
      Logging: { Level: ERROR, IncludeExecutionData: false, Destinations: [x] }
      Tracing: { Enabled: true }
";

    fn found(text: &str) -> Vec<String> {
        let machine = Machine::parse("m.asl.json", r#"{ "QueueUrl": "${A}", "Again": "${A}" }"#).unwrap();
        violations(&Template::parse("t", text).unwrap(), &[machine])
    }

    #[test]
    fn a_workflow_that_keeps_every_rule_passes() {
        assert_eq!(found(GOOD), Vec::<String>::new());
    }

    #[test]
    fn each_broken_rule_is_seen_and_named() {
        let cases = [
            ("/m.asl", "/n.asl", "none of statemachines/"),
            ("{ A: !Ref A }", "{ B: !Ref A }", "substitutes"),
            ("{ A: !Ref A }", "{ A: !Ref A, B: x }", "substitutes"),
            ("Type: STANDARD", "Type: EXPRESS", "must be STANDARD"),
            ("Enabled: true", "Enabled: false", "not traced"),
            ("Level: ERROR", "Level: 'OFF'", "without a line"),
            ("Destinations: [x]", "Destinations: []", "without a line"),
            ("IncludeExecutionData: false", "IncludeExecutionData: true", "task tokens"),
            ("!GetAtt Role.Arn", "elsewhere", "no role of its own"),
        ];
        for (good, bad, named) in cases {
            assert!(GOOD.contains(good), "{good}");
            let found = found(&GOOD.replacen(good, bad, 1));
            assert!(found.iter().any(|violation| violation.contains(named)), "{good} -> {bad}: {found:?}");
        }
    }
}
