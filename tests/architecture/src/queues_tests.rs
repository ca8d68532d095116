//! Each rule over queues, broken once.

use super::*;

const GOOD: &str = r#"
Resources:
  Function: { Type: "AWS::Serverless::Function", Properties: { Timeout: 30 } }
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      SqsManagedSseEnabled: true
      VisibilityTimeout: 180
      MessageRetentionPeriod: 345600
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Letters.Arn, maxReceiveCount: 5 }
  Letters: { Type: "AWS::SQS::Queue", Properties: { SqsManagedSseEnabled: true, MessageRetentionPeriod: 1209600 } }
  Policy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Queue]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: { Service: sns.amazonaws.com }
            Resource: !GetAtt Queue.Arn
            Condition: { ArnEquals: { "aws:SourceArn": topic } }
  LettersPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Letters]
      PolicyDocument:
        Statement:
          - Effect: Allow
            Principal: { Service: sns.amazonaws.com }
            Resource: !GetAtt Letters.Arn
            Condition: { ArnEquals: { "aws:SourceArn": topic } }
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Function
      EventSourceArn: !GetAtt Queue.Arn
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: { MaximumConcurrency: 2 }
  Subscription:
    Type: AWS::SNS::Subscription
    Properties:
      Protocol: sqs
      Endpoint: !GetAtt Queue.Arn
      RawMessageDelivery: true
      FilterPolicy: { type: [a] }
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Letters.Arn }
  Bucket:
    Type: AWS::S3::Bucket
    Properties: { LifecycleConfiguration: { Rules: [{ ExpirationInDays: 42 }] } }
"#;

fn template(text: &str) -> Template {
    Template::parse("t", text).unwrap()
}

#[test]
fn a_template_that_keeps_every_rule_passes() {
    assert_eq!(violations(&template(GOOD)), Vec::<String>::new());
    assert_eq!(payload_violations(&[template(GOOD)]), Vec::<String>::new());
}

#[test]
fn each_broken_rule_is_seen_and_named() {
    let cases = [
        ("VisibilityTimeout: 180", "VisibilityTimeout: 179", "six times"),
        ("VisibilityTimeout: 180", "", "six times"),
        ("Timeout: 30", "MemorySize: 128", "says no Timeout"),
        ("maxReceiveCount: 5", "maxReceiveCount: 4", "gives up after 4"),
        ("RedrivePolicy: { deadLetterTargetArn: !GetAtt Letters.Arn, maxReceiveCount: 5 }", "", "no dead-letter queue"),
        ("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 345600", "no longer than the queue"),
        ("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 1209600, FifoQueue: true", "FIFO"),
        ("      SqsManagedSseEnabled: true\n", "", "not encrypted"),
        ("FunctionResponseTypes: [ReportBatchItemFailures]", "", "ReportBatchItemFailures is missing"),
        (
            "FunctionResponseTypes: [ReportBatchItemFailures]",
            "FunctionResponseTypes: [X]",
            "ReportBatchItemFailures is missing",
        ),
        ("ScalingConfig: { MaximumConcurrency: 2 }", "", "MaximumConcurrency is missing"),
        ("MaximumConcurrency: 2", "MaximumConcurrency: !Ref Most", "not a parameter"),
        ("FunctionName: !Ref Function", "FunctionName: elsewhere", "not in this template"),
        ("EventSourceArn: !GetAtt Queue.Arn", "EventSourceArn: elsewhere", "neither a queue nor a table"),
        ("Timeout: 30", "Timeout: 30, Events: {}", "`Events`"),
        ("Protocol: sqs", "Protocol: https", "something else than a queue"),
        ("      RedrivePolicy: { deadLetterTargetArn: !GetAtt Letters.Arn }\n", "", "no redrive policy of its own"),
        ("RawMessageDelivery: true", "", "not raw"),
        ("FilterPolicy: { type: [a] }", "", "no filter policy"),
        ("Queues: [!Ref Queue]", "Queues: []", "send to"),
        ("Queues: [!Ref Letters]", "Queues: []", "send to"),
        ("Condition: { ArnEquals: { \"aws:SourceArn\": topic } }", "", "send to"),
    ];
    for (good, bad, named) in cases {
        assert!(GOOD.contains(good), "{good}");
        let found = violations(&template(&GOOD.replacen(good, bad, 1)));
        assert!(found.iter().any(|violation| violation.contains(named)), "{good} -> {bad}: {found:?}");
    }
}

#[test]
fn a_payload_that_expires_before_its_last_message_is_seen() {
    let found = payload_violations(&[template(&GOOD.replace("ExpirationInDays: 42", "ExpirationInDays: 41"))]);
    assert_eq!(found, ["t: Bucket: expires after 41 days, a message may live 41"]);
}

#[test]
fn filter_policies_name_their_attributes() {
    assert_eq!(filtered_attributes(&template(GOOD)), ["type"]);
    let either = GOOD.replace("{ type: [a] }", "{ $or: [{ type: [a] }, { type: [b], colour: [c] }] }");
    assert_eq!(filtered_attributes(&template(&either)), ["type", "colour", "type"]);
}
