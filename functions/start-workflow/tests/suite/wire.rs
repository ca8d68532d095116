//! What Step Functions is asked, and what its answers mean.

use serde_json::{Value, json};
use start_workflow::sfn::SfnWorkflows;
use start_workflow::{Start, WorkflowStarter, Workflows};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::{CannedHttp, PrimingTest};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:tidegate-order-saga";
const EXECUTION: &str = "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1";
const INPUT: &str = r#"{"order_id":"ord_1"}"#;

fn workflows(http: &CannedHttp) -> SfnWorkflows {
    SfnWorkflows::new(aws_sdk_sfn::Client::new(&http.sdk_config()), MACHINE.parse().unwrap())
}

/// An error whose message quotes what was sent, as the service's may.
fn error(code: &str) -> Value {
    json!({ "__type": format!("com.amazonaws.states#{code}"), "message": INPUT })
}

#[tokio::test]
async fn an_execution_is_started_by_name_and_input() {
    let http = CannedHttp::default();
    http.answer(200, json!({ "executionArn": EXECUTION, "startDate": 1_772_352_900.0 }));
    assert_eq!(workflows(&http).start("ord_1", INPUT).await.unwrap(), Start::Started);
    let asked = json!({ "stateMachineArn": MACHINE, "name": "ord_1", "input": INPUT });
    assert_eq!(http.requests(), [("StartExecution".to_owned(), asked)]);
}

#[tokio::test]
async fn a_taken_name_is_an_answer_and_its_input_can_be_seen() {
    let http = CannedHttp::default();
    http.answer(400, error("ExecutionAlreadyExists"));
    assert_eq!(workflows(&http).start("ord_1", INPUT).await.unwrap(), Start::NameTaken);
    let described = json!({
        "executionArn": EXECUTION, "stateMachineArn": MACHINE, "status": "RUNNING", "startDate": 1_772_352_900.0,
        "input": INPUT, "inputDetails": { "included": true },
    });
    http.answer(200, described);
    assert_eq!(workflows(&http).input("ord_1").await.unwrap(), INPUT);
    let asked = ("DescribeExecution".to_owned(), json!({ "executionArn": EXECUTION }));
    assert_eq!(http.requests()[1..], [asked]);
}

#[tokio::test]
async fn what_is_wrong_with_the_request_is_final_and_everything_else_may_pass() {
    for (status, code, transient) in [
        (400, "InvalidName", false),
        (400, "InvalidExecutionInput", false),
        (400, "ValidationException", false),
        (400, "StateMachineDoesNotExist", true),
        (400, "StateMachineDeleting", true),
        (400, "ExecutionLimitExceeded", true),
        (400, "ThrottlingException", true),
        (400, "AccessDeniedException", true),
        (400, "KmsAccessDeniedException", true),
        (500, "InternalServerException", true),
        (503, "ServiceUnavailable", true),
    ] {
        let http = CannedHttp::default();
        http.answer(status, error(code));
        let failed = workflows(&http).start("ord_1", INPUT).await.unwrap_err();
        assert_eq!(failed.transient, transient, "{code}");
        let text = tidegate_runtime::chain(&failed);
        assert_eq!(text, format!("cannot start the execution ord_1: {code}"), "and nothing that was sent");
    }
}

#[tokio::test]
async fn no_answer_and_an_execution_that_readers_do_not_see_yet_may_pass() {
    let http = CannedHttp::default();
    let failed = workflows(&http).start("ord_1", INPUT).await.unwrap_err();
    assert!(failed.transient, "{failed:?}");
    http.answer(400, error("ExecutionDoesNotExist"));
    let failed = workflows(&http).input("ord_1").await.unwrap_err();
    assert!(failed.transient, "{failed:?}");
    let hidden = json!({
        "executionArn": EXECUTION, "stateMachineArn": MACHINE, "status": "RUNNING", "startDate": 1_772_352_900.0,
        "inputDetails": { "included": false },
    });
    http.answer(200, hidden);
    let failed = workflows(&http).input("ord_1").await.unwrap_err();
    assert!(failed.transient, "{failed:?}");
}

#[tokio::test]
async fn priming_starts_no_workflow() {
    let primed = PrimingTest::start("").await.consumer(|function| {
        let workflows = SfnWorkflows::new(aws_sdk_sfn::Client::new(&function.aws), MACHINE.parse().unwrap());
        WorkflowStarter { ports: function.ports.clone(), workflow: "tidegate-order-saga".to_owned(), workflows }
    });
    let primed = primed.await;
    assert_eq!((primed.sent, primed.letters, primed.retried), (vec!["HEAD /".to_owned()], vec![], false));
    assert_eq!(primed.ports.total(Metric::WorkflowStarted), 1, "the sample comes to its end");
}
