//! Each rule over states, broken once.

use super::*;

const GOOD: &str = r#"{
  "StartAt": "Do",
  "States": {
    "Do": {
      "Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "${QueueUrl}", "MessageBody": {
        "command": "Do", "command_id.$": "States.Format('{}/Do', $$.Execution.Name)", "task_token.$": "$$.Task.Token" } },
      "TimeoutSeconds": 900,
      "HeartbeatSeconds": 300,
      "ResultPath": "$.done",
      "Retry": [
        { "ErrorEquals": ["Never"], "MaxAttempts": 0 },
        { "ErrorEquals": ["SQS.SdkClientException"], "MaxAttempts": 3, "MaxDelaySeconds": 9, "JitterStrategy": "FULL" }
      ],
      "Catch": [
        { "ErrorEquals": ["Refused"], "ResultPath": "$.error", "Next": "Choose" },
        { "ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": "$.error", "Next": "Park" },
        { "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Park" }
      ],
      "Next": "Choose"
    },
    "Park": {
      "Type": "Task",
      "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
      "Parameters": { "QueueUrl": "${QueueUrl}", "MessageBody": { "command": "ParkCompensation",
        "command_id.$": "States.Format('{}/Park', $$.Execution.Name)", "task_token.$": "$$.Task.Token" } },
      "TimeoutSeconds": 2,
      "HeartbeatSeconds": 1,
      "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 5, "MaxDelaySeconds": 60, "JitterStrategy": "FULL" }],
      "Catch": [{ "ErrorEquals": ["Again"], "ResultPath": "$.error", "Next": "Do" }],
      "Next": "Do"
    },
    "Choose": {
      "Type": "Choice",
      "Choices": [{ "And": [
        { "Variable": "$.done.well", "IsPresent": true },
        { "Variable": "$.done.well", "BooleanEquals": true }
      ], "Next": "Well" }],
      "Default": "Well"
    },
    "Well": { "Type": "Succeed" }
  }
}"#;

fn machine(text: &str) -> Machine {
    Machine::parse("m", text).unwrap()
}

#[test]
fn a_machine_that_keeps_every_rule_passes() {
    assert_eq!(violations(&machine(GOOD)), Vec::<String>::new());
}

#[test]
fn each_broken_rule_is_seen_and_named() {
    let cases = [
        (r#""TimeoutSeconds": 900,"#, "", "no timeout"),
        (r#""HeartbeatSeconds": 300,"#, "", "without a heartbeat"),
        (r#""HeartbeatSeconds": 300,"#, r#""HeartbeatSeconds": 900,"#, "not shorter"),
        (
            r#""task_token.$": "$$.Task.Token" } },
      "TimeoutSeconds": 900"#,
            r#""x": 1 } }, "TimeoutSeconds": 900"#,
            "does not send",
        ),
        ("'{}/Do'", "'{}/Undo'", "not its own"),
        (r#"["Refused"], "ResultPath": "$.error""#, r#"["Refused"]"#, "without a result path"),
        (r#"["Refused"], "ResultPath": "$.error""#, r#"["Refused"], "ResultPath": "$""#, "without a result path"),
        (
            r#"["States.DataLimitExceeded"], "ResultPath": "$.error", "Next": "Park""#,
            r#"["States.DataLimitExceeded"], "ResultPath": "$.error", "Next": "Choose""#,
            "no catcher of its own",
        ),
        (r#""ErrorEquals": ["States.DataLimitExceeded"]"#, r#""ErrorEquals": ["Other"]"#, "no catcher of its own"),
        (
            r#"{ "ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Park" }"#,
            r#"{ "ErrorEquals": ["States.Timeout"], "ResultPath": "$.error", "Next": "Park" }"#,
            "no catch-all",
        ),
        (r#"["Refused"]"#, r#"["States.ALL"]"#, "no catcher of its own"),
        (
            r#"["States.ALL"], "ResultPath": "$.error", "Next": "Park" }"#,
            r#"["States.ALL"], "ResultPath": "$.error", "Next": "Park" },
            { "ErrorEquals": ["Late"], "ResultPath": "$.error", "Next": "Park" }"#,
            "not the last",
        ),
        (r#""MaxAttempts": 3, "#, "", "how often"),
        (r#""MaxDelaySeconds": 9, "#, "", "longest delay"),
        (r#""MaxDelaySeconds": 9, "JitterStrategy": "FULL""#, r#""MaxDelaySeconds": 9"#, "full jitter"),
        (r#"["Again"]"#, r#"["States.Timeout"]"#, "without the person"),
        (
            r#"[{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 5"#,
            r#"[{ "ErrorEquals": ["X"], "MaxAttempts": 5"#,
            "ask again",
        ),
        (r#"{ "Variable": "$.done.well", "IsPresent": true },"#, "", "without `IsPresent`"),
        (
            r#""Variable": "$.done.well", "IsPresent": true"#,
            r#""Variable": "$.done", "IsPresent": true"#,
            "without `IsPresent`",
        ),
        (r#""IsPresent": true"#, r#""IsPresent": false"#, "without `IsPresent`"),
        (r#""And""#, r#""Or""#, "without `IsPresent`"),
        (r#""Default": "Well""#, r#""Comment": """#, "without a default"),
        (r#""Default": "Well""#, r#""Default": "Do""#, "Choose -> Do"),
        (
            r#""Next": "Choose"
    }"#,
            r#""Next": "Do" }"#,
            "Do -> Do",
        ),
        (r#""ParkCompensation""#, r#""Other""#, "goes round"),
        (
            r#""QueueUrl": "${QueueUrl}""#,
            r#""QueueUrl": "arn:aws:sqs:eu-west-1:000000000000:q""#,
            "definition substitution",
        ),
        (r#""QueueUrl": "${QueueUrl}""#, r#""QueueUrl": "https://queues.test/q""#, "definition substitution"),
        (r#""ResultPath": "$.done""#, r#""Assign": {}, "ResultPath": "$.done""#, "`Assign`"),
    ];
    for (good, bad, named) in cases {
        assert!(GOOD.contains(good), "{good}");
        let found = violations(&machine(&GOOD.replacen(good, bad, 1)));
        assert!(found.iter().any(|violation| violation.contains(named)), "{good} -> {bad}: {found:?}");
    }
}

#[test]
fn error_names_are_compared_both_ways() {
    let machines = [machine(GOOD)];
    assert_eq!(error_violations(&machines, &["Again", "Never", "Refused"]), Vec::<String>::new());
    let found = error_violations(&machines, &["Again", "Never", "Rejected"]);
    assert_eq!(
        found,
        ["Refused is handled, and no worker raises it", "Rejected is raised, and no machine handles it by name"]
    );
}
