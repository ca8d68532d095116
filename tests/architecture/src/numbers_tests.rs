use super::*;

const QUEUE: &str = r#"
Resources:
  F: { Type: "AWS::Serverless::Function", Properties: { CodeUri: ../build/lambda/f, Timeout: 30 } }
  Q:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: 180
      MessageRetentionPeriod: 345600
      RedrivePolicy: { deadLetterTargetArn: !GetAtt L.Arn, maxReceiveCount: 25 }
  L: { Type: "AWS::SQS::Queue", Properties: { MessageRetentionPeriod: 1209600 } }
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { FunctionName: !Ref F, EventSourceArn: !GetAtt Q.Arn, BatchSize: 10 }
  I:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { IntegrationUri: !GetAtt F.Arn, TimeoutInMillis: 31000 }
"#;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn worker() -> Consumer {
    consumers(&[Template::parse("t", QUEUE).unwrap()]).remove(0)
}

fn machine(state: &str) -> [Machine; 1] {
    let text = format!(
        r#"{{"StartAt": "A", "States": {{"A": {{"Type": "Task", "Resource": "x.waitForTaskToken", {state}}}}}}}"#
    );
    [Machine::parse("m", &text).unwrap()]
}

#[test]
fn a_consumer_is_read_from_its_template() {
    let Consumer { name, timeout, batch_size, visibility, retention, receives, dead_letters } = worker();
    assert_eq!((name.as_str(), timeout, batch_size, visibility), ("f", secs(30), 10, secs(180)));
    assert_eq!((retention, receives, dead_letters), (secs(345_600), 25, secs(1_209_600)));
}

#[test]
fn a_queue_that_gives_up_first_or_forgets_is_seen() {
    assert_eq!(giving_up(&worker(), 20, secs(900)), Vec::<String>::new());
    assert!(giving_up(&worker(), 25, secs(900))[0].contains("maxReceiveCount"));
    assert!(giving_up(&worker(), 20, secs(43_200))[0].contains("retention"));
}

#[test]
fn a_heartbeat_or_a_timeout_that_comes_too_early_is_seen() {
    let good = machine(r#""HeartbeatSeconds": 300, "TimeoutSeconds": 900"#);
    assert_eq!(heartbeats(&good, &worker(), secs(200)), Vec::<String>::new());
    assert_eq!(heartbeats(&good, &worker(), secs(300)).len(), 1);
    assert_eq!(heartbeats(&machine(r#""HeartbeatSeconds": 200"#), &worker(), secs(1)).len(), 1, "after a crash");
    assert_eq!((timeouts(&good, secs(900)).len(), timeouts(&good, secs(899)).len()), (0, 1));
}

#[test]
fn a_park_that_outlasts_its_execution_is_seen() {
    let park = |attempts: u32| {
        machine(&format!(
            r#""HeartbeatSeconds": 86400, "Parameters": {{"MessageBody": {{"command": "ParkCompensation"}}}},
               "Retry": [{{"ErrorEquals": ["States.HeartbeatTimeout"], "MaxAttempts": {attempts}, "MaxDelaySeconds": 2}}]"#
        ))
    };
    assert_eq!((parks(&park(340)).len(), parks(&park(365)).len()), (0, 1));
}

#[test]
fn the_time_between_two_states_counts_every_retry() {
    let text = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Task", "TimeoutSeconds": 1000, "Next": "B"},
        "B": {"Type": "Task", "TimeoutSeconds": 100, "Retry": [{"MaxAttempts": 2, "MaxDelaySeconds": 5}], "Next": "C"},
        "C": {"Type": "Task", "TimeoutSeconds": 10, "End": true}}}"#;
    let machine = Machine::parse("m", text).unwrap();
    assert_eq!(longest_between(&machine, "A", "C"), secs(3 * 100 + 2 * 5 + 10));
    assert_eq!(longest_between(&machine, "C", "A"), Duration::MAX, "there is no such way");
}

#[test]
fn an_integration_that_ends_before_its_function_is_seen() {
    let found = |millis: &str| integrations(&Template::parse("t", &QUEUE.replace("31000", millis)).unwrap()).len();
    assert_eq!((found("30999"), found("31000")), (1, 1), "30 s and a second are more than API Gateway allows");
    let quick = QUEUE.replace("Timeout: 30", "Timeout: 6").replace("31000", "7000");
    assert_eq!(integrations(&Template::parse("t", &quick).unwrap()), Vec::<String>::new());
    assert_eq!(integrations(&Template::parse("t", &quick.replace("7000", "6000")).unwrap()).len(), 1);
}

#[test]
fn thresholds_are_found_by_metric_and_name() {
    let text = "Resources:\n  A: { Type: 'AWS::CloudWatch::Alarm', Properties: { MetricName: IteratorAge, Threshold: 5, \
                Dimensions: [{ Name: n, Value: !Sub '${D}-f' }] } }";
    let templates = [Template::parse("t", text).unwrap()];
    assert_eq!(thresholds(&templates, "IteratorAge", "f"), [5]);
    assert_eq!(thresholds(&templates, "IteratorAge", "g"), [0; 0]);
}
