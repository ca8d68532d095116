//! The local Runtime API against a real `lambda_runtime` process, and the fault proxy between two real parties.
#![expect(clippy::unwrap_used, reason = "the helpers of tests fail as tests do")]

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tidegate_testkit::lambda_api::{
    Action, Answer, Fault, FaultProxy, Function, Hold, LambdaApi, Outcome, Server, When,
};

const PATIENCE: Duration = Duration::from_secs(20);
const NOTHING: &[(&str, &str)] = &[];
const CLAIM: &str = "DynamoDB_20120810.UpdateItem";
const PUBLISH: &str = "Example.Publish";

/// Cargo builds a package's examples with its tests and puts them next to the tests' own folder.
fn scripted_function() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(|deps| deps.parent()).unwrap().join("examples/scripted-function");
    assert!(path.exists(), "{} is missing; build it with `cargo build --examples`", path.display());
    path
}

async fn started(env: &[(&str, &str)]) -> (LambdaApi, Function) {
    let api = LambdaApi::start().await.unwrap();
    let function = Function::spawn(&api, scripted_function(), env).unwrap();
    function.ready().await.unwrap();
    (api, function)
}

/// An AWS that agrees to everything.
async fn aws() -> Server {
    Server::start(|request| async move {
        let host = request.headers().get("host").map_or(&b""[..], |host| host.as_bytes()).to_vec();
        Answer::new(200, host)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_function_answers_one_invocation_after_the_other() {
    let (_api, function) = started(NOTHING).await;
    for number in 0..3 {
        let outcome = function.invoke(json!({"do": "echo", "value": number}), PATIENCE).await;
        assert_eq!(outcome.json().unwrap(), json!(number));
    }
}

#[tokio::test]
async fn invocations_started_together_get_their_own_answers() {
    let (_api, function) = started(NOTHING).await;
    let (first, second) = (json!({"do": "echo", "value": "first"}), json!({"do": "echo", "value": "second"}));
    let (first, second) = tokio::join!(function.invoke(first, PATIENCE), function.invoke(second, PATIENCE));
    assert_eq!((first.json().unwrap(), second.json().unwrap()), (json!("first"), json!("second")));
}

#[tokio::test]
async fn the_first_request_for_work_tells_time_and_cpu() {
    let api = LambdaApi::start().await.unwrap();
    let function = Function::spawn(&api, scripted_function(), NOTHING).unwrap();
    let start = function.ready().await.unwrap();
    assert!(start.cpu > Duration::from_micros(50), "loading a program takes more than {:?}", start.cpu);
    assert!(start.cpu < Duration::from_secs(5), "{start:?}");
    assert!(start.elapsed < PATIENCE, "{start:?}");
}

#[tokio::test]
async fn cpu_and_memory_are_those_of_the_process() {
    let (_api, function) = started(NOTHING).await;
    let before = function.cpu().unwrap();
    let _ = function.invoke(json!({"do": "spin"}), PATIENCE).await.response().unwrap();
    let spent = function.cpu().unwrap().checked_sub(before).unwrap();
    assert!(spent > Duration::from_millis(1) && spent < PATIENCE, "{spent:?}");
    // Finer than the kernel's tick of 1 to 10 ms.
    assert_ne!(spent.subsec_nanos() % 1_000_000, 0, "{spent:?}");
    let memory = function.resident_memory().unwrap();
    assert!((256 << 10..256 << 20).contains(&memory), "{memory}");
}

#[tokio::test]
async fn a_function_finds_what_lambda_sets_and_nothing_of_the_test() {
    let (_api, function) = started(&[("GIVEN_BY_TEST", "1"), ("AWS_LAMBDA_FUNCTION_NAME", "named-by-test")]).await;
    let names = function.invoke(json!({"do": "environment"}), PATIENCE).await.json().unwrap();
    let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(names.contains(&"GIVEN_BY_TEST") && names.contains(&"AWS_REGION"), "{names:?}");
    assert!(!names.contains(&"CARGO_MANIFEST_DIR") && !names.contains(&"HOME"), "{names:?}");

    let context = function.invoke(json!({"do": "context"}), Duration::from_secs(60)).await.json().unwrap();
    assert_eq!((&context["function"], &context["memory"]), (&json!("named-by-test"), &json!(128)));
    assert_eq!(context["request_id"].as_str().unwrap().len(), 36);
    assert!(context["deadline"].as_u64().unwrap() > 1_700_000_000_000, "{context}");
}

#[tokio::test]
async fn a_failed_invocation_is_its_error_object() {
    let (_api, function) = started(NOTHING).await;
    let Outcome::Error(error) = function.invoke(json!({"do": "fail"}), PATIENCE).await else {
        panic!("it did not fail")
    };
    assert_eq!(error["errorMessage"], json!("told to fail"));
    // The process is not lost with it.
    assert_eq!(function.invoke(json!({"do": "echo", "value": 1}), PATIENCE).await.json().unwrap(), json!(1));
}

#[tokio::test]
async fn a_process_that_ends_is_a_crash_and_its_successor_gets_the_environment() {
    let (api, function) = started(NOTHING).await;
    let Outcome::Crashed(status) = function.invoke(json!({"do": "exit"}), PATIENCE).await else { panic!("it lives") };
    assert_eq!(status.code(), Some(3));
    assert!(matches!(function.invoke(json!({"do": "fail"}), PATIENCE).await, Outcome::Crashed(_)));

    let successor = Function::spawn(&api, scripted_function(), NOTHING).unwrap();
    successor.ready().await.unwrap();
    assert_eq!(successor.invoke(json!({"do": "echo", "value": 2}), PATIENCE).await.json().unwrap(), json!(2));
}

#[tokio::test]
async fn a_second_process_on_an_environment_in_use_is_refused() {
    let (api, function) = started(NOTHING).await;
    assert!(Function::spawn(&api, scripted_function(), NOTHING).is_err());
    function.kill().await.unwrap();
    assert!(Function::spawn(&api, scripted_function(), NOTHING).is_ok());
}

#[tokio::test]
async fn a_failed_start_is_told_with_its_reason() {
    let api = LambdaApi::start().await.unwrap();
    let function = Function::spawn(&api, scripted_function(), &[("FAIL_TO_START", "1")]).unwrap();
    let error = function.ready().await.unwrap_err().to_string();
    assert!(error.contains("told not to start"), "{error}");
}

#[tokio::test]
async fn a_function_past_its_time_is_reported_and_dies_when_dropped() {
    let (_api, function) = started(NOTHING).await;
    let outcome = function.invoke(json!({"do": "hang"}), Duration::from_millis(20)).await;
    assert!(matches!(outcome, Outcome::TimedOut));
    let process = format!("/proc/{}/stat", function.pid());
    drop(function);
    // Gone or a zombie that the runtime will reap: dead in either case.
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::fs::read_to_string(&process).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(std::time::Instant::now() < deadline, "the process outlived its handle");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_kill_before_forwarding_leaves_aws_untouched_and_one_after_it_does_not() {
    for (when, reached) in [(When::BeforeForward, 1), (When::AfterForward, 2)] {
        let aws = aws().await;
        let behind = FaultProxy::start(&aws.endpoint()).await.unwrap();
        let proxy = FaultProxy::start(&behind.endpoint()).await.unwrap();
        let (_api, function) = started(&[("AWS_ENDPOINT_URL", &proxy.endpoint())]).await;

        let killer = function.killer();
        proxy.inject(Fault::new(CLAIM, when, Action::kill(move || killer.kill())).nth(2));
        let calls = json!({"do": "call", "operations": [CLAIM, PUBLISH, CLAIM, PUBLISH]});
        let outcome = function.invoke(calls, PATIENCE).await;
        assert!(matches!(outcome, Outcome::Crashed(_)), "{when:?}: {outcome:?}");
        assert_eq!((proxy.count(CLAIM), proxy.count(PUBLISH)), (2, 1), "{when:?}");
        assert_eq!((behind.count("UpdateItem"), behind.count("Publish")), (reached, 1), "{when:?}");
    }
}

#[tokio::test]
async fn a_status_strikes_once_or_lasts() {
    let aws = aws().await;
    let proxy = FaultProxy::start(&aws.endpoint()).await.unwrap();
    let (_api, function) = started(&[("AWS_ENDPOINT_URL", &proxy.endpoint())]).await;
    let calls = json!({"do": "call", "operations": [PUBLISH, PUBLISH, PUBLISH]});

    proxy.inject(Fault::new(PUBLISH, When::BeforeForward, Action::Status(503)).nth(2));
    assert_eq!(function.invoke(&calls, PATIENCE).await.json().unwrap(), json!([200, 503, 200]));
    proxy.inject(Fault::new(PUBLISH, When::AfterForward, Action::Status(500)).nth(2).from_then_on());
    assert_eq!(function.invoke(&calls, PATIENCE).await.json().unwrap(), json!([200, 500, 500]));
    proxy.clear();
    assert_eq!(function.invoke(&calls, PATIENCE).await.json().unwrap(), json!([200, 200, 200]));
}

#[tokio::test]
async fn a_connection_is_hung_up_without_an_answer() {
    let aws = aws().await;
    let proxy = FaultProxy::start(&aws.endpoint()).await.unwrap();
    proxy.inject(Fault::new("GET /", When::BeforeForward, Action::HangUp));
    assert!(reqwest::get(proxy.endpoint()).await.is_err());
    assert!(reqwest::get(proxy.endpoint()).await.is_ok());
}

#[tokio::test]
async fn an_answer_of_the_tests_own_takes_the_place_of_the_services() {
    let aws = aws().await;
    let proxy = FaultProxy::start(&aws.endpoint()).await.unwrap();
    proxy.inject(Fault::new("GET /", When::BeforeForward, Action::Answer("made up".into())));
    let answer = reqwest::get(proxy.endpoint()).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (200, "made up"));
    assert_ne!(reqwest::get(proxy.endpoint()).await.unwrap().text().await.unwrap(), "made up");
}

#[tokio::test]
async fn a_held_call_waits_while_others_overtake_it() {
    let aws = aws().await;
    let proxy = FaultProxy::start(&aws.endpoint()).await.unwrap();
    let (_api, slow) = started(&[("AWS_ENDPOINT_URL", &proxy.endpoint())]).await;
    let (_other, quick) = started(&[("AWS_ENDPOINT_URL", &proxy.endpoint())]).await;

    let hold = Hold::new();
    proxy.inject(Fault::new(CLAIM, When::BeforeForward, Action::Hold(hold.clone())));
    let calls = json!({"do": "call", "operations": [CLAIM]});
    let overtake = async {
        hold.reached().await;
        let overtaken = quick.invoke(&calls, PATIENCE).await.json().unwrap();
        hold.release();
        overtaken
    };
    let (held, overtaken) = tokio::join!(slow.invoke(&calls, PATIENCE), overtake);
    assert_eq!((held.json().unwrap(), overtaken), (json!([200]), json!([200])));
}

#[tokio::test]
async fn calls_are_named_by_their_operation_whatever_the_protocol() {
    let aws = aws().await;
    let proxy = FaultProxy::start(&aws.endpoint()).await.unwrap();
    let (client, endpoint) = (reqwest::Client::new(), proxy.endpoint());
    let json = client.post(&endpoint).header("X-Amz-Target", "secretsmanager.GetSecretValue").body("{}");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let query =
        client.post(&endpoint).header(form.0, form.1).body("Version=2010-03-31&Action=Publish&TopicArn=example");
    let s3 = client.put(format!("{endpoint}/bucket/payloads/1")).header("x-amz-content-sha256", "made-up");
    let s3 = s3.body("Action=none of S3's");
    let unnamed = client.head(format!("{endpoint}/bucket"));
    for request in [json, query, s3, unnamed] {
        assert!(request.send().await.unwrap().status().is_success());
    }
    let operations: Vec<String> = proxy.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(operations, ["GetSecretValue", "Publish", "PutObject", "HEAD /bucket"]);
}

#[tokio::test]
async fn what_was_signed_is_forwarded_as_it_came() {
    let aws = aws().await;
    let proxy = FaultProxy::start(&aws.endpoint()).await.unwrap();
    let request =
        reqwest::Client::new().put(proxy.endpoint()).header("Host", "s3.example.test").body("\0 any bytes \u{ff}");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "s3.example.test");
    proxy.wait_for("PUT /", 1).await;
    assert_eq!(proxy.calls()[0].body, "\0 any bytes \u{ff}");
}
