//! Least privilege, as far as a template shows it: what a role may do and to what is named.

use serde_json::Value;

use crate::template::Template;

/// Actions that know no resources, and so have to be allowed on `*`. Nothing else may be.
const WITHOUT_RESOURCES: &[(&str, &str)] = &[
    ("xray:PutTraceSegments", "X-Ray has no resources to name"),
    ("xray:PutTelemetryRecords", "X-Ray has no resources to name"),
    ("xray:GetSamplingRules", "X-Ray has no resources to name"),
    ("xray:GetSamplingTargets", "X-Ray has no resources to name"),
    ("states:SendTaskSuccess", TOKEN),
    ("states:SendTaskFailure", TOKEN),
    ("states:SendTaskHeartbeat", TOKEN),
    ("logs:CreateLogDelivery", DELIVERY),
    ("logs:GetLogDelivery", DELIVERY),
    ("logs:UpdateLogDelivery", DELIVERY),
    ("logs:DeleteLogDelivery", DELIVERY),
    ("logs:ListLogDeliveries", DELIVERY),
    ("logs:PutResourcePolicy", DELIVERY),
    ("logs:DescribeResourcePolicies", DELIVERY),
    ("logs:DescribeLogGroups", DELIVERY),
];
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html>
const TOKEN: &str = "a task token has no resource to name, and whoever has none can do nothing";
/// <https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html>
const DELIVERY: &str = "what a workflow's log is delivered by is the account's";

/// Violations of one template.
#[must_use]
pub fn violations(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for resource in template.resources() {
        let mut complain = |problem: String| found.push(format!("{}: {}: {problem}", template.name, resource.id));
        if !resource.properties["ManagedPolicyArns"].is_null() {
            complain("takes a policy that AWS wrote for everybody: write out what it needs".to_owned());
        }
        let own = if resource.kind == "AWS::IAM::Policy" || resource.kind == "AWS::IAM::ManagedPolicy" {
            vec![&resource.properties["PolicyDocument"]]
        } else {
            items(&resource.properties["Policies"]).map(|it| it.get("PolicyDocument").unwrap_or(it)).collect()
        };
        for statement in own.into_iter().flat_map(|document| items(&document["Statement"])) {
            judge(statement, &mut complain);
        }
    }
    found
}

fn judge(statement: &Value, complain: &mut impl FnMut(String)) {
    if statement["Effect"] != "Allow" {
        return;
    }
    for form in ["NotAction", "NotResource"] {
        if !statement[form].is_null() {
            complain(format!("{form} allows whatever AWS comes to offer"));
        }
    }
    let everything = items(&statement["Resource"]).any(|resource| text(resource).is_some_and(reaches_everything));
    for action in items(&statement["Action"]).map(|it| it.as_str().unwrap_or_default()) {
        if action.contains('*') {
            complain(format!("`{action}` allows more than it says"));
        }
        if everything && !WITHOUT_RESOURCES.iter().any(|(allowed, _)| *allowed == action) {
            complain(format!("{action} on every resource: name the resource"));
        }
    }
}

/// `*` itself, and an ARN whose resource is nothing but `*`.
fn reaches_everything(resource: &str) -> bool {
    resource == "*"
        || (resource.starts_with("arn:")
            && [":*", "/*"].iter().any(|end| resource.ends_with(end))
            && !names_something(resource))
}

/// Whether the part of an ARN that names the resource (after the account) has a word of its own, beside the kind of resource.
fn names_something(arn: &str) -> bool {
    let Some(name) = arn.splitn(6, ':').nth(5) else { return false };
    let name = ["secret:", "table/", "function:", "log-group:", "role/"]
        .iter()
        .find_map(|kind| name.strip_prefix(kind))
        .unwrap_or(name);
    name.trim_end_matches('*').chars().any(char::is_alphanumeric)
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value["Fn::Sub"].as_str()).or_else(|| value["Fn::Sub"][0].as_str())
}

/// A list, or a single value as a list of one.
fn items(value: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Value::Array(list) => (list.as_slice(), None),
        Value::Null => (&[][..], None),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => (&[][..], Some(value)),
    };
    list.iter().chain(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(statement: &str) -> Vec<String> {
        let text = format!(
            "Resources:\n  R:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n        \
             - PolicyDocument:\n            Statement:\n              - {statement}\n"
        );
        violations(&Template::parse("t", &text).unwrap())
    }

    #[test]
    fn named_resources_and_what_has_none_pass() {
        for statement in [
            "{ Effect: Allow, Action: 'dynamodb:GetItem', Resource: !GetAtt T.Arn }",
            "{ Effect: Allow, Action: 's3:PutObject', Resource: !Sub ['${B}/payloads/*', { B: b }] }",
            "{ Effect: Allow, Action: 'secretsmanager:GetSecretValue', Resource: !Sub 'arn:aws:secretsmanager:r:a:secret:${D}/webhooks/*' }",
            "{ Effect: Allow, Action: ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], Resource: '*' }",
            "{ Effect: Deny, Action: 's3:*', Resource: '*' }",
        ] {
            assert_eq!(role(statement), Vec::<String>::new(), "{statement}");
        }
    }

    #[test]
    fn wildcards_that_could_be_named_are_seen() {
        for statement in [
            "{ Effect: Allow, Action: 'dynamodb:GetItem', Resource: '*' }",
            "{ Effect: Allow, Action: ['dynamodb:GetItem'], Resource: [!GetAtt T.Arn, '*'] }",
            "{ Effect: Allow, Action: ['xray:PutTraceSegments', 's3:GetObject'], Resource: '*' }",
            "{ Effect: Allow, Action: 'secretsmanager:GetSecretValue', Resource: !Sub 'arn:aws:secretsmanager:r:a:secret:*' }",
            "{ Effect: Allow, Action: 'sqs:SendMessage', Resource: 'arn:aws:sqs:r:a:*' }",
            "{ Effect: Allow, Action: 'dynamodb:*', Resource: !GetAtt T.Arn }",
            "{ Effect: Allow, NotAction: 'iam:PassRole', Resource: !GetAtt T.Arn }",
        ] {
            assert_eq!(role(statement).len(), 1, "{statement}: {:?}", role(statement));
        }
    }

    #[test]
    fn policies_of_sam_and_of_aws_are_judged_too() {
        let text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Policies:\n        \
                    - Statement: [{ Effect: Allow, Action: 's3:GetObject', Resource: '*' }]\n  \
                    R: { Type: 'AWS::IAM::Role', Properties: { ManagedPolicyArns: [x] } }";
        let found = violations(&Template::parse("t", text).unwrap());
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
