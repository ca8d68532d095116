//! What a table with an outbox has, so that nothing committed goes unsaid: a stream of new images, a mapping that skips nothing, a right to
//! read it, and a life of its own when its stack goes.
//!
//! Source: `toolkit/outbox` and the documentation of `functions/relay-outbox`.

use serde_json::Value;

use crate::template::{Resource, Template};

/// What would have a mapping pass over records, or take a failure for a success.
const SKIPS: &[&str] = &[
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "MaximumRecordAgeInSeconds",
    "DestinationConfig",
    "FilterCriteria",
    "FunctionResponseTypes",
];

/// Violations of one template.
#[must_use]
pub fn violations(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for table in template.of_kind("AWS::DynamoDB::Table") {
        let mut complain = |problem: &str| found.push(format!("{}: {}: {problem}", template.name, table.id));
        judge_table(template, table, &mut complain);
    }
    for mapping in stream_mappings(template) {
        let mut complain = |problem: &str| found.push(format!("{}: {}: {problem}", template.name, mapping.id));
        judge_mapping(template, mapping, &mut complain);
    }
    found
}

/// The mappings of a template whose source is a table's stream.
pub fn stream_mappings(template: &Template) -> impl Iterator<Item = Resource<'_>> {
    template.of_kind("AWS::Lambda::EventSourceMapping").filter(|it| source(template, *it).is_some())
}

fn source<'t>(template: &'t Template, mapping: Resource<'_>) -> Option<Resource<'t>> {
    template.target(&mapping.properties["EventSourceArn"]).filter(|it| it.kind == "AWS::DynamoDB::Table")
}

fn judge_table(template: &Template, table: Resource<'_>, complain: &mut impl FnMut(&str)) {
    let properties = table.properties;
    if properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] != true {
        complain("cannot be brought back to where it was: PointInTimeRecovery is off");
    }
    // What expires by itself within days may go with its stack.
    let expires = properties["TimeToLiveSpecification"]["Enabled"] == true;
    if !expires && !table.deletion_policy.is_some_and(|it| it.starts_with("Retain")) {
        complain("goes with its stack, and its books with it");
    }
    let stream = &properties["StreamSpecification"];
    if stream.is_null() {
        return;
    }
    if stream["StreamViewType"] != "NEW_IMAGE" {
        complain("its stream does not show the new image, where the outbox is");
    }
    if !stream_mappings(template).any(|it| source(template, it).is_some_and(|source| source.id == table.id)) {
        complain("nobody says what its stream shows");
    }
}

fn judge_mapping(template: &Template, mapping: Resource<'_>, complain: &mut impl FnMut(&str)) {
    if mapping.properties["StartingPosition"] != "TRIM_HORIZON" {
        complain("passes over what was committed before it was there: StartingPosition must be TRIM_HORIZON");
    }
    for skip in SKIPS.iter().filter(|it| !mapping.properties[**it].is_null()) {
        complain(&format!("{skip} may leave unsaid what was committed"));
    }
    let stream = &mapping.properties["EventSourceArn"];
    let reads = |statement: &Value| {
        let actions: Vec<_> = statement["Action"].as_array().into_iter().flatten().collect();
        statement["Effect"] == "Allow"
            && statement["Resource"] == *stream
            && actions.iter().any(|it| **it == "dynamodb:GetRecords")
    };
    let readable = template
        .of_kind("AWS::IAM::Policy")
        .any(|policy| policy.properties["PolicyDocument"]["Statement"].as_array().into_iter().flatten().any(reads));
    if !readable {
        complain("no policy of this template lets its function read this very stream");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: RetainExceptOnCreate
    Properties:
      StreamSpecification: { StreamViewType: NEW_IMAGE }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      PolicyDocument:
        Statement:
          - { Effect: Allow, Action: ["dynamodb:GetRecords"], Resource: !GetAtt Table.StreamArn }
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { EventSourceArn: !GetAtt Table.StreamArn, StartingPosition: TRIM_HORIZON }
"#;

    fn found(text: &str) -> Vec<String> {
        violations(&Template::parse("t", text).unwrap())
    }

    #[test]
    fn a_table_whose_outbox_is_said_passes_and_so_does_one_that_expires() {
        assert_eq!(found(GOOD), Vec::<String>::new());
        let expires = "Resources:\n  T:\n    Type: AWS::DynamoDB::Table\n    DeletionPolicy: Delete\n    Properties:\n      \
                       TimeToLiveSpecification: { Enabled: true }\n      \
                       PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }";
        assert_eq!(found(expires), Vec::<String>::new());
    }

    #[test]
    fn each_broken_rule_is_seen_and_named() {
        let mut cases = vec![
            ("NEW_IMAGE".to_owned(), "KEYS_ONLY".to_owned(), "does not show the new image"),
            ("RetainExceptOnCreate".to_owned(), "Delete".to_owned(), "goes with its stack"),
            ("PointInTimeRecoveryEnabled: true".to_owned(), String::new(), "PointInTimeRecovery is off"),
            ("AWS::Lambda::EventSourceMapping".to_owned(), "T".to_owned(), "nobody says"),
            ("TRIM_HORIZON".to_owned(), "LATEST".to_owned(), "must be TRIM_HORIZON"),
            ("Effect: Allow".to_owned(), "Effect: Deny".to_owned(), "no policy"),
            ("dynamodb:GetRecords".to_owned(), "dynamodb:GetItem".to_owned(), "no policy"),
        ];
        let starts = "StartingPosition: TRIM_HORIZON";
        cases.extend(SKIPS.iter().map(|it| (starts.to_owned(), format!("{starts}, {it}: 1"), *it)));
        for (good, bad, named) in cases {
            assert!(GOOD.contains(&good), "{good}");
            let found = found(&GOOD.replacen(&good, &bad, 1));
            assert!(found.iter().any(|it| it.contains(named)), "{good} -> {bad}: {found:?}");
        }
    }
}
